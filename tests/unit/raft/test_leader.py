"""What a leader does with proposals, followers that lag, membership changes and reads."""

import pytest
from swarm_core.raft.errors import MalformedMessage, ProposalDropped
from swarm_core.raft.progress import ProgressState
from swarm_core.raft.types import (
    ConfChange,
    ConfChangeSingle,
    ConfChangeTransition,
    ConfChangeType,
    ConfChangeV2,
    Entry,
    Message,
    MessageType,
    ReadState,
)
from swarm_testkit.raft_network import Member, RaftNetwork


def _add(id_: int) -> ConfChange:
    return ConfChange(ConfChangeType.ADD_NODE, id_)


def _remove(id_: int) -> ConfChange:
    return ConfChange(ConfChangeType.REMOVE_NODE, id_)


def _settled(network: RaftNetwork, member: Member, *changes: ConfChange | ConfChangeV2) -> None:
    for change in changes:
        member.raw.propose_conf_change(change)
        network.settle()


# Replication


def test_proposals_reach_everybody_in_order() -> None:
    """What the leader takes is applied by all, in the same order."""
    network = RaftNetwork(3)
    leader = network.elect(2)
    for number in range(20):
        leader.raw.propose(str(number).encode())
    network.settle()
    network.tick()
    assert {member.applied for member in network.members.values()} == {22}
    network.check_logs()


def test_follower_passes_proposals_on_unless_told_not_to() -> None:
    """Forwarding brings a proposal to the leader; where it is off, or nobody leads, it is dropped."""
    network = RaftNetwork(3)
    with pytest.raises(ProposalDropped):
        network[2].raw.propose(b"nobody leads")
    network.elect(1)
    network[2].raw.propose(b"forwarded")
    network.settle()
    assert network[1].applied == 3
    stubborn = RaftNetwork(3, disable_proposal_forwarding=True)
    stubborn.elect(1)
    with pytest.raises(ProposalDropped):
        stubborn[2].raw.propose(b"not forwarded")


def test_append_below_the_commit_index_is_answered_with_it() -> None:
    """A late append tells the follower nothing; the answer tells the leader how far it is (paper, section 5.3)."""
    network = RaftNetwork(3)
    leader = network.elect(1)
    leader.raw.propose(b"new")
    network.settle()
    network.tick()
    late = Message(MessageType.APP, 2, 1, leader.term, 9, 1, (Entry(9, 2),), commit=2)
    network[2].raw.step(late)
    network.work(2)
    (answer,) = network.flights
    assert (answer.type, answer.index, answer.reject) == (MessageType.APP_RESP, 3, False)


def test_nothing_commits_without_a_majority() -> None:
    """An entry that a minority holds is not applied; with the majority back it is."""
    network = RaftNetwork(5)
    leader = network.elect(1)
    network.cut_off = {3, 4, 5}
    leader.raw.propose(b"waits")
    network.settle()
    assert leader.applied == 2
    network.cut_off = {4, 5}
    network.tick()
    assert leader.applied == 3


def test_diverged_follower_is_brought_back() -> None:
    """Entries that were never committed give way to the new leader's (paper, figure 8)."""
    network = RaftNetwork(3)
    leader = network.elect(1)
    network.cut_off = {1}
    for number in range(5):
        leader.raw.propose(str(number).encode())
    network.settle()
    network.elect(2)
    network[2].raw.propose(b"kept")
    network.settle()
    network.cut_off = set()
    network.tick(2, ids=[2])
    assert not leader.is_leader
    assert network[1].applied == network[2].applied == 4
    network.check_logs()


def test_lagging_follower_gets_a_snapshot_once_the_log_is_gone() -> None:
    """Behind the compaction point a snapshot is sent; appends follow after it."""
    network = RaftNetwork(3)
    leader = network.elect(1)
    network.cut_off = {3}
    for number in range(5):
        leader.raw.propose(str(number).encode())
    network.settle()
    applied = leader.storage.applied
    leader.storage.create_snapshot(applied.index, applied.conf_state, applied.data)
    leader.storage.compact(applied.index)
    leader.raw.propose(b"after")
    network.settle()
    network.cut_off = set()
    network.tick(3, ids=[1])
    assert network[3].applied == leader.applied == 8
    assert network[3].storage.first_index() > 2
    assert leader.raw.status().progress[3].state is ProgressState.REPLICATE


def test_failed_snapshot_is_sent_again() -> None:
    """A reported failure leads back to probing, and to another snapshot at the next heartbeat."""
    network = RaftNetwork(2, spare=1)
    leader = network.elect(1)
    applied = leader.storage.applied
    leader.storage.create_snapshot(applied.index, applied.conf_state, applied.data)
    leader.storage.compact(applied.index)
    network.cut_off = {3}
    _settled(network, leader, _add(3))
    network.cut_off = set()
    leader.raw.report_snapshot(3, ok=False)
    network.tick(3, ids=[1])
    assert network[3].applied == leader.applied


def test_unreachable_follower_is_probed() -> None:
    """A reported loss stops the stream; the next answer resumes it."""
    network = RaftNetwork(3)
    leader = network.elect(1)
    leader.raw.report_unreachable(2)
    assert leader.raw.status().progress[2].state is ProgressState.PROBE
    network.tick(1, ids=[1])
    assert leader.raw.status().progress[2].state is ProgressState.REPLICATE


def test_uncommitted_payload_is_bounded() -> None:
    """Above the bound proposals drop, one always passes, empty ones always do, and applying makes room."""
    network = RaftNetwork(3, max_uncommitted_entries_size=100)
    leader = network.elect(1)
    leader.raw.propose(b"x" * 500)
    with pytest.raises(ProposalDropped):
        leader.raw.propose(b"y")
    leader.raw.propose(b"")
    network.settle()
    leader.raw.propose(b"y")


def test_malformed_messages_are_refused() -> None:
    """Entries with gaps, proposals and reads without entries raise a typed error and change nothing."""
    network = RaftNetwork(3)
    leader = network.elect(1)
    gap = (Entry(2, 3), Entry(2, 5))
    with pytest.raises(MalformedMessage):
        network[2].raw.step(Message(MessageType.APP, 2, 1, leader.term, 2, 2, gap))
    for type_ in (MessageType.PROP, MessageType.READ_INDEX):
        with pytest.raises(MalformedMessage):
            leader.raw.step(Message(type_, 1, 2))
    assert leader.raw.status().last_index == 2


# Membership


def test_group_grows_from_one_to_three_and_shrinks_again() -> None:
    """Members join an empty log, catch up by snapshot or log, and leave (SwarmKit's join and leave)."""
    network = RaftNetwork(1, spare=2)
    leader = network.elect(1)
    _settled(network, leader, _add(2), _add(3))
    network.tick(3)
    assert leader.raw.status().conf_state.voters == (1, 2, 3)
    assert {member.applied for member in network.members.values()} == {4}
    _settled(network, leader, _remove(3), _remove(2))
    assert leader.raw.status().conf_state.voters == (1,)
    leader.raw.propose(b"alone")
    network.settle()
    assert leader.applied == 7


def test_second_change_before_the_first_is_applied_becomes_empty() -> None:
    """Of two changes proposed at once the second one is replaced by an empty entry."""
    network = RaftNetwork(3, spare=2)
    leader = network.elect(1)
    leader.raw.propose_conf_change(_add(4))
    leader.raw.propose_conf_change(_add(5))
    network.settle()
    assert leader.raw.status().conf_state.voters == (1, 2, 3, 4)
    assert leader.applied == 4


def test_joint_change_leaves_by_itself_or_on_demand() -> None:
    """An implicit joint change ends automatically, an explicit one by an empty change."""
    network = RaftNetwork(3, spare=2)
    leader = network.elect(1)
    swap = (
        ConfChangeSingle(ConfChangeType.ADD_NODE, 4),
        ConfChangeSingle(ConfChangeType.ADD_LEARNER_NODE, 3),
    )
    _settled(network, leader, ConfChangeV2(swap))
    state = leader.raw.status().conf_state
    assert (state.voters, state.learners, state.voters_outgoing) == ((1, 2, 4), (3,), ())
    _settled(
        network,
        leader,
        ConfChangeV2((ConfChangeSingle(ConfChangeType.REMOVE_NODE, 4),), ConfChangeTransition.JOINT_EXPLICIT),
    )
    assert leader.raw.status().conf_state.voters_outgoing == (1, 2, 4)
    _settled(network, leader, ConfChangeV2())
    assert leader.raw.status().conf_state.voters_outgoing == ()


def test_learner_counts_for_nothing() -> None:
    """A learner receives the log, does not campaign and is not needed for a quorum."""
    network = RaftNetwork(3, spare=1)
    leader = network.elect(1)
    _settled(network, leader, ConfChange(ConfChangeType.ADD_LEARNER_NODE, 4))
    network.tick(3)
    assert network[4].applied == leader.applied
    network.tick(50, ids=[4])
    assert network[4].term == leader.term
    network.cut_off = {3, 4}
    leader.raw.propose(b"two of three voters")
    network.settle()
    assert leader.applied == 4


def test_removed_leader_steps_down_when_told_to() -> None:
    """With step_down_on_removal a leader ends with its own removal, without it leads on but takes no proposals."""
    for is_told in (True, False):
        network = RaftNetwork(3, step_down_on_removal=is_told)
        leader = network.elect(1)
        _settled(network, leader, _remove(1))
        assert leader.is_leader is not is_told
        with pytest.raises(ProposalDropped):
            leader.raw.propose(b"from outside")


def test_member_with_an_unapplied_change_does_not_campaign() -> None:
    """Whoever has committed a change and not applied it yet may not know who votes."""
    network = RaftNetwork(1)
    leader = network.elect(1)
    leader.raw.propose_conf_change(_add(2))
    ready = leader.raw.ready()
    assert ready is not None
    leader.storage.append(ready.entries)
    leader.raw.advance(ready)
    leader.raw.step(Message(MessageType.HEARTBEAT, 1, 2, leader.term + 1))
    leader.raw.campaign()
    assert not leader.raw.status().soft_state.role.name.endswith("CANDIDATE")


# Reads (thesis, 6.4)


@pytest.mark.parametrize("is_lease", [False, True])
def test_read_index_is_the_commit_index_at_its_arrival(is_lease: bool) -> None:
    """Reads asked of leader or follower are served at what was committed when they came."""
    network = RaftNetwork(3, check_quorum=True, read_only_lease=is_lease)
    leader = network.elect(1)
    leader.raw.read_index(b"own")
    network[2].raw.read_index(b"asked")
    network.settle()
    assert leader.reads == [ReadState(2, b"own")]
    assert network[2].reads == [ReadState(2, b"asked")]


def test_read_waits_for_a_quorum() -> None:
    """A leader that cannot reach a majority serves no safe read; later ones confirm earlier ones."""
    network = RaftNetwork(3)
    leader = network.elect(1)
    network.cut_off = {2, 3}
    leader.raw.read_index(b"a")
    network.settle()
    assert leader.reads == []
    network.cut_off = {3}
    leader.raw.read_index(b"b")
    network.settle()
    assert [read.request_context for read in leader.reads] == [b"a", b"b"]


def test_read_waits_for_the_first_commit_of_the_term() -> None:
    """A new leader serves reads only when an entry of its own term is committed."""
    network = RaftNetwork(3)
    network[1].raw.campaign()
    network.work(1)
    for message in [one for one in network.flights if one.to == 2]:
        network.deliver(message)
    network.flights.clear()
    network.work(2)
    (granted,) = network.flights
    network.flights.clear()
    network.deliver(granted)
    assert network[1].is_leader
    network[1].raw.read_index(b"early")
    assert network[1].raw.status().hard_state.commit == 1
    network.settle()
    assert network[1].reads == [ReadState(2, b"early")]


def test_single_member_reads_at_once() -> None:
    """A group of one needs nobody's confirmation."""
    network = RaftNetwork(1)
    leader = network.elect(1)
    leader.raw.read_index(b"now")
    network.settle()
    assert leader.reads == [ReadState(2, b"now")]
