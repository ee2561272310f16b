"""How a candidate or pre-candidate counts votes, and gives way to a leader of its term."""

from swarm_core.raft.election import Campaign, campaign, count_vote
from swarm_core.raft.errors import ProposalDropped
from swarm_core.raft.follower import FROM_LEADER
from swarm_core.raft.machine import Raft
from swarm_core.raft.quorum import VoteResult
from swarm_core.raft.replication import broadcast_append
from swarm_core.raft.types import NO_ID, Message, MessageType, StateRole

# Late answers of the other round mean nothing any more.
_OWN_ANSWER = {
    StateRole.CANDIDATE: MessageType.VOTE_RESP,
    StateRole.PRE_CANDIDATE: MessageType.PRE_VOTE_RESP,
}


def step_candidate(raft: Raft, message: Message) -> None:
    """Handles a message of the own term; what means nothing to a candidate is ignored."""
    if message.type is MessageType.PROP:
        raft.tracer.info("%x no leader at term %d; dropping proposal", raft.id, raft.term)
        raise ProposalDropped
    if message.type in FROM_LEADER:
        raft.become_follower(message.term, message.from_)
        FROM_LEADER[message.type](raft, message)
    elif message.type is _OWN_ANSWER[raft.role]:
        _conclude(raft, count_vote(raft, message))
    elif message.type is MessageType.TIMEOUT_NOW:
        raft.tracer.debug(
            "%x [term %d state %s] ignored MsgTimeoutNow from %x",
            raft.id,
            raft.term,
            raft.role,
            message.from_,
        )


def _conclude(raft: Raft, result: VoteResult) -> None:
    if result is VoteResult.LOST:
        # A refusal may come in a later term, but then as a message of that term; here the term stays.
        raft.become_follower(raft.term, NO_ID)
    elif result is VoteResult.WON and raft.role is StateRole.PRE_CANDIDATE:
        campaign(raft, Campaign.ELECTION)
    elif result is VoteResult.WON:
        raft.become_leader()
        broadcast_append(raft)
