"""What happens to containers when their engine fails (docs/design/engines.md N10), before fake engines."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from swarm_core.engines.deployed import DeployedFiles
from swarm_core.engines.moving import is_moved, recipe_of, without_addresses
from swarm_core.engines.placer import Placer
from swarm_core.engines.records import Container, EngineKey, Event, Reservation
from swarm_core.engines.watchdog import Watchdog
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.engine_clusters import Rig, rig

E0 = EngineKey("e0")
ASKS = {"com.docker.swarm.reschedule-policies": '["on-node-failure"]'}


@asynccontextmanager
async def watched(found: Rig, after_s: float = 0.0) -> AsyncIterator[Watchdog]:
    """A watchdog that runs, with everything inspected that it must know."""
    placer = Placer(found.cluster, random.Random(1))
    dog = Watchdog(found.cluster, placer, SystemClock(), random.Random(2), after_s=after_s)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(dog.run())
        await found.until(
            lambda: all(one.reserved for one in found.cluster.tables.containers if is_moved(one))
        )
        yield dog
        task.cancel()


@asynccontextmanager
async def three() -> AsyncIterator[Rig]:
    """Three engines; e0 has one container that asks to be moved, one that ended and asks, and one that does not ask."""
    async with rig(3) as found:
        placer = Placer(found.cluster, random.Random(1))
        for name, labels, starts in (("moves", ASKS, True), ("ended", ASKS, False), ("stays", {}, True)):
            body = {
                "Image": "busybox:local",
                "Cmd": ["sleep", "9"],
                "Labels": labels,
                "Env": ["constraint:node==~e0"],
            }
            made = (await placer.create(placer.request(name, body))).container
            assert made.engine == E0
            if starts:
                await found.cluster.api(E0).post(f"/containers/{made.id}/start")
        await found.until(
            lambda: found.names(0) == {"moves": "running", "ended": "created", "stays": "running"}
        )
        yield found


async def test_a_failed_engine() -> None:
    """What asks for it is made anew elsewhere, and runs if it ran; the rest stays in the list of its engine (N10.1)."""
    async with three() as found, watched(found) as dog:
        with found.cluster.events(lambda event: event.action == "container_moved") as told:
            await found.fakes.vanish(0)
            elsewhere = {**found.names(1), **found.names(2)}
            await found.until(
                lambda: {**found.names(1), **found.names(2)} == {"moves": "running", "ended": "created"}
            )
            assert elsewhere == {} or set(elsewhere) <= {"moves", "ended"}
            events: list[Event] = []
            while len(events) < 2:
                events += await told.next()
        assert sorted(event.attributes["name"] for event in events) == ["ended", "moves"]
        assert dog.moves(E0) == []
        made = next(one for one in found.cluster.tables.containers.named("moves") if one.engine != E0)
        old = found.cluster.tables.containers.named("moves")[0]
        assert made.labels["com.docker.swarm.id"] == old.labels["com.docker.swarm.id"]


async def test_an_engine_that_is_back() -> None:
    """What runs elsewhere by now is removed there, and what never asked to be moved runs on (N10.3)."""
    async with three() as found, watched(found):
        await found.fakes.vanish(0)
        await found.until(
            lambda: {**found.names(1), **found.names(2)} == {"moves": "running", "ended": "created"}
        )
        await found.fakes.come_back(0)
        await found.until(lambda: found.names(0) == {"stays": "running"})
        assert [one.name for one in found.fakes[0].containers.values()] == ["stays"]
        assert {**found.names(1), **found.names(2)} == {"moves": "running", "ended": "created"}


async def test_a_daemon_that_is_started_anew() -> None:
    """An engine that is back in time has lost nothing (N10.1)."""
    async with three() as found, watched(found, after_s=1000.0) as dog:
        await found.fakes.vanish(0)
        await found.until(lambda: found.engine(0).state == "unhealthy")
        assert [move.container.name for move in dog.moves(E0)] == ["moves", "ended"]
        await found.fakes.come_back(0)
        await found.until(lambda: found.engine(0).word == "healthy" and found.agrees(0))
        assert set(found.names(0)) == {"moves", "ended", "stays"}
        assert found.fakes[1].containers == found.fakes[2].containers == {}


async def test_a_move_that_fails_is_tried_again() -> None:
    """With nowhere to go it waits, and goes when there is room (N10.2)."""
    async with three() as found, watched(found) as dog:
        for number in (1, 2):
            found.cluster.maintain(EngineKey(f"e{number}"), True)
        await found.fakes.vanish(0)
        await found.until(lambda: found.engine(0).state == "unhealthy")
        assert [move.problem for move in dog.moves(E0)] == ["", ""]
        found.cluster.maintain(EngineKey("e2"), False)
        await found.until(lambda: found.names(2) == {"moves": "running", "ended": "created"})
        assert found.names(1) == {}


async def test_what_was_not_inspected_is_told() -> None:
    """A watchdog that begins after the failure knows not how a container was made (N10.4)."""
    async with three() as found:
        await found.fakes.vanish(0)
        await found.until(lambda: found.engine(0).state == "unhealthy")
        dog = Watchdog(
            found.cluster, Placer(found.cluster, random.Random(1)), SystemClock(), random.Random(2)
        )
        assert [(move.container.name, move.problem) for move in dog.moves(E0)] == [
            ("moves", "it was not inspected while its engine lived"),
            ("ended", "it was not inspected while its engine lived"),
        ]


async def test_what_was_made_through_us_needs_no_inspection(tmp_path: Path) -> None:
    """How it was made is remembered over an end of our process, and forgotten with the container (N10.4)."""
    async with rig(2) as found:
        deployed = DeployedFiles(tmp_path)
        placer = Placer(found.cluster, random.Random(1), deployed=deployed)
        body = {
            "Image": "busybox:local",
            "Cmd": ["sleep", "9"],
            "Env": ["constraint:node==~e0", "reschedule:on-node-failure"],
        }
        old = (await placer.create(placer.request("kept", body))).container
        await found.fakes.vanish(0)
        await found.until(lambda: found.engine(0).state == "unhealthy")
        dog = Watchdog(found.cluster, placer, SystemClock(), random.Random(2))
        assert [move.problem for move in dog.moves(E0)] == [""]
        made = await dog.move(old)
        assert (made.engine, made.name, made.state) == ("e1", "kept", "created")
        assert made.labels["com.docker.swarm.id"] == old.labels["com.docker.swarm.id"]
        assert {one.id for one in deployed} == {old.id, made.id}
        assert dog.moves(E0) == []


def held(inspected: dict[str, Any], **changes: Any) -> Container:
    one = Container(
        E0,
        "f" * 64,
        "web",
        "i",
        "i",
        "sh",
        1.0,
        "running",
        "Up",
        labels=ASKS,
        reserved=Reservation(raw=json.dumps(inspected).encode()),
    )
    return replace(one, **changes)


def test_a_recipe() -> None:
    """What the old engine gave a container stays behind; shares are CPUs again; further networks come one by one (N10.5)."""
    inspected = {
        "Config": {"Image": "i", "Hostname": "f" * 12, "Labels": ASKS, "Env": ["A=1"]},
        "HostConfig": {"NetworkMode": "back", "CpuShares": 512, "Binds": ["data:/data"]},
        "NetworkSettings": {"Networks": {
            "back": {"Aliases": ["f" * 12, "web"], "IPAMConfig": {"IPv4Address": "10.0.0.9"}, "IPAddress": "10.0.0.9"},
            "front": {"IPAMConfig": {"IPv4Address": "10.1.0.9"}, "DriverOpts": None},
        }},
    }  # fmt: skip
    recipe = recipe_of(held(inspected), engine_cpus=4)
    assert (recipe.name, recipe.starts) == ("web", True)
    assert recipe.body == {
        "Image": "i", "Env": ["A=1"], "Labels": {**ASKS, "com.docker.swarm.id": "f" * 64},
        "HostConfig": {"NetworkMode": "back", "CpuShares": 2, "Binds": ["data:/data"]},
        "NetworkingConfig": {"EndpointsConfig": {"back": {"Aliases": ["web"], "IPAMConfig": {"IPv4Address": "10.0.0.9"}}}},
    }  # fmt: skip
    assert recipe.more_networks == {"front": {"IPAMConfig": {"IPv4Address": "10.1.0.9"}}}
    assert without_addresses(recipe.more_networks["front"]) == {}


@pytest.mark.parametrize(("mode", "more"), [("default", {"own": {}}), ("host", {}), ("container:x", {})])
def test_recipes_without_a_network_of_their_own(mode: str, more: dict[str, Any]) -> None:
    """The default network needs no mention, and the host's allows no other (N10.5)."""
    networks = {"bridge": {}, "own": {}}
    inspected = {"Config": {}, "HostConfig": {"NetworkMode": mode}, "NetworkSettings": {"Networks": networks}}
    recipe = recipe_of(held(inspected, state="exited"), 1)
    assert (recipe.more_networks, recipe.starts, "NetworkingConfig" in recipe.body) == (more, False, False)


@pytest.mark.parametrize(
    ("text", "moved"),
    [('["on-node-failure"]', True), ('["off"]', False), ("[]", False), ("odd", False), ("3", False)],
)
def test_who_asks_to_be_moved(text: str, moved: bool) -> None:
    """The label of the policy says it; one that cannot be read says nothing (N10.1)."""
    assert is_moved(held({}, labels={"com.docker.swarm.reschedule-policies": text})) == moved
    assert not is_moved(held({}, labels={}))
