"""The way in: what comes in is checked, what goes out is one batch in an order that is safe to carry out."""

import random
from dataclasses import replace
from typing import Any

import pytest
from swarm_core.raft.conf_change import unmarshal
from swarm_core.raft.config import Config
from swarm_core.raft.errors import ConfigInvalid, LocalMessageRefused, PeerUnknown
from swarm_core.raft.raw_node import RawNode
from swarm_core.raft.storage import MemoryStorage
from swarm_core.raft.types import (
    APPEND_THREAD,
    APPLY_THREAD,
    ConfState,
    Entry,
    EntryType,
    HardState,
    Message,
    MessageType,
    Ready,
    Snapshot,
)


def _node(voters: int = 1, *, is_async: bool = False) -> tuple[RawNode, MemoryStorage]:
    storage = MemoryStorage()
    storage.apply_snapshot(Snapshot(1, 1, ConfState(voters=tuple(range(1, voters + 1)))))
    storage.set_hard_state(HardState(1, 0, 1))
    return RawNode(Config(1, storage, random.Random(1), applied=1, async_storage_writes=is_async)), storage


def _take(node: RawNode, storage: MemoryStorage) -> Ready:
    """One Ready, stored; not yet advanced."""
    ready = node.ready()
    assert ready is not None
    storage.append(ready.entries)
    if ready.hard_state is not None:
        storage.set_hard_state(ready.hard_state)
    return ready


def test_nothing_to_do_is_none() -> None:
    """A quiet member has no Ready."""
    node, _ = _node()
    assert not node.has_ready()
    assert node.ready() is None


def test_single_member_proposes_stores_then_applies() -> None:
    """A proposal comes out to be stored, and only when that is done to be applied."""
    node, storage = _node()
    node.campaign()
    node.advance(_take(node, storage))
    node.advance(_take(node, storage))
    node.advance(_take(node, storage))
    node.propose(b"one")
    node.propose(b"two")
    first = _take(node, storage)
    assert ([entry.data for entry in first.entries], first.must_sync) == ([b"one", b"two"], True)
    assert first.committed_entries == ()
    node.advance(first)
    second = _take(node, storage)
    assert ([entry.data for entry in second.committed_entries], second.must_sync) == ([b"one", b"two"], False)
    assert second.hard_state == HardState(2, 1, 4)
    node.advance(second)
    assert node.ready() is None
    assert node.status().applied == 4


def test_inputs_between_ready_and_advance_wait_for_the_next() -> None:
    """While one batch is carried out, proposals collect in the next; two batches at once are refused."""
    node, storage = _node()
    node.campaign()
    for _ in range(3):
        node.advance(_take(node, storage))
    node.propose(b"one")
    first = _take(node, storage)
    node.propose(b"two")
    with pytest.raises(AssertionError, match="not advanced"):
        node.ready()
    node.advance(first)
    second = _take(node, storage)
    assert [entry.data for entry in second.entries] == [b"two"]
    assert [entry.data for entry in second.committed_entries] == [b"one"]


def test_candidate_asks_for_votes_with_its_term_to_be_stored() -> None:
    """The term and the own vote go to storage in the batch that asks the others."""
    node, storage = _node(3)
    node.campaign()
    ready = _take(node, storage)
    assert ready.hard_state == HardState(2, 1, 1)
    assert ready.must_sync
    assert [(one.type, one.to) for one in ready.messages] == [(MessageType.VOTE, 2), (MessageType.VOTE, 3)]


def test_bootstrap_hands_out_the_first_members() -> None:
    """A new group starts with its members as committed changes, context included, and can campaign when applied."""
    storage = MemoryStorage()
    node = RawNode(Config(7, storage, random.Random(1)))
    node.bootstrap([(7, b"member")])
    ready = _take(node, storage)
    (entry,) = ready.committed_entries
    assert (entry.type, entry.index, ready.hard_state) == (EntryType.CONF_CHANGE, 1, HardState(1, 0, 1))
    change = unmarshal(entry.type, entry.data)
    assert change.context == b"member"
    assert node.apply_conf_change(change).voters == (7,)
    node.advance(ready)
    node.campaign()
    node.advance(_take(node, storage))
    assert node.status().soft_state.lead == 7


def test_restart_goes_on_where_storage_ends() -> None:
    """Term, vote, commit and log come from storage; what was applied is not handed out again."""
    node, storage = _node()
    node.campaign()
    for _ in range(3):
        node.advance(_take(node, storage))
    again = RawNode(Config(1, storage, random.Random(1), applied=1))
    assert again.status().hard_state == HardState(2, 1, 2)
    ready = again.ready()
    assert ready is not None
    assert [entry.index for entry in ready.committed_entries] == [2]
    assert ready.hard_state is None
    assert RawNode(Config(1, storage, random.Random(1), applied=2)).ready() is None


def test_asynchronous_work_leaves_as_messages() -> None:
    """Storage work goes out with its answers inside, and nothing counts before they are stepped."""
    node, storage = _node(is_async=True)
    node.campaign()
    applied = []
    while (ready := node.ready()) is not None:
        for request in ready.messages:
            assert request.to in (APPEND_THREAD, APPLY_THREAD)
            if request.to == APPEND_THREAD:
                storage.append(request.entries)
            else:
                applied += [entry.index for entry in request.entries]
            for response in request.responses:
                node.step(response)
    assert applied == [2]
    with pytest.raises(AssertionError, match="asynchronous"):
        node.advance(Ready())


def test_written_entries_of_an_earlier_term_are_reported_again() -> None:
    """A report from before a change of term counts for nothing; the next request reports the entries once more."""
    node, _ = _node(3, is_async=True)
    node.step(Message(MessageType.APP, 1, 2, 2, 1, 1, (Entry(2, 2),)))
    first = node.ready()
    assert first is not None
    (request,) = first.messages
    stored = request.responses[-1]
    assert (stored.type, stored.index, stored.log_term) == (MessageType.STORAGE_APPEND_RESP, 2, 2)
    node.step(Message(MessageType.HEARTBEAT, 1, 3, 3))
    node.step(stored)
    second = node.ready()
    assert second is not None
    again = next(one for one in second.messages if one.to == APPEND_THREAD).responses[-1]
    assert (again.type, again.term, again.index) == (MessageType.STORAGE_APPEND_RESP, 3, 2)
    node.step(again)
    node.step(Message(MessageType.HEARTBEAT, 1, 3, 4))
    third = node.ready()
    assert third is not None
    responses = next(one for one in third.messages if one.to == APPEND_THREAD).responses
    assert all(one.type is not MessageType.STORAGE_APPEND_RESP for one in responses)


def test_messages_that_no_peer_may_send_are_refused() -> None:
    """Local types, and answers of strangers, are refused; other messages of strangers are not."""
    node, _ = _node()
    with pytest.raises(LocalMessageRefused):
        node.step(Message(MessageType.HUP, 1, 2))
    with pytest.raises(PeerUnknown):
        node.step(Message(MessageType.APP_RESP, 1, 2, 1))
    node.step(Message(MessageType.APP, 1, 2, 1, 1, 1))
    assert node.status().soft_state.lead == 2


def test_contradicting_settings_are_refused() -> None:
    """Each rule of the settings is checked when they are made."""
    config = Config(1, MemoryStorage(), random.Random(1))
    wrong: list[dict[str, Any]] = [
        {"id": 0},
        {"id": APPEND_THREAD},
        {"heartbeat_tick": 0},
        {"election_tick": 1},
        {"max_inflight_messages": 0},
        {"max_inflight_bytes": 10},
        {"read_only_lease": True},
    ]
    for change in wrong:
        with pytest.raises(ConfigInvalid):
            replace(config, **change)
    assert replace(config, max_committed_size_per_ready=0).applying_limit == config.max_size_per_message
