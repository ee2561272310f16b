"""One engine as long as it is named (docs/design/engines.md N4, N5), before fake engines."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from swarm_core.engines import standing
from swarm_core.engines.api import EngineApi
from swarm_core.engines.client import EngineClient
from swarm_core.engines.cluster import EngineCluster, running
from swarm_core.engines.engine import EngineOptions
from swarm_core.engines.errors import EngineAway, EngineError, NotFound
from swarm_core.engines.records import (
    EngineEntry,
    EngineKey,
    EngineRecord,
    EngineState,
    Event,
    Gone,
    Kind,
    Put,
    Trouble,
)
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.engine_clusters import QUICK, WAIT_S, Rig, entry, rig
from swarm_testkit.fake_engines.engine import About
from swarm_testkit.fake_engines.faults import Garbage

E0, E1 = EngineKey("e0"), EngineKey("e1")


@pytest.fixture
async def two() -> AsyncIterator[Rig]:
    """Two engines with ten containers each, which are listed."""
    async with rig(2, containers=10) as found:
        yield found


async def test_what_is_there(two: Rig) -> None:
    """After connecting, the tables have what each engine has, and the record says what it is (N4.1)."""
    assert two.agrees(0)
    assert two.agrees(1)
    record = two.engine(0)
    assert (record.word, record.hostname, record.cpus, record.memory_bytes) == (
        "healthy",
        "host-0",
        4,
        8 << 30,
    )
    assert (record.version, record.api_version, record.id) == ("20.10.24", "1.41", two.fakes[0].id)
    assert (record.containers, record.running, record.images) == (10, 9, 3)
    tables = two.cluster.tables
    assert (len(tables.containers), len(tables.images), len(tables.networks)) == (20, 6, 6)
    one = tables.containers.named("db-1")[0]
    assert (one.image, one.state, one.labels["tier"]) == ("busybox:local", "running", "db")
    assert one.entry["Id"] == one.id


async def test_an_event_changes_its_row_alone(two: Rig) -> None:
    """A container that ends is shown ended by its event, and no list of all containers is asked for (N5.1)."""
    fake = two.fakes[0]
    lists = fake.counters.requests
    with two.cluster.changes([Kind.CONTAINER]) as changes:
        container = fake.container("web-0")
        fake.running.kill(container, 9)
        (change,) = await changes.next()
    assert isinstance(change, Put)
    assert change.record == two.cluster.tables.containers.get(E0, container.id)
    assert two.names(0)["web-0"] == "exited"
    assert fake.counters.requests - lists <= 2  # a probe may have come by
    await two.until(lambda: two.agrees(0))


async def test_create_rename_remove(two: Rig) -> None:
    """What comes is asked for, what is renamed is so at once, what goes is gone at once (N5.1, N5.2)."""
    fake = two.fakes[0]
    made = fake.create("new", {"Image": "busybox:local", "Cmd": ["sleep", "10"]})
    fake.running.start(made)
    await two.until(lambda: two.names(0).get("new") == "running")
    fake.rename(made, "newer")
    await two.until(lambda: "newer" in two.names(0))
    assert two.cluster.tables.containers.named("new") == []
    fake.remove(made, force=True)
    await two.until(lambda: "newer" not in two.names(0))
    assert two.cluster.tables.containers.with_id(made.id) == []


async def test_images_volumes_and_networks_follow(two: Rig) -> None:
    """Their events have their lists asked for anew (N5.3)."""
    fake, tables = two.fakes[1], two.cluster.tables
    fake.pullable.add("redis:7")
    fake.pull("redis:7")
    fake.create_volume({"Name": "data"})
    network = fake.create_network({"Name": "back"})
    await two.until(
        lambda: bool(
            tables.images.named("redis:7") and tables.volumes.named("data") and tables.networks.named("back")
        )
    )
    fake.remove_network(network.id)
    fake.remove_volume("data")
    await two.until(lambda: not tables.volumes.named("data") and not tables.networks.named("back"))


async def test_events_are_handed_on(two: Rig) -> None:
    """A reader gets the engines' events with their own JSON (N5.6)."""
    with two.cluster.events(lambda event: event.type == "container") as events:
        two.fakes[1].running.kill(two.fakes[1].container("web-0"), 9)
        seen: list[Event] = []
        while [one.action for one in seen][-1:] != ["die"]:
            seen += await events.next()
    assert {one.engine for one in seen} == {E1}
    assert b'"die"' in seen[-1].raw


async def test_a_killed_engine(two: Rig) -> None:
    """It is unhealthy after three failures, its rows stay, and it is followed again when it is back (N4.2, N4.3)."""
    with two.cluster.events(lambda event: event.type == "swarm") as told:
        await two.fakes.vanish(0)
        await two.until(lambda: two.engine(0).state is EngineState.UNHEALTHY)
        record = two.engine(0)
        assert (record.word, record.trouble) == ("unhealthy", Trouble.AWAY)
        assert record.failures >= 3
        assert "does not answer" in record.error
        assert len(two.names(0)) == 10
        with pytest.raises(EngineAway, match="engine e0 is unhealthy: the container engine at unix://"):
            two.cluster.api(E0)
        assert two.engine(1).word == "healthy"
        two.fakes[0].remove(two.fakes[0].container("web-0"), force=True)
        await two.fakes.come_back(0)
        await two.until(lambda: two.engine(0).word == "healthy" and two.agrees(0))
        actions = [event.action for event in await told.next()]
    assert actions == ["engine_disconnect", "engine_reconnect"]


async def test_events_missed_while_away_are_told(two: Rig) -> None:
    """A stream that broke is read on from the last event, none twice and none lost (N5.5)."""
    fake = two.fakes[0]
    with two.cluster.events(lambda event: event.type == "container") as events:
        fake.running.kill(fake.container("web-0"), 9)
        await two.until(lambda: two.names(0)["web-0"] == "exited")
        fake.events.end_all()
        fake.running.kill(fake.container("db-1"), 9)
        await two.until(lambda: two.names(0)["db-1"] == "exited")
        fake.running.start(fake.container("db-1"))
        seen: list[Event] = []
        while [one.action for one in seen][-1:] != ["start"]:
            seen += await events.next()
    assert [(one.attributes["name"], one.action) for one in seen] == [
        ("web-0", "kill"), ("web-0", "die"), ("db-1", "kill"), ("db-1", "die"), ("db-1", "start"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("garbage", "words"),
    [("bytes", "answered no HTTP"), ("html", "answered"), ("json", "answered"), ("half", "broke off")],
)
async def test_garbage(garbage: Garbage, words: str) -> None:
    """An engine that lies has the word for it, and the others are untouched (N4.4)."""
    async with rig(2, containers=1, adds=False) as found:
        found.fakes[0].faults.garbage = garbage
        found.cluster.add(entry(found.fakes, 0))
        found.cluster.add(entry(found.fakes, 1))
        await found.cluster.settled()
        assert found.engine(0).trouble in (Trouble.GARBAGE, Trouble.AWAY)
        assert (found.engine(0).trouble is Trouble.GARBAGE) == (garbage != "half")
        assert words in found.engine(0).error and "\n" not in found.engine(0).error
        assert found.engine(1).word == "healthy"
        found.fakes[0].faults.garbage = ""
        await found.until(lambda: found.engine(0).word == "healthy")


async def test_an_engine_that_hangs_from_the_start() -> None:
    """It is pending, the others are listed meanwhile, and their calls go on (N4.4)."""
    async with rig(2, containers=3, adds=False) as found:
        found.fakes.hang(0)
        found.cluster.add(entry(found.fakes, 0))
        found.cluster.add(entry(found.fakes, 1))
        await found.cluster.settled([E1])
        assert (await found.cluster.api(E1).get_object("/info"))["Name"] == "host-1"
        assert found.engine(0).word == "pending"
        with pytest.raises(EngineAway, match="engine e0 is pending"):
            found.cluster.api(E0)


async def test_an_engine_that_falls_silent() -> None:
    """A probe without an answer shows it; three make the engine unhealthy (N4.2)."""
    async with rig(
        1, containers=3, options=EngineOptions(probe_every_s=0.1, probe_s=0.5, retry_s=0.02)
    ) as found:
        found.fakes.hang(0)
        await found.until(lambda: found.engine(0).word == "silent")
        await found.until(lambda: found.engine(0).state is EngineState.UNHEALTHY)
        found.fakes.hang(0, hangs=False)
        await found.until(lambda: found.engine(0).state is EngineState.HEALTHY)


async def test_an_engine_that_refuses() -> None:
    """An engine that answers with errors has them told (N4.4)."""
    async with rig(1, adds=False) as found:
        found.fakes[0].faults.error = 503
        found.cluster.add(entry(found.fakes, 0))
        await found.until(lambda: found.engine(0).word == "refused")
        found.fakes[0].faults.error = 0
        await found.until(lambda: found.engine(0).word == "healthy")


class ProbesByHand(SystemClock):
    """Real time, but for the long waits between probes: one of them ends with each `release` of `due`."""

    LONG_S = 1e6

    def __init__(self) -> None:
        self.due = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        if seconds >= self.LONG_S:
            await self.due.acquire()
        else:
            await super().sleep(seconds)


async def test_an_answer_is_as_good_as_a_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that was asked for something since the last probe, and answered in time, is not asked whether it answers (N4.2)."""
    monkeypatch.setattr(standing, "SLOW_S", WAIT_S)
    clock = ProbesByHand()
    options = EngineOptions(probe_every_s=2 * clock.LONG_S, list_every_s=600.0)
    async with rig(1, containers=2, adds=False) as found:
        found.cluster = EngineCluster(clock, random.Random(1), options)
        async with running(found.cluster):
            found.cluster.add(entry(found.fakes, 0))
            await found.cluster.settled()
            fake, before = found.fakes[0], found.engine(0)
            pings = fake.counters.by_path["GET /_ping"]
            fake.running.kill(fake.container("web-0"), 9)
            while found.cluster._engines[E0]._answer_s is None:
                await asyncio.sleep(0.01)
            clock.due.release()
            await found.until(lambda: found.engine(0).answered_at_s > before.answered_at_s)
            assert found.engine(0).word == "healthy"
            assert fake.counters.by_path["GET /_ping"] == pings


async def test_a_slow_engine() -> None:
    """An answer that takes more than two seconds is slow, and no failure (N4.2)."""
    async with rig(1, containers=1) as found:
        found.fakes[0].faults.latency_s = 2.1
        await found.until(lambda: found.engine(0).word == "slow")
        took = found.engine(0).note.removeprefix("its last answer took ")
        assert float(took.removesuffix(" s")) >= 2.1
        found.fakes[0].faults.latency_s = 0.0
        assert found.engine(0).failures == 0
        assert (await found.cluster.api(E0).get_object("/info"))["Name"] == "host-0"
        await found.until(lambda: found.engine(0).word == "healthy")


async def test_a_fault_of_ours_with_one_engine() -> None:
    """It is logged and shown, the engine is begun anew, and the others are followed on (N4.4)."""

    class Odd(EngineApi):
        faults = 1

        async def about(self) -> dict[str, Any]:
            if self.url.endswith("/0.sock") and Odd.faults:
                Odd.faults -= 1
                raise RuntimeError("nobody expected this")
            return await super().about()

    def opened(one: EngineEntry) -> EngineApi:
        return Odd(EngineClient(one, keeps_connections=True))

    async with rig(2, containers=2, adds=False) as found:
        cluster = EngineCluster(SystemClock(), random.Random(1), QUICK, opened)
        for number in range(2):
            cluster.add(entry(found.fakes, number))
        with cluster.changes([Kind.ENGINE]) as changes:
            async with running(cluster):
                seen: list[Trouble] = []
                while not all(one.word == "healthy" for one in cluster.engines()):
                    seen += [
                        change.record.trouble
                        for change in await changes.next()
                        if isinstance(change, Put) and isinstance(change.record, EngineRecord)
                    ]
        assert Trouble.GARBAGE in seen
        assert Odd.faults == 0


async def test_wrong_versions() -> None:
    """An engine that is too old, or too new, has the word `version` (N4.4)."""
    async with rig(0, adds=False) as found:
        await found.fakes.add(About("old", api="1.20"))
        await found.fakes.add(About("new", api="1.60", oldest_api="1.55"))
        for number in range(2):
            found.cluster.add(entry(found.fakes, number))
        await found.cluster.settled()
        assert [found.engine(number).word for number in range(2)] == ["incompatible", "incompatible"]
        assert "at least 1.24 is needed" in found.engine(0).error
        assert "1.55 and newer" in found.engine(1).error


async def test_two_addresses_of_one_engine() -> None:
    """The second is a duplicate that names the first, and becomes one of us when the first goes (N4.5)."""
    async with rig(2, containers=2, adds=False) as found:
        found.fakes[1].id = found.fakes[0].id
        found.cluster.add(entry(found.fakes, 0))
        await found.cluster.settled()
        found.cluster.add(entry(found.fakes, 1))
        await found.until(lambda: found.engine(1).word == "duplicate")
        assert found.engine(1).error == f"e1 and e0 show the same engine id {found.fakes[0].id}"
        assert found.names(1) == {}
        await found.cluster.remove(E0)
        await found.until(lambda: found.engine(1).word == "healthy" and found.agrees(1))


async def test_another_engine_at_its_address(two: Rig) -> None:
    """An address that shows another id is not believed: its rows go, and it waits for a person (N4.5)."""
    two.fakes[0].id = "ANOTHER"
    await two.fakes.vanish(0)
    await two.fakes.come_back(0)
    await two.until(lambda: two.engine(0).word == "changed")
    assert "remove it and add it again" in two.engine(0).error
    assert two.names(0) == {}
    await two.cluster.remove(E0)
    two.cluster.add(entry(two.fakes, 0))
    await two.until(lambda: two.engine(0).word == "healthy" and two.agrees(0))


async def test_a_clock_that_is_off() -> None:
    """It works, its word is `skewed`, and its times are corrected (N4.6)."""
    async with rig(1, adds=False) as found:
        found.fakes[0].faults.skew_s = 3600.0
        made = found.fakes[0].create(
            "one", {"Image": found.fakes[0].add_image("i:1").id, "Cmd": ["sleep", "9"]}
        )
        found.cluster.add(entry(found.fakes, 0))
        await found.cluster.settled()
        record = found.engine(0)
        assert (record.word, record.error, record.state) == (
            "skewed",
            "its clock is 1 h ahead of ours",
            EngineState.HEALTHY,
        )
        (container,) = found.cluster.tables.containers
        assert abs(container.created_s - (made.created - 3600)) < 40
        with found.cluster.events(lambda event: event.type == "container") as events:
            found.fakes[0].running.start(made)
            (event, *_) = await events.next()
        assert abs(event.at_ns / 1e9 - (found.fakes[0].now() - 3600)) < 40


async def test_removed_and_added(two: Rig) -> None:
    """What nobody names any more goes with its rows, and is told as gone (N4.7)."""
    with two.cluster.changes() as changes, two.cluster.events(lambda event: event.type == "swarm") as told:
        await two.cluster.remove(E0)
        gone = [change for change in await changes.next() if isinstance(change, Gone)]
        assert [event.action for event in await told.next()] == ["engine_disconnect"]
    assert sum(change.kind is Kind.CONTAINER for change in gone) == 10
    assert Gone(Kind.ENGINE, E0, "") in gone
    assert two.names() == two.names(1)
    assert [record.key for record in two.cluster.engines()] == [E1]
    with pytest.raises(NotFound, match="No such engine: e0"):
        two.cluster.api(E0)
    two.cluster.add(entry(two.fakes, 0))
    await two.cluster.settled()
    assert two.agrees(0)


async def test_places_that_are_taken(two: Rig) -> None:
    """A second engine of the same name, and an address that cannot be one, are refused (N4.7)."""
    with pytest.raises(EngineError, match="there is an engine e0 already"):
        two.cluster.add(entry(two.fakes, 0))


async def test_maintenance(two: Rig) -> None:
    """It is a person's word, stays over a failure, and stops nothing (N4.8)."""
    two.cluster.maintain(E0, True)
    assert two.engine(0).word == "maintenance"
    await two.fakes.vanish(0)
    await two.until(lambda: two.engine(0).state == "unhealthy")
    await two.fakes.come_back(0)
    await two.until(lambda: two.engine(0).word == "maintenance")
    two.cluster.maintain(E0, False)
    assert two.engine(0).word == "healthy"


async def test_lists_find_what_no_event_told(two: Rig) -> None:
    """What changed without an event is corrected by a list, and counted by the next one; what events explain is not (N5.4)."""
    fake = two.fakes[0]
    fake.container("web-0").name = "silently"
    del fake.containers[fake.container("db-1").id]
    two.cluster.wake(E0)
    await two.until(lambda: "silently" in two.names(0) and "db-1" not in two.names(0))
    assert two.cluster.drift() == 0
    fake.running.kill(fake.container("cache-2"), 9)
    two.cluster.wake(E0)
    await two.until(lambda: two.cluster.drift() > 0)
    assert two.cluster.drift() == 2


async def test_one_container_now(two: Rig) -> None:
    """`refresh` has a container as its engine has it at this moment, and None for one that it has not (N5.7)."""
    made = two.fakes[0].create("now", {"Image": "busybox:local", "Cmd": ["sleep", "10"]})
    found = await two.cluster.refresh(E0, made.id)
    assert found is not None
    assert found.name == "now"
    assert await two.cluster.refresh(E0, "0" * 64) is None


async def test_what_containers_reserve(two: Rig) -> None:
    """An inspection tells it, lists keep it, and an update has it forgotten (N5.8)."""
    container = two.cluster.find.container("web-0", E0)
    assert container.reserved is None
    await two.cluster.inspect(E0, [container.id, "0" * 64])
    reserved = two.cluster.find.container("web-0", E0).reserved
    assert reserved is not None
    assert (reserved.nano_cpus, reserved.memory_bytes, reserved.raw) == (10_000_000, 64 << 20, b"")
    two.fakes[0].running.kill(two.fakes[0].container("web-0"), 9)
    await two.until(lambda: two.names(0)["web-0"] == "exited")
    assert two.cluster.find.container("web-0", E0).reserved == reserved
    two.fakes[0].tell_of(two.fakes[0].container("web-0"), "update")
    await two.until(lambda: two.cluster.find.container("web-0", E0).reserved is None)


async def test_a_storm_of_events() -> None:
    """Whatever engines do, and however their streams break, the tables agree with them once it is quiet (N5.4)."""
    from swarm_testkit.fake_engines import seeds

    async with rig(3, containers=12, options=QUICK) as found:
        for turn in range(60):
            for fake in found.fakes:
                if turn % 7 == 3 and len(fake.containers) > 5:
                    fake.remove(fake.rng.choice(list(fake.containers.values())), force=True)
                elif turn % 5 == 2:
                    fake.running.start(
                        fake.create(f"n{turn}", {"Image": "busybox:local", "Cmd": ["sleep", "9"]})
                    )
                else:
                    seeds.change_one(fake, fake.rng)
            if turn % 20 == 9:
                found.fakes[turn % 3].events.end_all()
            await asyncio.sleep(0)
        await found.until(lambda: all(found.agrees(number) for number in range(3)))
        for _ in range(2):  # the second counts what the first found and no event explained
            whole = {key: engine.lists.whole for key, engine in found.cluster._engines.items()}
            for key in whole:
                found.cluster.wake(key)
            await found.until(
                lambda whole=whole: all(
                    engine.lists.whole > whole[key] for key, engine in found.cluster._engines.items()
                )
            )
        assert found.cluster.drift() == 0
