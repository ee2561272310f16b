"""What an engine says of itself, and does with images, volumes and networks."""

from swarm_testkit.conformance.engine_calls import (
    FOREVER,
    IMAGE,
    Calls,
    check_fields,
    labels_of,
    new_name,
    now,
)

_INFO = {
    "ID": str, "Name": str, "Containers": int, "ContainersRunning": int, "ContainersPaused": int, "ContainersStopped": int,
    "Images": int, "NCPU": int, "MemTotal": int, "Labels": list, "ServerVersion": str, "SystemTime": str, "OSType": str,
    "Architecture": str, "OperatingSystem": str, "KernelVersion": str, "Driver": str, "Swarm": dict,
}  # fmt: skip
_IMAGE = {"Id": str, "RepoTags": list, "Created": int, "Size": int}
_VOLUME = {"Name": str, "Driver": str, "Mountpoint": str, "Scope": str, "CreatedAt": str}
_NETWORK = {
    "Name": str, "Id": str, "Created": str, "Scope": str, "Driver": str, "IPAM": dict, "Internal": bool, "Attachable": bool,
    "Containers": dict, "Options": dict, "Labels": dict,
}  # fmt: skip


class ObjectConformance:
    """A part of `EngineConformance`."""

    async def test_a_ping_tells_the_version_of_the_api(self, calls: Calls) -> None:
        """A ping says OK, and its headers say what is spoken."""
        answer = await calls.get("/_ping")
        assert (answer.status, answer.body) == (200, b"OK")
        assert answer.headers["ostype"] == "linux"
        major, minor = answer.headers["api-version"].split(".")
        assert (int(major), int(minor)) >= (1, 41)

    async def test_info_describes_the_machine(self, calls: Calls) -> None:
        """Info has what an engine's record is made of, and its clock."""
        info = (await calls.get("/info")).body
        check_fields(info, _INFO)
        assert info["NCPU"] > 0 and info["MemTotal"] > 0
        assert info["ID"] == (await calls.get("/info")).body["ID"]

    async def test_version_tells_oldest_and_newest(self, calls: Calls) -> None:
        """The version names both ends of the API's range."""
        version = (await calls.get("/version")).body
        check_fields(
            version, {"Version": str, "ApiVersion": str, "MinAPIVersion": str, "Os": str, "Arch": str}
        )

    async def test_a_version_out_of_range_is_refused(self, calls: Calls) -> None:
        """A client that speaks a newer version is told the newest one."""
        newest = (await calls.get("/version")).body["ApiVersion"]
        answer = await calls.get("/v1.99/info")
        assert answer.status == 400
        assert answer.message == f"client version 1.99 is too new. Maximum supported API version is {newest}"

    async def test_a_path_may_begin_with_a_version(self, calls: Calls) -> None:
        """The same answer with a version that both speak."""
        assert (await calls.get("/v1.41/info")).body["ID"] == (await calls.get("/info")).body["ID"]

    async def test_an_unknown_path_is_not_found(self, calls: Calls) -> None:
        """404 and docker's words."""
        answer = await calls.get("/v1.41/zork")
        assert (answer.status, answer.message) == (404, "page not found")

    async def test_images_are_listed_and_inspected(self, calls: Calls) -> None:
        """By name and by id."""
        listed = (await calls.get("/images/json")).body
        (image,) = [one for one in listed if IMAGE in (one["RepoTags"] or ())]
        check_fields(image, _IMAGE)
        for wanted in (IMAGE, image["Id"], image["Id"].removeprefix("sha256:")[:12]):
            whole = (await calls.get(f"/images/{wanted}/json")).body
            assert (whole["Id"], whole["Os"]) == (image["Id"], "linux")
        absent = await calls.get("/images/zz/json")
        assert absent.status == 404 and absent.message.endswith("No such image: zz:latest")

    async def test_an_image_gets_and_loses_a_name(self, calls: Calls) -> None:
        """With an event for each."""
        name = new_name("i")
        id_ = (await calls.get(f"/images/{IMAGE}/json")).body["Id"]
        async with calls.hearing(since=now(), filters={"type": ["image"]}) as heard:
            assert (await calls.post(f"/images/{IMAGE}/tag", repo=name, tag="1")).status == 201
            assert f"{name}:1" in (await calls.get(f"/images/{IMAGE}/json")).body["RepoTags"]
            assert (await calls.delete(f"/images/{name}:1")).body == [{"Untagged": f"{name}:1"}]
            await heard.until(lambda: "untag" in heard.actions(id_))
        assert heard.actions(id_) == ["tag", "untag"]

    async def test_an_image_in_use_stays(self, calls: Calls) -> None:
        """A conflict names the container."""
        id_ = await calls.create("true")
        refused = await calls.delete(f"/images/{IMAGE}")
        assert refused.status == 409
        assert refused.message.startswith(
            f'conflict: unable to remove repository reference "{IMAGE}" (must force)'
        )
        await calls.delete(f"/containers/{id_}")

    async def test_an_image_that_nobody_has_is_not_pulled(self, calls: Calls) -> None:
        """An error, and not a success with an error inside."""
        answer = await calls.post("/images/create", fromImage="no-such-image", tag="1")
        assert answer.status >= 400 and answer.message

    async def test_volumes_are_made_once(self, calls: Calls) -> None:
        """The second time the same one is shown; lists find it by name and label."""
        name = new_name("v")
        made = await calls.post("/volumes/create", {"Name": name, "Labels": {"a": name}})
        assert made.status == 201
        check_fields(made.body, _VOLUME)
        assert (await calls.post("/volumes/create", {"Name": name})).body["Labels"] == {"a": name}
        (found,) = (await calls.get("/volumes", filters={"label": [f"a={name}"]})).body["Volumes"]
        assert found == (await calls.get(f"/volumes/{name}")).body
        assert (await calls.delete(f"/volumes/{name}")).status == 204
        absent = await calls.get(f"/volumes/{name}")
        assert (absent.status, absent.message) == (404, f"get {name}: no such volume")

    async def test_a_volume_in_use_stays(self, calls: Calls) -> None:
        """A container makes the volume that it names, and holds it."""
        name = new_name("v")
        id_ = await calls.create("true", HostConfig={"Binds": [f"{name}:/data"]})
        (mount,) = (await calls.line(id_))["Mounts"]
        assert (mount["Type"], mount["Name"], mount["Destination"], mount["RW"]) == (
            "volume",
            name,
            "/data",
            True,
        )
        refused = await calls.delete(f"/volumes/{name}")
        assert (refused.status, refused.message) == (409, f"remove {name}: volume is in use - [{id_}]")
        await calls.delete(f"/containers/{id_}")
        assert (await calls.delete(f"/volumes/{name}")).status == 204

    async def test_networks_are_listed_and_inspected(self, calls: Calls) -> None:
        """The three that every engine has, and one that was made."""
        name = new_name("n")
        made = await calls.post(
            "/networks/create", {"Name": name, "CheckDuplicate": True, "Labels": {"a": "b"}}
        )
        assert made.status == 201
        listed = (await calls.get("/networks")).body
        for one in listed:
            check_fields(one, _NETWORK)
        assert {"bridge", "host", "none", name} <= {one["Name"] for one in listed}
        whole = (await calls.get(f"/networks/{name}")).body
        assert (whole["Id"], whole["Driver"], whole["Labels"]) == (made.body["Id"], "bridge", {"a": "b"})
        again = await calls.post("/networks/create", {"Name": name, "CheckDuplicate": True})
        assert (again.status, again.message) == (409, f"network with name {name} already exists")
        assert (await calls.delete(f"/networks/{name}")).status == 204
        absent = await calls.get(f"/networks/{name}")
        assert (absent.status, absent.message) == (404, f"network {name} not found")

    async def test_a_network_in_use_or_of_the_engine_stays(self, calls: Calls) -> None:
        """Containers hold theirs; the engine keeps its own."""
        name = new_name("n")
        await calls.post("/networks/create", {"Name": name})
        id_ = await calls.started(*FOREVER, HostConfig={"NetworkMode": name})
        assert list((await calls.line(id_))["NetworkSettings"]["Networks"]) == [name]
        assert id_ in (await calls.get(f"/networks/{name}")).body["Containers"]
        held = await calls.delete(f"/networks/{name}")
        assert held.status == 403 and held.message.endswith("has active endpoints")
        await calls.delete(f"/containers/{id_}", force="1")
        assert (await calls.delete(f"/networks/{name}")).status == 204
        own = await calls.delete("/networks/bridge")
        assert (own.status, own.message) == (403, "bridge is a pre-defined network and cannot be removed")

    async def test_pruning_takes_away_what_does_not_run(self, calls: Calls) -> None:
        """Only what the filter names."""
        mark = new_name("l")
        gone = await calls.create("true", **labels_of(mark=mark))
        kept = await calls.create("true", **labels_of(mark="other"))
        runs = await calls.started(*FOREVER, **labels_of(mark=mark))
        answer = await calls.post("/containers/prune", filters={"label": [f"mark={mark}"]})
        assert answer.body["ContainersDeleted"] == [gone]
        assert [(await calls.get(f"/containers/{one}/json")).status for one in (gone, kept, runs)] == [
            404,
            200,
            200,
        ]
        await calls.delete(f"/containers/{runs}", force="1")

    async def test_the_disk_is_accounted_for(self, calls: Calls) -> None:
        """Images, containers and volumes, with the sum of the layers."""
        check_fields(
            (await calls.get("/system/df")).body,
            {"LayersSize": int, "Images": list, "Containers": list, "Volumes": list},
        )
