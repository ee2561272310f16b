"""Elections, leases and the transfer of leadership."""

import pytest
from swarm_core.raft.errors import ProposalDropped
from swarm_core.raft.types import Message, MessageType, StateRole
from swarm_testkit.raft_network import RaftNetwork

_ELECTION = 10


def _network(size: int = 3, **settings: bool) -> RaftNetwork:
    return RaftNetwork(size, election_tick=_ELECTION, **settings)


def _answers(network: RaftNetwork, id_: int, message: Message) -> list[Message]:
    """What a member sends on a message."""
    network[id_].raw.step(message)
    network.work(id_)
    sent, network.flights = network.flights, []
    return sent


def _vote(term: int, from_: int, *, index: int = 1, log_term: int = 1, context: bytes = b"") -> Message:
    type_ = MessageType.VOTE
    return Message(type_, 1, from_, term, index=index, log_term=log_term, context=context)


@pytest.mark.parametrize("seed", range(20))
def test_election_timeout_lies_between_one_and_two_periods(seed: int) -> None:
    """A follower without a leader campaigns after [election, 2 x election - 1] ticks (paper, section 5.2)."""
    network = RaftNetwork(3, seed=seed, election_tick=_ELECTION)
    ticks = 0
    while network[1].raw.status().soft_state.role is StateRole.FOLLOWER:
        network[1].raw.tick()
        ticks += 1
    assert _ELECTION <= ticks < 2 * _ELECTION


def test_single_member_elects_itself() -> None:
    """A group of one leads as soon as its own vote is stored."""
    network = _network(1)
    network[1].raw.campaign()
    assert network[1].raw.status().soft_state.role is StateRole.CANDIDATE
    network.settle()
    assert network[1].is_leader
    assert network[1].applied == 2


def test_leader_needs_a_majority() -> None:
    """Two of five voters elect nobody, three do (paper, section 5.2)."""
    network = _network(5)
    network.cut_off = {3, 4, 5}
    network[1].raw.campaign()
    network.settle()
    assert network.leader() is None
    network.cut_off = {4, 5}
    network[1].raw.campaign()
    network.settle()
    assert network.leader() is network[1]


def test_member_votes_once_in_a_term() -> None:
    """The first candidate of a term gets the vote, and gets it again; another does not; a restart changes nothing."""
    network = _network()
    assert not _answers(network, 1, _vote(5, 2))[0].reject
    assert _answers(network, 1, _vote(5, 3))[0].reject
    network.crash(1)
    assert _answers(network, 1, _vote(5, 3))[0].reject
    assert not _answers(network, 1, _vote(5, 2))[0].reject
    assert not _answers(network, 1, _vote(6, 3))[0].reject


def test_candidate_with_a_shorter_log_is_refused() -> None:
    """A voter elects nobody whose log lacks what its own holds (paper, section 5.4.1)."""
    network = _network()
    network.elect(1)
    (answer,) = _answers(network, 1, _vote(9, 2, index=1, log_term=1))
    assert (answer.reject, answer.term) == (True, 9)
    (answer,) = _answers(network, 1, _vote(9, 2, index=2, log_term=2))
    assert not answer.reject


def test_candidate_gives_way_to_a_leader_of_its_term() -> None:
    """An append of the own term ends a candidacy (paper, section 5.2)."""
    network = _network()
    network[1].raw.campaign()
    network.work(1)
    term = network[1].term
    network[1].raw.step(Message(MessageType.APP, 1, 2, term, 1, 1))
    assert network[1].raw.status().soft_state.role is StateRole.FOLLOWER
    assert network[1].raw.status().soft_state.lead == 2


def test_refused_candidate_becomes_follower() -> None:
    """A candidate that a majority refuses stops campaigning."""
    network = _network()
    network[1].raw.campaign()
    network.work(1)
    for id_ in (2, 3):
        network[1].raw.step(Message(MessageType.VOTE_RESP, 1, id_, network[1].term, reject=True))
    assert network[1].raw.status().soft_state.role is StateRole.FOLLOWER


def test_lease_ignores_candidates_unless_the_leader_asked() -> None:
    """A voter that hears its leader does not even answer a candidate; a transfer is no disturbance (thesis, 4.2.3)."""
    network = _network(check_quorum=True)
    network.elect(2)
    term = network[1].term
    assert _answers(network, 1, _vote(term + 5, 3, index=9, log_term=9)) == []
    assert network[1].term == term
    forced = _vote(term + 5, 3, index=9, log_term=9, context=b"CampaignTransfer")
    assert not _answers(network, 1, forced)[0].reject


def test_leader_without_a_quorum_steps_down() -> None:
    """A leader that hears of no majority during an election timeout stops leading (thesis, 6.2)."""
    network = _network(check_quorum=True)
    leader = network.elect(1)
    network.cut_off = {2, 3}
    network.tick(2 * _ELECTION, ids=[1])
    assert not leader.is_leader


def test_leader_of_an_old_term_is_deposed_by_the_answer() -> None:
    """With a lease an old leader's append is answered in the newer term, so it learns of it."""
    network = _network(check_quorum=True)
    _answers(network, 1, _vote(7, 2))
    (answer,) = _answers(network, 1, Message(MessageType.APP, 1, 3, 3, 1, 1))
    assert (answer.type, answer.term, answer.index) == (MessageType.APP_RESP, 7, 0)
    assert _answers(network, 1, Message(MessageType.VOTE_RESP, 1, 3, 3)) == []


def test_pre_vote_keeps_the_term_of_a_member_that_cannot_win() -> None:
    """A member that was cut off campaigns in vain and disturbs nobody when it returns (thesis, 9.6)."""
    network = _network(pre_vote=True, check_quorum=True)
    leader = network.elect(1)
    term = leader.term
    network.cut_off = {3}
    network.tick(6 * _ELECTION)
    assert network[3].raw.status().soft_state.role is StateRole.PRE_CANDIDATE
    network.cut_off = set()
    network.tick(6 * _ELECTION)
    assert network.leader() is leader
    assert {network[id_].term for id_ in (1, 2, 3)} == {term}


def test_transfer_hands_leadership_to_a_caught_up_member() -> None:
    """The target leads next, at once and without losing an entry (thesis, 3.10)."""
    network = _network(check_quorum=True)
    leader = network.elect(1)
    network.cut_off = {2}
    network.propose(leader, b"missed")
    network.settle()
    network.cut_off = set()
    leader.raw.transfer_leader(2)
    with pytest.raises(ProposalDropped):
        leader.raw.propose(b"refused meanwhile")
    network.tick(2)
    assert network.leader() is network[2]
    assert network[2].applied == network[1].applied


def test_transfer_is_given_up_after_an_election_timeout() -> None:
    """A transfer to somebody who does not answer ends by itself."""
    network = _network()
    leader = network.elect(1)
    network.cut_off = {2}
    leader.raw.transfer_leader(2)
    network.settle()
    assert leader.raw.status().lead_transferee == 2
    network.tick(_ELECTION, ids=[1])
    assert leader.raw.status().lead_transferee == 0
    leader.raw.propose(b"taken again")


def test_transfer_asked_of_a_follower_reaches_the_leader() -> None:
    """A follower passes the wish on; a transfer to the leader itself, or to a stranger, is ignored."""
    network = _network()
    leader = network.elect(1)
    leader.raw.transfer_leader(1)
    leader.raw.transfer_leader(99)
    assert leader.raw.status().lead_transferee == 0
    network[2].raw.transfer_leader(3)
    network.settle()
    assert network.leader() is network[3]


def test_forgotten_leader_is_followed_again_when_heard() -> None:
    """Forgetting the leader lets a member vote at once; the next heartbeat brings the leader back."""
    network = _network(check_quorum=True)
    network.elect(1)
    network[2].raw.forget_leader()
    assert network[2].raw.status().soft_state.lead == 0
    network.tick(1, ids=[1])
    assert network[2].raw.status().soft_state.lead == 1
