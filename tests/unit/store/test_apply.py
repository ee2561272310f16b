"""Entries of another implementation's leader are applied as far as they are understood, and never raise."""

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.proto.objects_pb2 import Node, Service
from swarm_core.api.wire import delimited, fields, varint
from swarm_core.runtime.clock import SystemClock
from swarm_core.store import actions, memory
from swarm_core.store.actions import CREATE, REMOVE, UPDATE, MalformedRecord, encode_action
from swarm_core.store.by import Name
from swarm_core.store.events import Commit, Created, Deleted, Updated
from swarm_core.store.memory import MemoryStore
from swarm_core.watch.queue import Subscription

FUTURE_ACTION, FUTURE_FIELD = 9, 99


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(clock=SystemClock())


def node(id_: str, hostname: str = "") -> Node:
    return Node(id=id_, description={"hostname": hostname})


def request(*actions: tuple[int, Node]) -> bytes:
    return b"\x08\x07" + b"".join(
        encode_action(Node, action, item.SerializeToString()) for action, item in actions
    )


async def events_of(subscription: Subscription[Commit]) -> list[tuple[type, str, str]]:
    """Kind of event, id and hostname."""
    return [
        (type(event), event.object.id, event.object.description.hostname)
        for commit in await subscription.next()
        for event in commit.events
        if isinstance(event.object, Node)
    ]


@pytest.mark.parametrize("entry", [b"\xff", b"\x12\x7fabc", b"\x08\x07\x12\x04\x08\x01\x12\x7f"])
def test_what_is_no_request_changes_nothing(
    store: MemoryStore, caplog: pytest.LogCaptureFixture, entry: bytes
) -> None:
    """An entry that cannot be read is reported, counts as applied and leaves the objects alone."""
    store.apply(1, request((CREATE, node("a"))))
    with caplog.at_level(logging.ERROR):
        store.apply(2, entry)
    assert "log entry 2 is not understood" in caplog.text
    assert store.version == 2 and store.find(Node) == [node("a")]


def test_newer_actions_and_kinds_are_left_out(store: MemoryStore) -> None:
    """What only a newer member knows is passed over; the rest of the entry is applied."""
    unknown_kind = delimited(2, b"\x08" + varint(CREATE) + delimited(FUTURE_FIELD, b"abc"))
    unknown_action = delimited(
        2, b"\x08" + varint(FUTURE_ACTION) + delimited(2, node("b").SerializeToString())
    )
    no_target = delimited(2, b"\x08" + varint(CREATE))
    unknown_field = delimited(FUTURE_FIELD, b"abc")
    store.apply(1, unknown_kind + unknown_action + no_target + request((CREATE, node("a"))) + unknown_field)
    assert store.find(Node) == [node("a")]


async def test_one_entry_changes_an_object_repeatedly(store: MemoryStore) -> None:
    """Each change meets what the one before it left, and watchers are told the same."""
    with store.subscribe(Node) as subscription:
        store.apply(
            1, request((CREATE, node("a", "one")), (UPDATE, node("a", "two")), (REMOVE, node("a", "two")))
        )
        assert store.find(Node) == []
        store.apply(2, request((CREATE, node("a", "one")), (REMOVE, node("a")), (REMOVE, node("a"))))
        assert store.find(Node) == []
        store.apply(
            3, request((REMOVE, node("a")), (UPDATE, node("a", "three")), (CREATE, node("a", "four")))
        )
        assert store.find(Node) == [node("a", "four")]
        assert await events_of(subscription) == [
            (Created, "a", "one"),
            (Updated, "a", "two"),
            (Deleted, "a", "two"),
            (Created, "a", "one"),
            (Deleted, "a", "one"),
            (Created, "a", "three"),
            (Updated, "a", "four"),
        ]


async def test_text_that_is_none_is_replaced(store: MemoryStore) -> None:
    """A string that is no UTF-8 reaches the store, its watchers and its snapshot as text with replacement characters."""
    cut = delimited(1, b"s") + delimited(3, delimited(1, delimited(1, "ß".encode()[:1])))
    with store.subscribe(Service) as subscription:
        store.apply(1, encode_action(Service, CREATE, cut))
        [commit] = await subscription.next()
    [service] = store.find(Service)
    assert service.spec.annotations.name == "\ufffd"
    assert Service.FromString(commit.events[0].encoded) == service
    other = MemoryStore(clock=SystemClock())
    other.restore(1, store.snapshot()())
    assert other.find(Service) == [service]
    other.restore(2, delimited(2, cut))
    assert other.find(Service) == [service]


@pytest.mark.parametrize("snapshot", [b"\xff", b"\x0a\x7f", b"\x0a\x03\x0a\x7fa"])
def test_a_damaged_snapshot_is_refused(store: MemoryStore, snapshot: bytes) -> None:
    """Half a store would be wrong: a snapshot that cannot be read changes nothing and says so."""
    store.apply(1, request((CREATE, node("a"))))
    with pytest.raises(MalformedRecord):
        store.restore(2, snapshot)
    assert store.version == 1 and store.find(Node) == [node("a")]


def test_an_empty_store_takes_a_snapshot_whole_or_not_at_all() -> None:
    """A snapshot of which a later object cannot be read leaves an empty store empty; a sound one fills it, names included."""
    sound = delimited(2, Service(id="s").SerializeToString()) + delimited(1, node("a").SerializeToString())
    empty = MemoryStore(clock=SystemClock())
    with pytest.raises(MalformedRecord):
        empty.restore(2, sound + b"\x0a\x7f")
    assert empty.version == 0 and empty.find(Node) == [] and empty.find(Service) == []
    empty.restore(2, sound)
    assert empty.version == 2 and empty.find(Node) == [node("a")] and empty.count(Service, Name("")) == 1


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from((CREATE, UPDATE, REMOVE)),
                st.sampled_from("abc"),
                st.sampled_from(("", "x", "y")),
            ),
            max_size=5,
        ),
        max_size=8,
    )
)
def test_an_entry_does_the_same_whether_somebody_watches(entries: list[list[tuple[int, str, str]]]) -> None:
    """The tables after a replay, which nobody watches, are those of a member that was there."""
    seen, unseen = MemoryStore(clock=SystemClock()), MemoryStore(clock=SystemClock())

    async def apply_all() -> None:
        with seen.subscribe():
            for index, entry in enumerate(entries, 1):
                encoded = request(*((action, node(id_, name)) for action, id_, name in entry))
                seen.apply(index, encoded)
                unseen.apply(index, encoded)
                assert seen.find(Node, Name("x")) == unseen.find(Node, Name("x"))

    asyncio.run(apply_all())
    assert seen.find(Node) == unseen.find(Node) and seen.version == unseen.version


def test_a_replay_reads_each_entry_once_and_tells_nobody(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain actions are taken from the entry as they stand, and without a watcher no event is made."""
    walked = []
    monkeypatch.setattr(actions, "fields", lambda data: walked.append(data) or fields(data))
    monkeypatch.setattr(memory, "Created", None)
    entry = request(*((CREATE, node(f"n{number}")) for number in range(100)))
    store.apply(1, entry)
    assert walked == [entry]
    assert len(store.find(Node)) == 100
