"""One Docker API socket over three fake engines (docs/design/engine-commands.md 16.4)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from swarm_core.engines.client import EngineClient
from swarm_core.engines.opening import Opened, moving_containers, open_cluster, serving_engines
from swarm_core.engines.records import EngineEntry
from swarm_core.http.hosts import UnixHost
from swarm_core.http.listeners import Terms
from swarm_testkit.conformance.engine_calls import FOREVER, LIMIT_S, Calls, new_name, texts
from swarm_testkit.conformance.engine_containers import ContainerConformance
from swarm_testkit.conformance.engine_streams import StreamConformance
from swarm_testkit.fake_engines.serving import FakeEngines, fake_engines

NAMES = ("h0", "h1", "h2")


@dataclass(frozen=True, slots=True)
class Face:
    calls: Calls
    engines: FakeEngines
    opened: Opened

    async def until_live(self, number: int, *, is_live: bool = True) -> None:
        """Wait until calls may go to an engine, or may not: the first failure alone shows in its word already."""
        async with asyncio.timeout(LIMIT_S):
            while self.opened.cluster.engines()[number].state.is_live is not is_live:
                await asyncio.sleep(0.01)

    def counts(self) -> list[int]:
        return [len(engine.containers) for engine in self.engines]


@asynccontextmanager
async def face_over(count: int = 3, containers: int = 0) -> AsyncIterator[Face]:
    with TemporaryDirectory(prefix="fe-") as name:
        directory = Path(name)
        async with fake_engines(directory, count, containers=containers) as engines:
            entries = [EngineEntry(engine.url, NAMES[at]) for at, engine in enumerate(engines)]
            async with open_cluster(entries) as opened:
                await opened.cluster.settled()
                path = directory / "all.sock"
                async with serving_engines(opened, [UnixHost(path)], Terms(), {}):
                    client = EngineClient(f"unix://{path}")
                    try:
                        yield Face(Calls(client), engines, opened)
                    finally:
                        await client.close()


@pytest.fixture
async def face() -> AsyncIterator[Face]:
    """Three empty engines."""
    async with face_over() as found:
        yield found


class TestAsOneEngine(ContainerConformance, StreamConformance):
    """What a client of one engine may expect, it may expect of the socket; differences are named below."""

    @pytest.fixture
    def calls(self, face: Face) -> Calls:
        return face.calls

    test_a_new_container_is_listed_and_inspected = None  # its name has the engine in front
    test_what_cannot_be_created_is_refused = None  # a name is taken by any engine, in words of the cluster
    test_a_container_takes_another_name = None  # the same
    test_what_is_not_there_is_not_found = None  # no engine words it
    test_ports_are_published_once = None  # the second container goes to another engine
    test_events_tell_the_life_of_a_container = None  # they say where
    test_events_tell_of_volumes_and_networks = None  # of every engine that has one


async def test_containers_are_one_list_with_their_engines() -> None:
    """16.4.1: each name with its engine in front, the newest first; an inspection says which engine."""
    async with face_over(3, containers=2) as face:
        listed = (await face.calls.get("/containers/json")).body
        assert len(listed) == 6
        assert {name for one in listed for name in one["Names"]} == {
            f"/{name}/{kind}" for name in NAMES for kind in ("web-0", "db-1")
        }
        created = [one["Created"] for one in listed]
        assert created == sorted(created, reverse=True)
        whole = (await face.calls.get("/containers/h1/web-0/json")).body
        assert (whole["Name"], whole["Node"]["Name"]) == ("/h1/web-0", "h1")
        assert whole["Node"]["ID"] == face.engines[1].id
        named = (await face.calls.get("/containers/json", filters={"name": ["db"]})).body
        assert len(named) == 3
        assert len((await face.calls.get("/containers/json", limit="2")).body) == 2


async def test_a_name_of_several_engines_must_be_whole() -> None:
    """16.4.2: else it is a conflict; one that none has is not found."""
    async with face_over(2, containers=1) as face:
        several = await face.calls.get("/containers/web-0/json")
        assert (several.status, several.message) == (
            409,
            "2 are meant by container 'web-0': h0/web-0, h1/web-0",
        )
        none = await face.calls.post("/containers/nobody/start")
        assert (none.status, none.message) == (404, "No such container: nobody")
        assert (await face.calls.post("/containers/h1/web-0/kill")).status == 204
        states = [one.status for engine in face.engines for one in engine.containers.values()]
        assert states == ["running", "exited"]


async def test_containers_are_spread_and_their_names_kept_apart(face: Face) -> None:
    """16.4.3: placement chooses; a name is given once; what no engine meets says what left each out."""
    for _ in range(3):
        await face.calls.create(*FOREVER)
    assert face.counts() == [1, 1, 1]
    name = new_name()
    id_ = await face.calls.create(*FOREVER, name=name)
    other = await face.calls.create(*FOREVER)
    taken = await face.calls.post(f"/containers/{other}/rename", name=name)
    assert taken.status == 409 and f"The name {name} is already assigned" in taken.message
    assert (await face.calls.post(f"/containers/{id_}/rename", name=f"{name}-b")).status == 204
    assert (await face.calls.get(f"/containers/{name}-b/json")).body["Id"] == id_
    assert (await face.calls.post(f"/containers/{id_}/rename", name=name)).status == 204
    again = await face.calls.post(
        "/containers/create", {"Image": "busybox:local", "Cmd": ["true"]}, name=name
    )
    assert again.status == 409 and f"The name {name} is already assigned" in again.message
    body = {"Image": "busybox:local", "Cmd": ["true"], "Env": ["constraint:storage==tape"]}
    nowhere = await face.calls.post("/containers/create", body)
    assert nowhere.status == 500 and "Unable to find a node that satisfies" in nowhere.message
    wrong = await face.calls.post("/containers/create", {**body, "Env": ["constraint:x"]})
    assert wrong.status == 400


async def test_an_engine_that_is_away_is_left_out() -> None:
    """16.4.4: with `all` its containers are shown as its host is: down. Calls for them say why they fail."""
    async with face_over(2, containers=1) as face:
        await face.engines.vanish(1)
        await face.until_live(1, is_live=False)
        names = [one["Names"] for one in (await face.calls.get("/containers/json")).body]
        assert names == [["/h0/web-0"]]
        down = {
            one["Names"][0]: one["Status"] for one in (await face.calls.get("/containers/json", all="1")).body
        }
        assert down["/h1/web-0"] == "Host Down" and down["/h0/web-0"].startswith("Up")
        refused = await face.calls.post("/containers/h1/web-0/stop")
        assert (refused.status, refused.message) == (500, "Container h1/web-0 running on unhealthy node h1")
        assert (await face.calls.get("/info")).body["Containers"] == 1


async def test_an_engine_that_fails_costs_the_others_nothing() -> None:
    """16.4.4: a list is made of what came; where all refuse, their refusal is the answer."""
    async with face_over(2, containers=1) as face:
        face.engines[1].faults.error = 503
        names = [one["Names"] for one in (await face.calls.get("/containers/json")).body]
        assert names == [["/h0/web-0"]]
        wrong = await face.calls.get("/images/json", filters={"zork": ["x"]})
        assert wrong.status in (400, 503) and wrong.message


async def test_images_are_one_list_and_removed_everywhere(face: Face) -> None:
    """16.4.5: merged by id with all their names; pulled and removed on every engine."""
    for engine in face.engines:
        engine.pullable.add("new:1")
        shared = engine.add_image("same:1", f"only-{engine.about.name}:1")
        del engine.images[shared.id]
        shared.id = "sha256:" + "5" * 64
        engine.images[shared.id] = shared
    listed = (await face.calls.get("/images/json")).body
    (same,) = [one for one in listed if "same:1" in one["RepoTags"]]
    assert sorted(same["RepoTags"]) == ["only-host-0:1", "only-host-1:1", "only-host-2:1", "same:1"]
    said = await face.calls.told("/images/create", fromImage="new", tag="1")
    assert {line["id"] for line in said} == set(NAMES) and not any("error" in line for line in said)
    assert (await face.calls.get("/images/new:1/json")).body["RepoTags"] == ["new:1"]
    assert (await face.calls.post("/images/new:1/tag", repo="other", tag="2")).status == 201
    assert (await face.calls.delete("/images/other:2")).status == 200
    assert (await face.calls.get("/images/nobody/json")).message == "No such image: nobody"
    gone = await face.calls.delete("/images/new:1")
    assert {"Untagged": "new:1"} in gone.body
    assert not any("new:1" in image.tags for engine in face.engines for image in engine.images.values())


async def test_one_pull_that_fails_fails_the_whole(face: Face) -> None:
    """16.4.5: at its end, with a line for each engine."""
    face.engines[0].pullable.add("half:1")
    said = await face.calls.told("/images/create", fromImage="half", tag="1")
    assert sorted(line.split(":")[0] for line in said[-1]["error"].splitlines()) == ["h1", "h2"]


async def test_volumes_and_networks_of_an_engine_carry_its_name(face: Face) -> None:
    """16.4.6: a volume is made everywhere, or where its name says; a network where a container would go."""
    assert (await face.calls.post("/volumes/create", {"Name": "all"})).status == 201
    assert (await face.calls.post("/volumes/create", {"Name": "h1/one"})).body["Name"] == "h1/one"
    names = [one["Name"] for one in (await face.calls.get("/volumes")).body["Volumes"]]
    assert sorted(names) == ["h0/all", "h1/all", "h1/one", "h2/all"]
    assert (await face.calls.get("/volumes/h1/one")).body["Name"] == "h1/one"
    assert (await face.calls.delete("/volumes/all")).status == 204
    assert [list(engine.volumes) for engine in face.engines] == [[], ["one"], []]
    assert (await face.calls.post("/networks/create", {"Name": "h2/front"})).status == 201
    assert any(one.name == "front" for one in face.engines[2].networks.values())
    listed = (await face.calls.get("/networks")).body
    assert {"h0/bridge", "h1/bridge", "h2/bridge", "h2/front"} <= {one["Name"] for one in listed}


async def test_events_say_where_they_happened(face: Face) -> None:
    """16.4.7: of all engines in one stream, also of one that comes back."""
    async with face.calls.hearing(filters={"event": ["create"], "type": ["container"]}) as heard:
        ids = [await face.calls.create("true") for _ in range(3)]
        await heard.until(lambda: {one["Actor"]["ID"] for one in heard.events} == set(ids))
        assert {one["Actor"]["Attributes"]["node.name"] for one in heard.events} == set(NAMES)
        assert all(one["from"] == f"busybox:local node:{one['node']['Name']}" for one in heard.events)
        await face.engines.vanish(0)
        await face.engines.come_back(0)
        late = face.engines[0].create("late", {"Image": "busybox:local", "Cmd": ["true"]})
        await heard.until(lambda: any(one["Actor"]["ID"] == late.id for one in heard.events))


async def test_containers_of_a_failed_engine_are_moved_where_a_watchdog_runs(face: Face) -> None:
    """16.4.8: those that ask for it, under their name, for who asks the socket."""
    asks = ["reschedule:on-node-failure", "constraint:node!=nobody"]
    async with moving_containers(face.opened, after_s=0.0):
        moved = await face.calls.started(*FOREVER, name="moved", Env=asks)
        stays = await face.calls.started(*FOREVER, name="stays")
        await face.calls.get(f"/containers/{moved}/json")
        place = next(number for number, engine in enumerate(face.engines) if moved in engine.containers)
        # What is moved must have been inspected while its engine lived.
        async with asyncio.timeout(LIMIT_S):
            while not (known := face.opened.cluster.find.container(moved).reserved) or not known.raw:
                await asyncio.sleep(0.01)
        await face.engines.vanish(place)

        def elsewhere() -> list[str]:
            return [
                one.name
                for number, engine in enumerate(face.engines)
                for one in engine.containers.values()
                if number != place and one.id != stays and one.is_up
            ]

        async with asyncio.timeout(LIMIT_S):
            while elsewhere() != ["moved"]:
                await asyncio.sleep(0.01)
    listed = (await face.calls.get("/containers/json", filters={"name": ["moved"]})).body
    assert [one["Names"][0].rpartition("/")[2] for one in listed] == ["moved"]
    # The name means the one that lives (N7.3).
    assert (await face.calls.get("/containers/moved/json")).body["Node"]["Name"] != NAMES[place]


async def test_the_cluster_tells_of_itself(face: Face) -> None:
    """16.4.9: sums, a part for each engine, and the newest version that all speak."""
    info = (await face.calls.get("/info")).body
    assert (info["NCPU"], info["MemTotal"]) == (12, 3 * (8 << 30))
    assert ["Nodes", "3"] in info["SystemStatus"] and [" h1", face.engines[1].url] in info["SystemStatus"]
    assert (await face.calls.get("/version")).body["ApiVersion"] == "1.41"
    assert (await face.calls.get("/_ping")).headers["api-version"] == "1.41"
    assert (await face.calls.get("/images/viz")).status == 501
    assert len((await face.calls.get("/system/df")).body["Images"]) == 9


async def test_a_program_that_another_client_made_is_found(face: Face) -> None:
    """16.4.2: its engine is looked for on all."""
    id_ = await face.calls.started(*FOREVER)
    engine = next(engine for engine in face.engines if id_ in engine.containers)
    body = {"Cmd": ["echo", "x"], "AttachStdout": True}
    run = engine.running.make_exec(engine.containers[id_], body)
    async with face.calls.hijacked(f"/exec/{run.id}/start", {"Detach": False, "Tty": False}) as started:
        assert texts(await started.rest()) == {1: "x\n"}
    assert (await face.calls.get("/exec/nobody/json")).message == "No such exec instance: nobody"


async def test_an_engine_that_refuses_everything_is_the_answer(face: Face) -> None:
    """16.4.5: before the first line a refusal has its status."""
    told = await face.calls.post("/images/create", fromImage="nobody", tag="1")
    assert told.status == 404
    assert [line.split(":")[0] for line in told.message.splitlines()] == ["h0", "h1", "h2"]


async def test_an_image_for_another_system_is_left_out_there(face: Face) -> None:
    """16.4.5: where another engine has it, that is no failure."""
    face.engines[0].pullable.add("arm:1")
    for number in (1, 2):
        face.engines[number].faults.fails["/images/create"] = (404, "no matching manifest for linux/amd64")
    said = await face.calls.told("/images/create", fromImage="arm", tag="1")
    assert not any("error" in line for line in said)
    assert {line["id"] for line in said if line["status"].startswith("Left out")} == {"h1", "h2"}


async def test_images_are_loaded_everywhere_and_saved_from_one(face: Face) -> None:
    """16.4.5: what a client sends goes to every engine; one that has all names gives them."""
    said = await sent(face, "/images/load", b"own:1\nown:2\n" + b"\n" * 3_000_000)
    assert sorted((line["id"], line["status"]) for line in said) == sorted(
        (name, f"Loaded image: own:{number}") for name in NAMES for number in (1, 2)
    )
    face.engines[0].remove_image("own:2")
    answer = await face.calls.get("/images/get?names=own:1&names=own:2")
    assert answer.body == b"own:1\nown:2"
    face.engines[0].add_image("left:1")
    face.engines[1].add_image("right:1")
    apart = await face.calls.get("/images/get?names=left:1&names=right:1")
    assert (apart.status, apart.message) == (
        404,
        "Unable to find a healthy engine containing all images: left:1, right:1",
    )


async def test_an_engine_that_fails_takes_no_more_of_a_body(face: Face) -> None:
    """16.4.5: the others get all of it, and the whole has failed."""
    face.engines[1].faults.fails["/images/load"] = (500, "no space left on device")
    said = await sent(face, "/images/load", b"own:1\n" + b"\n" * 3_000_000)
    assert said[-1]["error"] == "h1: no space left on device"
    assert {line.get("id") for line in said[:-1]} == {"h0", "h2"}


async def sent(face: Face, target: str, body: bytes) -> list[Any]:
    """The lines that a POST of these bytes answers."""

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 65536):
            yield body[at : at + 65536]

    client = EngineClient(f"unix://{face.calls.path}")
    try:
        async with client.request("POST", target, (), pieces()) as answer:
            return [json.loads(line) for line in (await answer.read()).splitlines() if line.strip()]
    finally:
        await client.close()


async def test_names_of_one_engine_place_a_container_there(face: Face) -> None:
    """16.4.6: a network as the list shows it; a name with its engine in front."""
    assert (await face.calls.post("/networks/create", {"Name": "h2/front"})).status == 201
    first = await face.calls.create("sleep", "9", HostConfig={"NetworkMode": "h2/front"})
    second = await face.calls.create("sleep", "9", name="h1/named")
    assert [one.containers.keys() for one in face.engines] == [set(), {second}, {first}]
    assert face.engines[1].containers[second].name == "named"


async def test_a_platform_is_passed_on(face: Face) -> None:
    """16.4.3: docker run --platform; an engine of another system is no place."""
    made = await face.calls.post(
        "/containers/create", {"Image": "busybox:local", "Cmd": ["true"]}, platform="windows/amd64"
    )
    assert made.status == 500 and "platform windows" in made.message


async def test_networks_of_one_project_are_on_one_engine(face: Face) -> None:
    """16.4.6: a container may be in several of them."""
    labels = {"com.docker.compose.project": "shop"}
    for name in ("front", "back", "more"):
        assert (await face.calls.post("/networks/create", {"Name": name, "Labels": labels})).status == 201
    counts = [
        sum(one.name in ("front", "back", "more") for one in engine.networks.values())
        for engine in face.engines
    ]
    assert sorted(counts) == [0, 0, 3]


async def test_what_happens_to_engines_is_among_the_events(face: Face) -> None:
    """16.4.7: where filters mean it; an engine that is back is read on."""
    async with (
        face.calls.hearing(filters={"type": ["swarm"], "event": {"engine_reconnect": True}}) as ours,
        face.calls.hearing(filters={"type": ["container"]}) as theirs,
        face.calls.hearing() as everything,
    ):
        await face.engines.vanish(1)
        await face.until_live(1, is_live=False)
        await face.engines.come_back(1)
        await ours.until(lambda: bool(ours.events))
        assert [(one["Type"], one["Action"], one["node"]["Name"]) for one in ours.events] == [
            ("swarm", "engine_reconnect", "h1")
        ]
        await face.until_live(1)
        id_ = face.engines[1].create("late", {"Image": "busybox:local", "Cmd": ["true"]}).id
        await theirs.until(lambda: theirs.actions(id_) == ["create"])
        await everything.until(lambda: any(one["Action"] == "engine_disconnect" for one in everything.events))
        assert not any(one["Type"] == "swarm" for one in theirs.events)
