"""What an engine does with containers: lists, inspection, life, ports."""

import asyncio
from typing import Any

from swarm_testkit.conformance.engine_calls import (
    FOREVER,
    IMAGE,
    LIMIT_S,
    Calls,
    check_fields,
    labels_of,
    new_name,
)

_LINE = {
    "Id": str, "Names": list, "Image": str, "ImageID": str, "Command": str, "Created": int, "Ports": list, "Labels": dict,
    "State": str, "Status": str, "HostConfig": dict, "NetworkSettings": dict, "Mounts": list,
}  # fmt: skip
_WHOLE = {
    "Id": str, "Created": str, "Path": str, "Args": list, "State": dict, "Image": str, "Name": str, "RestartCount": int,
    "HostConfig": dict, "Mounts": list, "Config": dict, "NetworkSettings": dict, "Platform": str, "Driver": str,
}  # fmt: skip
_STATE = {
    "Status": str, "Running": bool, "Paused": bool, "Restarting": bool, "OOMKilled": bool, "Dead": bool, "Pid": int,
    "ExitCode": int, "Error": str, "StartedAt": str, "FinishedAt": str,
}  # fmt: skip


class ContainerConformance:
    """A part of `EngineConformance`."""

    async def test_a_new_container_is_listed_and_inspected(self, calls: Calls) -> None:
        """List entry and inspection have their fields, and agree."""
        name = new_name()
        id_ = await calls.create("sh", "-c", "echo a b", name=name, **labels_of(tier="x"))
        line = await calls.line(id_)
        check_fields(line, _LINE)
        assert line["Names"] == [f"/{name}"]
        assert (line["Image"], line["State"], line["Status"]) == (IMAGE, "created", "Created")
        assert (line["Command"], line["Labels"]) == ("sh -c 'echo a b'", {"tier": "x"})
        assert list(line["NetworkSettings"]["Networks"]) == ["bridge"]
        whole = (await calls.get(f"/containers/{name}/json")).body
        check_fields(whole, _WHOLE)
        check_fields(whole["State"], _STATE)
        assert (whole["Id"], whole["Name"], whole["Image"]) == (id_, f"/{name}", line["ImageID"])
        assert (whole["Path"], whole["Args"]) == ("sh", ["-c", "echo a b"])
        assert whole["State"]["StartedAt"] == "0001-01-01T00:00:00Z"
        assert whole["Config"]["Hostname"] == id_[:12]
        assert whole["HostConfig"]["NetworkMode"] == "default"

    async def test_a_running_container_shows_where_it_is(self, calls: Calls) -> None:
        """It is up, has a process, an address and a network's id."""
        id_ = await calls.started(*FOREVER)
        line = await calls.line(id_)
        assert line["State"] == "running" and line["Status"].startswith("Up ")
        (network,) = line["NetworkSettings"]["Networks"].values()
        assert network["IPAddress"] and len(network["NetworkID"]) == 64
        state = (await calls.get(f"/containers/{id_}/json")).body["State"]
        assert state["Running"] and state["Pid"] > 0 and state["StartedAt"] > "2000"
        await calls.delete(f"/containers/{id_}", force="1")

    async def test_only_running_containers_are_listed_unless_asked(self, calls: Calls) -> None:
        """`all` shows those that do not run; so does a filter for their status."""
        label = new_name("l")
        id_ = await calls.create("true", **labels_of(which=label))
        wanted = {"label": [f"which={label}"]}
        assert (await calls.get("/containers/json", filters=wanted)).body == []
        (found,) = (await calls.get("/containers/json", filters=wanted, all="1")).body
        assert found["Id"] == id_
        (found,) = (await calls.get("/containers/json", filters={**wanted, "status": ["created"]})).body
        assert found["Id"] == id_

    async def test_several_ids_in_a_filter_mean_any_of_them(self, calls: Calls) -> None:
        """One list answers for all that changed."""
        ids = {await calls.create("true") for _ in range(3)}
        asked = sorted(ids)[:2]
        found = (await calls.get("/containers/json", all="1", filters={"id": asked})).body
        assert {one["Id"] for one in found} == set(asked)
        assert (await calls.get("/containers/json", all="1", filters={"id": ["0" * 64]})).body == []

    async def test_filters_that_are_none_are_refused(self, calls: Calls) -> None:
        """An unknown key, and text that is no JSON."""
        answer = await calls.get("/containers/json", filters={"zork": ["x"]})
        assert answer.status == 400 and "zork" in answer.message
        unread = await calls.get("/containers/json", filters="xx")
        assert (
            unread.status >= 400 and unread.message == "invalid character 'x' looking for beginning of value"
        )

    async def test_labels_filter_by_name_and_value(self, calls: Calls) -> None:
        """A label alone, with its value, with another value; several must all hold."""
        mark = new_name("l")
        await calls.create("true", **labels_of(a="1", b="2"))
        id_ = await calls.create("true", **labels_of(mark=mark, b="2"))
        for labels, is_found in (
            ([f"mark={mark}"], True),
            ([f"mark={mark}", "b"], True),
            ([f"mark={mark}", "b=3"], False),
        ):
            found = (await calls.get("/containers/json", all="1", filters={"label": labels})).body
            assert [one["Id"] for one in found] == ([id_] if is_found else [])

    async def test_a_beginning_of_an_id_finds_a_container(self, calls: Calls) -> None:
        """Twelve digits are enough."""
        id_ = await calls.create("true")
        assert (await calls.get(f"/containers/{id_[:12]}/json")).body["Id"] == id_

    async def test_what_cannot_be_created_is_refused(self, calls: Calls) -> None:
        """A name that is taken, one that is none, an image that is not here."""
        name = new_name()
        id_ = await calls.create("true", name=name)
        taken = await calls.post("/containers/create", {"Image": IMAGE, "Cmd": ["true"]}, name=name)
        assert taken.status == 409
        assert taken.message.startswith(
            f'Conflict. The container name "/{name}" is already in use by container "{id_}"'
        )
        wrong = await calls.post("/containers/create", {"Image": IMAGE, "Cmd": ["true"]}, name="b/2")
        assert (wrong.status, wrong.message) == (
            400,
            "Invalid container name (b/2), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
        )
        absent = await calls.post("/containers/create", {"Image": "nope:1", "Cmd": ["true"]}, name=new_name())
        assert (absent.status, absent.message) == (404, "No such image: nope:1")

    async def test_what_is_not_there_is_not_found(self, calls: Calls) -> None:
        """Every call for a container that is none says so."""
        for method, what in (
            ("GET", "json"),
            ("POST", "start"),
            ("POST", "stop"),
            ("GET", "logs?stdout=1"),
        ):
            answer = await calls.ask(method, f"/containers/nobody/{what}")
            assert (answer.status, answer.message) == (404, "No such container: nobody")
        assert (await calls.delete("/containers/nobody")).message == "No such container: nobody"
        kill = await calls.post("/containers/nobody/kill")
        assert (kill.status, kill.message) == (
            404,
            "Cannot kill container: nobody: No such container: nobody",
        )

    async def test_starting_and_stopping_twice_changes_nothing(self, calls: Calls) -> None:
        """The second time the answer is 304."""
        id_ = await calls.create(*FOREVER)
        statuses = [(await calls.post(f"/containers/{id_}/{verb}")).status for verb in ("start", "start")]
        statuses += [(await calls.post(f"/containers/{id_}/stop", t="0")).status for _ in range(2)]
        assert statuses == [204, 304, 204, 304]

    async def test_a_killed_container_shows_its_exit_code(self, calls: Calls) -> None:
        """137, and the times of its start and end."""
        id_ = await calls.started(*FOREVER)
        assert (await calls.post(f"/containers/{id_}/kill")).status == 204
        assert await calls.finished(id_) == 137
        line = await calls.line(id_)
        assert line["State"] == "exited" and line["Status"].startswith("Exited (137) ")
        state = (await calls.get(f"/containers/{id_}/json")).body["State"]
        assert (state["ExitCode"], state["Running"], state["Pid"]) == (137, False, 0)
        assert state["FinishedAt"] >= state["StartedAt"]
        again = await calls.post(f"/containers/{id_}/kill")
        assert again.status == 409
        assert again.message == f"Cannot kill container: {id_}: Container {id_} is not running"

    async def test_a_signal_must_be_one(self, calls: Calls) -> None:
        """400 for a word that is none."""
        id_ = await calls.started(*FOREVER)
        answer = await calls.post(f"/containers/{id_}/kill", signal="FOO")
        assert (answer.status, answer.message) == (400, "Invalid signal: FOO")
        await calls.delete(f"/containers/{id_}", force="1")

    async def test_pausing_holds_a_container(self, calls: Calls) -> None:
        """It says so in the list; twice is a conflict."""
        id_ = await calls.started(*FOREVER)
        assert (await calls.post(f"/containers/{id_}/pause")).status == 204
        line = await calls.line(id_)
        assert line["State"] == "paused" and line["Status"].endswith("(Paused)")
        again = await calls.post(f"/containers/{id_}/pause")
        assert (again.status, again.message) == (409, f"Container {id_} is already paused")
        assert (await calls.post(f"/containers/{id_}/unpause")).status == 204
        assert (await calls.line(id_))["State"] == "running"
        await calls.delete(f"/containers/{id_}", force="1")

    async def test_a_running_container_is_removed_by_force_alone(self, calls: Calls) -> None:
        """A conflict without it, gone with it."""
        id_ = await calls.started(*FOREVER)
        refused = await calls.delete(f"/containers/{id_}")
        assert refused.status == 409
        assert refused.message.startswith(
            f"You cannot remove a running container {id_}. Stop the container before"
        )
        assert (await calls.delete(f"/containers/{id_}", force="1")).status == 204
        assert (await calls.get(f"/containers/{id_}/json")).status == 404

    async def test_a_container_takes_another_name(self, calls: Calls) -> None:
        """One that is free; the old one is free then."""
        first, second, third = new_name(), new_name(), new_name()
        id_ = await calls.create("true", name=first)
        await calls.create("true", name=second)
        taken = await calls.post(f"/containers/{first}/rename", name=second)
        assert taken.status == 409 and taken.message.startswith("Error when allocating new name: Conflict.")
        assert (await calls.post(f"/containers/{first}/rename", name=third)).status == 204
        assert (await calls.get(f"/containers/{third}/json")).body["Id"] == id_
        assert (await calls.get(f"/containers/{first}/json")).status == 404

    async def test_a_restart_is_a_new_start(self, calls: Calls) -> None:
        """It runs, and since a later time."""
        id_ = await calls.started(*FOREVER)
        before = (await calls.get(f"/containers/{id_}/json")).body["State"]
        assert (await calls.post(f"/containers/{id_}/restart", t="0")).status == 204
        after = (await calls.get(f"/containers/{id_}/json")).body["State"]
        assert after["Running"] and after["StartedAt"] > before["StartedAt"]
        await calls.delete(f"/containers/{id_}", force="1")

    async def test_one_waits_for_a_container_before_it_starts(self, calls: Calls) -> None:
        """The head comes at once, the exit code with the end."""
        id_ = await calls.create("sh", "-c", "exit 3")
        async with asyncio.TaskGroup() as group:
            async with calls.hijacked(f"/containers/{id_}/wait?condition=next-exit") as waiting:
                assert waiting.first.startswith("HTTP/1.1 200")
                group.create_task(calls.post(f"/containers/{id_}/start"))
                async with asyncio.timeout(LIMIT_S):
                    body = await waiting.reader.readuntil(b"}")
        assert b'"StatusCode":3' in body.replace(b" ", b"")

    async def test_a_container_goes_by_itself_where_it_asked_to(self, calls: Calls) -> None:
        """Auto-removal, and who waits for it learns the exit code."""
        id_ = await calls.create("sh", "-c", "exit 4", HostConfig={"AutoRemove": True})
        async with calls.hijacked(f"/containers/{id_}/wait?condition=removed") as waiting:
            await calls.post(f"/containers/{id_}/start")
            async with asyncio.timeout(LIMIT_S):
                body = await waiting.reader.readuntil(b"}")
        assert b'"StatusCode":4' in body.replace(b" ", b"")
        assert (await calls.get(f"/containers/{id_}/json")).status == 404

    async def test_a_program_that_is_none_does_not_start(self, calls: Calls) -> None:
        """400 with the reason; the container stays what it was."""
        id_ = await calls.create("no-such-program")
        answer = await calls.post(f"/containers/{id_}/start")
        assert answer.status == 400 and "executable file not found in $PATH" in answer.message
        state = (await calls.get(f"/containers/{id_}/json")).body["State"]
        assert (state["Status"], state["ExitCode"]) == ("created", 127)

    async def test_ports_are_published_once(self, calls: Calls) -> None:
        """List and inspection show them while it runs; the second that wants them does not start."""
        ports: dict[str, Any] = {
            "ExposedPorts": {"80/tcp": {}},
            "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "18080"}]}},
        }
        id_ = await calls.started(*FOREVER, **ports)
        line = await calls.line(id_)
        assert {(one["PrivatePort"], one["PublicPort"], one["Type"]) for one in line["Ports"]} == {
            (80, 18080, "tcp")
        }
        shown = (await calls.get(f"/containers/{id_}/json")).body
        assert shown["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"] == "18080"
        assert shown["HostConfig"]["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": "18080"}]}
        second = await calls.create(*FOREVER, **ports)
        refused = await calls.post(f"/containers/{second}/start")
        assert refused.status == 500 and refused.message.endswith("port is already allocated")
        await calls.delete(f"/containers/{id_}", force="1")
        assert (await calls.line(second))["Ports"] == []

    async def test_reservations_are_shown_by_an_inspection(self, calls: Calls) -> None:
        """Memory and processors as they were asked for."""
        id_ = await calls.create("true", HostConfig={"Memory": 64 << 20, "NanoCpus": 500_000_000})
        host = (await calls.get(f"/containers/{id_}/json")).body["HostConfig"]
        assert (host["Memory"], host["NanoCpus"]) == (64 << 20, 500_000_000)
