"""How readers follow a cluster of engines (docs/design/engines.md N1)."""

import pytest
from swarm_core.engines.errors import FellBehind
from swarm_core.engines.feeds import ChangePublisher, EventPublisher
from swarm_core.engines.records import (
    Container,
    EngineEntry,
    EngineKey,
    EngineRecord,
    EngineState,
    Event,
    Gone,
    Kind,
    Put,
    Resync,
    Trouble,
)

ONE = EngineKey("one")


def container(id_: str, state: str = "running") -> Container:
    return Container(ONE, id_, f"name-{id_}", "busybox", "sha256:1", "sh", 1.0, state, "Up")


def put(id_: str, state: str = "running") -> Put:
    return Put(Kind.CONTAINER, container(id_, state))


def event(action: str, type_: str = "container") -> Event:
    return Event(ONE, type_, action, "a", {}, 1)


async def test_the_last_change_of_a_record_counts() -> None:
    """A slow reader gets one change for each record, the last, in the order in which records first changed (N1.4)."""
    publisher = ChangePublisher()
    with publisher.subscribe() as changes:
        for change in (put("a"), put("b"), put("a", "exited"), Gone(Kind.CONTAINER, ONE, "b"), put("c")):
            publisher.publish(change)
        assert await changes.next() == [put("a", "exited"), Gone(Kind.CONTAINER, ONE, "b"), put("c")]
        assert changes.take() == []
        publisher.publish(put("d"))
        assert await changes.next() == [put("d")]
    assert len(publisher) == 0


async def test_a_reader_gets_its_kinds() -> None:
    """A reader of engines is told nothing of containers, and records of other kinds and engines do not replace one another."""
    publisher = ChangePublisher()
    record = EngineRecord(EngineEntry("unix:///one", name="one"))
    with publisher.subscribe([Kind.ENGINE]) as engines, publisher.subscribe() as all_:
        for change in (
            Put(Kind.ENGINE, record),
            put(""),
            Gone(Kind.VOLUME, ONE, ""),
            Gone(Kind.VOLUME, EngineKey("two"), ""),
        ):
            publisher.publish(change)
        assert engines.take() == [Put(Kind.ENGINE, record)]
        assert len(all_.take()) == 4


async def test_too_many_records_become_a_resync() -> None:
    """A reader with more records waiting than it may have lists anew, and then reads what came later (N1.5)."""
    publisher = ChangePublisher()
    with publisher.subscribe(records_max=2) as changes:
        for id_ in "aabb":
            publisher.publish(put(id_))
        publisher.publish(put("c"))
        publisher.publish(put("d"))
        assert await changes.next() == [Resync()]
        publisher.publish(put("e"))
        assert await changes.next() == [put("e")]


async def test_events_come_whole_and_in_order() -> None:
    """Equal events are two, and a reader chooses which it wants (N1.6)."""
    publisher = EventPublisher()
    with publisher.subscribe() as every, publisher.subscribe(lambda one: one.type == "image") as images:
        for one in (event("start"), event("start"), event("pull", "image")):
            publisher.publish(one)
        assert await every.next() == [event("start"), event("start"), event("pull", "image")]
        assert await images.next() == [event("pull", "image")]
    assert len(publisher) == 0


async def test_a_reader_of_events_that_is_too_slow_is_told() -> None:
    """More events than a reader may have waiting end its reading with FellBehind (N1.6)."""
    publisher = EventPublisher()
    with publisher.subscribe(events_max=2) as events:
        for action in ("start", "die", "destroy"):
            publisher.publish(event(action))
        with pytest.raises(FellBehind):
            await events.next()
    assert len(publisher) == 0


@pytest.mark.parametrize(
    ("state", "in_maintenance", "trouble", "word"),
    [
        (EngineState.PENDING, False, Trouble.NONE, "pending"),
        (EngineState.HEALTHY, False, Trouble.NONE, "healthy"),
        (EngineState.SLOW, False, Trouble.NONE, "slow"),
        (EngineState.HEALTHY, True, Trouble.NONE, "maintenance"),
        (EngineState.HEALTHY, False, Trouble.CLOCK, "skewed"),
        (EngineState.UNHEALTHY, True, Trouble.SILENT, "silent"),
        (EngineState.UNHEALTHY, False, Trouble.AWAY, "unhealthy"),
        (EngineState.PENDING, False, Trouble.AWAY, "unhealthy"),
        (EngineState.PENDING, False, Trouble.GARBAGE, "garbled"),
        (EngineState.DUPLICATE, False, Trouble.DUPLICATE, "duplicate"),
        (EngineState.DISCONNECTED, False, Trouble.AWAY, "disconnected"),
    ],
)
def test_one_word(state: EngineState, in_maintenance: bool, trouble: Trouble, word: str) -> None:
    """An engine's word is what is wrong with it, else its state; maintenance is said of one that lives (N1.7)."""
    record = EngineRecord(EngineEntry("tcp://h:1"), state, in_maintenance=in_maintenance, trouble=trouble)
    assert record.word == word


def test_keys_and_names() -> None:
    """An engine is called by the name it was given, else by its own; its key does not wait for that (N1.2)."""
    named, unnamed = EngineEntry("tcp://h:1", name="west"), EngineEntry("tcp://h:2")
    assert (named.key, unnamed.key) == ("west", "tcp://h:2")
    assert EngineRecord(named, hostname="m1").name == "west"
    assert EngineRecord(unnamed, hostname="m1").name == "m1"
    assert EngineRecord(unnamed).name == "tcp://h:2"


def test_raw_entries() -> None:
    """A record gives the engine's own entry, with what events have told since (N1.3)."""
    raw = b'{"Id": "a", "SizeRw": 3, "State": "running", "Names": ["/other/link", "/old"], "Ports": [{"PrivatePort": 80}]}'
    one = Container(ONE, "a", "n", "i", "s", "sh", 1.0, "exited", "Exited (0)", raw=raw)
    assert one.entry == {
        "Id": "a", "SizeRw": 3, "State": "exited", "Status": "Exited (0)", "Names": ["/n", "/other/link"], "Ports": [],
    }  # fmt: skip
    assert not one.is_running
