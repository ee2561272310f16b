"""Making containers on the engine that placement chooses (docs/design/engines.md N9), before fake engines."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from swarm_core.engines.deployed import DeployedFiles, Deployment
from swarm_core.engines.errors import EngineAway, EngineRefused
from swarm_core.engines.forgetting import forget_gone
from swarm_core.engines.placement.decide import BINPACK, NotPlaced, Policy
from swarm_core.engines.placer import Placed, Placer
from swarm_core.engines.records import EngineKey
from swarm_core.runtime.tasks import beside
from swarm_testkit.engine_clusters import Rig, entry, rig

E0, E1, E2 = EngineKey("e0"), EngineKey("e1"), EngineKey("e2")
GIB = 1 << 30


@pytest.fixture
async def three() -> AsyncIterator[tuple[Rig, Placer]]:
    """Three engines without containers."""
    async with rig(3) as found:
        yield found, Placer(found.cluster, random.Random(1))


async def make(
    placer: Placer,
    name: str,
    *env: str,
    image: str = "busybox:local",
    policy: Policy | None = None,
    **host: Any,
) -> Placed:
    body = {"Image": image, "Cmd": ["sleep", "10"], "Env": list(env), "HostConfig": host}
    return await placer.create(placer.request(name, body), policy)


async def test_spread(three: tuple[Rig, Placer]) -> None:
    """Thirty that are made at once are ten on each engine, and each is in the table when its making returns (N9.1)."""
    found, placer = three
    made = await asyncio.gather(*(make(placer, f"web-{number}") for number in range(30)))
    assert Counter(one.container.engine for one in made) == {E0: 10, E1: 10, E2: 10}
    assert sorted(found.names()) == sorted(f"web-{number}" for number in range(30))
    assert len({one.container.labels["com.docker.swarm.id"] for one in made}) == 30
    assert not placer._pending


async def test_binpack_with_reservations(three: tuple[Rig, Placer]) -> None:
    """Engines are filled one after the other; what containers reserve is learned first (N9.4)."""
    _, placer = three
    policy = Policy(BINPACK, overcommit=0.0)
    made = [await make(placer, f"db-{number}", policy=policy, Memory=3 * GIB) for number in range(6)]
    assert [one.container.engine for one in made] == [E0, E0, E1, E1, E2, E2]
    with pytest.raises(NotPlaced, match="no resources available to schedule container") as caught:
        await make(placer, "db-6", policy=policy, Memory=3 * GIB)
    assert [one.why for one in caught.value.decision.verdicts][:1] == [
        "has 2048 of 8192 MiB of memory left, 3072 are asked"
    ]


async def test_ports_of_stopped_containers(three: tuple[Rig, Placer]) -> None:
    """A port that a stopped container will have again is taken (N9.4)."""
    _, placer = three
    bound = {"80/tcp": [{"HostPort": "8080"}]}
    made = [await make(placer, f"p{number}", PortBindings=bound) for number in range(3)]
    assert sorted(one.container.engine for one in made) == [E0, E1, E2]
    with pytest.raises(NotPlaced, match="port 8080/tcp"):
        await make(placer, "p3", PortBindings=bound)


async def test_a_name_is_given_once(three: tuple[Rig, Placer]) -> None:
    """Of two that ask for one name at once the second is refused, as is one that comes later (N9.2)."""
    found, placer = three
    results = await asyncio.gather(make(placer, "one"), make(placer, "one"), return_exceptions=True)
    (refused,) = [one for one in results if isinstance(one, EngineRefused)]
    assert refused.status == 409
    assert str(refused).startswith("Conflict: The name one is already assigned")
    with pytest.raises(EngineRefused, match="already assigned by container"):
        await make(placer, "one")
    assert list(found.names()) == ["one"]


async def test_a_name_on_an_engine_that_is_away(three: tuple[Rig, Placer]) -> None:
    """It is free, and the container goes to an engine that lives (N9.2)."""
    found, placer = three
    await make(placer, "one", "constraint:node==e0")
    await found.fakes.vanish(0)
    await found.until(lambda: found.engine(0).state == "unhealthy")
    assert (await make(placer, "one")).container.engine in (E1, E2)


async def test_images_are_pulled_where_they_are_missing(three: tuple[Rig, Placer]) -> None:
    """The chosen engine pulls what it does not have (N9.3)."""
    found, placer = three
    found.fakes[1].pullable.add("redis:latest")
    made = await make(placer, "cache", "constraint:node==e1", image="redis")
    assert made.container.engine == E1


async def test_an_image_that_only_one_engine_has(three: tuple[Rig, Placer]) -> None:
    """When it cannot be pulled, the container goes where it is; an engine that is insisted on refuses (N9.3)."""
    found, placer = three
    found.fakes[2].add_image("own:1")
    found.cluster.wake(E2)
    await found.until(lambda: bool(found.cluster.tables.images.named("own:1")))
    assert (await make(placer, "here", image="own:1")).container.engine == E2
    with pytest.raises(EngineRefused) as caught:
        await make(placer, "there", "constraint:node==e0", image="own:1")
    assert caught.value.status == 404
    with pytest.raises(EngineRefused):
        await make(placer, "nowhere", image="nobody/has:it")
    assert list(found.names()) == ["here"]
    for one in found.fakes:
        one.faults.fails["/images/create"] = (500, "lookup registry-1.docker.io: network is unreachable")
    assert (await make(placer, "offline", image="own:1")).container.engine == E2
    assert not placer._pending


async def test_a_local_network_draws_its_containers(three: tuple[Rig, Placer]) -> None:
    """A container goes to an engine that has its network, unless it insists on another (N9.5)."""
    found, placer = three
    found.fakes[1].create_network({"Name": "back"})
    await found.until(lambda: bool(found.cluster.tables.networks.named("back")))
    for name in ("aa", "bb", "cc"):
        assert (await make(placer, name, NetworkMode="back")).container.engine == E1


async def test_what_is_made_is_remembered(three: tuple[Rig, Placer], tmp_path: Path) -> None:
    """Deploying saves how it was made, destroying removes it from its engine and from what is remembered (N9.7)."""
    found, _ = three
    deployed = DeployedFiles(tmp_path / "state")
    placer = Placer(found.cluster, random.Random(1), deployed=deployed)
    made = (await make(placer, "kept", "constraint:node==e1", "A=1")).container
    (one,) = deployed
    assert (one.id, one.name, one.body["Env"]) == (made.id, "kept", ["A=1"])
    assert placer.made_of(made) == one.body
    await found.cluster.api(E1).post(f"/containers/{made.id}/start")
    with pytest.raises(EngineRefused) as caught:
        await placer.destroy(made)
    assert caught.value.status == 409
    assert placer.made_of(made) is not None
    await placer.destroy(made, force=True)
    assert list(deployed) == []
    await found.until(lambda: found.names() == {})


async def test_explaining_makes_nothing(three: tuple[Rig, Placer]) -> None:
    """Where it would go, and what leaves the others out (N9.6)."""
    found, placer = three
    found.cluster.maintain(E0, True)
    request = placer.request("x", {"Image": "busybox:local", "Env": ["constraint:node!=e2"]})
    decision = await placer.explain(request)
    assert decision.lines() == [
        "e0 is in maintenance",
        "e1 is chosen: 0 containers, weight -800",
        "e2 does not meet constraint node!=e2 (it has e2)",
    ]
    assert found.names() == {}


async def test_an_engine_that_goes_away_meanwhile(three: tuple[Rig, Placer]) -> None:
    """Whoever asked is told, the engine is looked at, and what was held is given back (N9.1)."""
    found, placer = three
    await found.fakes.vanish(0)
    with pytest.raises((EngineAway, NotPlaced)):
        await make(placer, "x", "constraint:node==e0")
    await found.until(lambda: found.engine(0).state == "unhealthy")
    with pytest.raises(NotPlaced, match="constraint node==e0"):
        await make(placer, "x", "constraint:node==e0")
    assert not placer._pending


async def test_a_making_that_fails_is_tried_on_others(three: tuple[Rig, Placer]) -> None:
    """As often as the policy says, where the engine is to blame; who gets the container is told (N9.8)."""
    found, placer = three
    found.fakes[0].faults.fails["/containers/create"] = (500, "no space left on device")
    with pytest.raises(EngineRefused, match="no space left"):
        await make(placer, "once")
    made = await make(placer, "again", policy=Policy(retries=1))
    assert made.container.engine == E1
    assert made.warnings == ("engine e0 did not make it: no space left on device",)
    for number in (1, 2):
        found.fakes[number].faults.fails["/containers/create"] = (500, "neither here")
    with pytest.raises(EngineRefused, match="no space left"):
        await make(placer, "nowhere", policy=Policy(retries=9))
    found.fakes[0].faults.fails["/containers/create"] = (400, "invalid reference format")
    with pytest.raises(EngineRefused, match="invalid reference"):
        await make(placer, "wrong", policy=Policy(retries=9))
    assert list(found.names()) == ["again"]
    assert not placer._pending


async def test_an_engine_that_vanishes_may_have_made_it(three: tuple[Rig, Placer]) -> None:
    """The warning says so (N9.8)."""
    found, placer = three
    held = found.fakes[0].faults.holds["/containers/create"] = asyncio.Event()
    making = asyncio.ensure_future(make(placer, "one", policy=Policy(retries=1)))
    while not found.fakes[0].containers:
        await asyncio.sleep(0.01)
    await found.fakes.vanish(0)
    made = await making
    assert made.container.engine in (E1, E2)
    assert made.warnings[0].endswith("it may have a container of this name all the same")
    held.set()


async def test_who_is_cancelled_leaves_nothing_behind(three: tuple[Rig, Placer]) -> None:
    """What an engine had made by then is removed again (N9.10)."""
    found, placer = three
    held = found.fakes[0].faults.holds["/containers/create"] = asyncio.Event()
    making = asyncio.ensure_future(make(placer, "one"))
    while not found.fakes[0].containers:
        await asyncio.sleep(0.01)
    making.cancel()
    await asyncio.sleep(0)
    held.set()
    await asyncio.wait([making])
    assert making.cancelled()
    assert not found.fakes[0].containers
    assert not placer._pending


async def test_an_image_s_platforms_choose_the_engine() -> None:
    """Asked of its registry where engines differ; a processor that nobody has leaves none out (N9.9)."""
    async with rig(3, adds=False) as found:
        placer = Placer(found.cluster, random.Random(1))
        found.fakes[2].about.architecture = "aarch64"
        for number in range(3):
            found.fakes[number].pullable |= {"for/arm:1", "for/both:1", "for/risc:1", "unknown:1"}
            found.fakes[number].platforms["for/arm:1"] = [("linux", "arm64"), ("unknown", "unknown")]
            found.fakes[number].platforms["for/both:1"] = [("linux", "amd64"), ("linux", "arm64")]
            found.fakes[number].platforms["for/risc:1"] = [("linux", "riscv64")]
            found.cluster.add(entry(found.fakes, number))
        await found.cluster.settled()
        for number in range(2):
            assert (await make(placer, f"arm-{number}", image="for/arm:1")).container.engine == E2
        both = [(await make(placer, f"both-{number}", image="for/both:1")).container for number in range(2)]
        assert {one.engine for one in both} == {E0, E1}
        for image in ("for/risc:1", "unknown:1"):
            await make(placer, image.replace("/", "-").replace(":", "-"), image=image)
        decision = await placer.explain(placer.request("x", {"Image": "busybox:local"}, "linux/arm64/v8"))
        assert decision.lines()[0] == "e0 runs linux/amd64, and the image is for linux/arm64"
        assert decision.chosen == E2
        windows = await placer.explain(placer.request("x", {"Image": "busybox:local"}, "windows/amd64"))
        assert "platform windows" in windows.failure


async def test_engines_that_are_alike_are_not_asked_for_platforms(three: tuple[Rig, Placer]) -> None:
    """No registry is in the way of a container (N9.9)."""
    found, placer = three
    await make(placer, "one")
    assert not any("GET /distribution/{name}/json" in one.counters.by_path for one in found.fakes)


async def test_what_is_gone_is_forgotten(three: tuple[Rig, Placer], tmp_path: Path) -> None:
    """Whoever removes it, and also when nobody looked; what an engine had that is away is kept (N9.7)."""
    found, _ = three
    files = DeployedFiles(tmp_path)
    placer = Placer(found.cluster, random.Random(1), deployed=files)
    for number in range(3):
        await make(placer, f"c{number}", f"constraint:node==e{number}")
    files.save(Deployment("f" * 64, "before", {}, found.engine(0).id))
    files.save(Deployment("e" * 64, "elsewhere", {}, "another engine"))
    await found.fakes.vanish(2)
    await found.until(lambda: found.engine(2).state == "unhealthy")
    async with beside() as group:
        group.spawn(forget_gone(found.cluster, files), name="forget")
        while any(one.name == "before" for one in files):
            await asyncio.sleep(0.01)
        for number in (0, 2):
            engine = found.fakes[number]
            engine.remove(next(iter(engine.containers.values())))
        while any(one.name == "c0" for one in files):
            await asyncio.sleep(0.01)
        assert sorted(one.name for one in files) == ["c1", "c2", "elsewhere"]
