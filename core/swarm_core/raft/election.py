"""Campaigning and voting, the same for every role that is not leading."""

from enum import Enum

from swarm_core.raft.machine import Raft
from swarm_core.raft.quorum import VoteResult
from swarm_core.raft.types import NO_ID, EntryType, Message, MessageType, StateRole

# A vote request with this context breaks a leader's lease: the leader itself asked for the election.
TRANSFER_CONTEXT = b"CampaignTransfer"

VOTE_ANSWERS = {MessageType.VOTE: MessageType.VOTE_RESP, MessageType.PRE_VOTE: MessageType.PRE_VOTE_RESP}


class Campaign(Enum):
    PRE_ELECTION = 0
    ELECTION = 1
    TRANSFER = 2


def start_election(raft: Raft, campaign_: Campaign) -> None:
    """Campaigns, if this member may become leader now."""
    if raft.role is StateRole.LEADER:
        raft.tracer.debug("%x ignoring MsgHup because already leader", raft.id)
    elif not raft.is_promotable:
        raft.tracer.warn("%x is unpromotable and can not campaign", raft.id)
    elif _has_unapplied_conf_change(raft):
        raft.tracer.warn(
            "%x cannot campaign at term %d since there are still pending configuration changes to apply",
            raft.id,
            raft.term,
        )
    else:
        raft.tracer.info("%x is starting a new election at term %d", raft.id, raft.term)
        campaign(raft, campaign_)


def campaign(raft: Raft, campaign_: Campaign) -> None:
    """Asks every voter, itself included: its own vote counts once it is durable."""
    if campaign_ is Campaign.PRE_ELECTION:
        raft.become_pre_candidate()
        request, term = MessageType.PRE_VOTE, raft.term + 1
    else:
        raft.become_candidate()
        request, term = MessageType.VOTE, raft.term
    context = TRANSFER_CONTEXT if campaign_ is Campaign.TRANSFER else b""
    last = raft.log.last_id()
    for id_ in raft.tracker.voter_ids():
        if id_ == raft.id:
            raft.send(VOTE_ANSWERS[request], id_, term=term)
            continue
        raft.tracer.info(
            "%x [logterm: %d, index: %d] sent %s request to %x at term %d",
            raft.id,
            last.term,
            last.index,
            request,
            id_,
            raft.term,
        )
        raft.send(request, id_, term=term, index=last.index, log_term=last.term, context=context)


def count_vote(raft: Raft, message: Message) -> VoteResult:
    """Records an answer and says how the election stands."""
    granted = not message.reject
    answer = "" if granted else " rejection"
    raft.tracer.info(
        "%x received %s%s from %x at term %d", raft.id, message.type, answer, message.from_, raft.term
    )
    raft.tracker.record_vote(message.from_, granted)
    yes, no, result = raft.tracker.tally()
    raft.tracer.info("%x has received %d %s votes and %d vote rejections", raft.id, yes, message.type, no)
    return result


def answer_vote(raft: Raft, message: Message) -> None:
    """Grants or refuses a vote or pre-vote.

    A member votes once in a term, and only for a log that holds all it holds itself. It may repeat its vote; a
    pre-vote for a later term binds nobody.
    """
    may_vote = (
        raft.vote == message.from_
        or (raft.vote == NO_ID and raft.lead == NO_ID)
        or (message.type is MessageType.PRE_VOTE and message.term > raft.term)
    )
    if not may_vote or not raft.log.is_up_to_date(message.log_term, message.index):
        refuse_vote(raft, message)
        return
    _trace_vote(raft, message, "cast %s for")
    # The candidate's term, not ours: it would ignore an answer to a pre-vote in a lower one.
    raft.send(VOTE_ANSWERS[message.type], message.from_, term=message.term)
    if message.type is MessageType.VOTE:
        raft.election_elapsed = 0
        raft.vote = message.from_


def refuse_vote(raft: Raft, message: Message) -> None:
    """Answers no, in our own term."""
    _trace_vote(raft, message, "rejected %s from")
    raft.send(VOTE_ANSWERS[message.type], message.from_, term=raft.term, reject=True)


def is_within_lease(raft: Raft, message: Message) -> bool:
    """Whether a vote request comes while this member still trusts a leader; it is then not even answered."""
    if not raft.config.check_quorum or raft.lead == NO_ID or message.context == TRANSFER_CONTEXT:
        return False
    remaining = raft.config.election_tick - raft.election_elapsed
    if remaining <= 0:
        return False
    _trace_vote(raft, message, "ignored %s from", f": lease is not expired (remaining ticks: {remaining})")
    return True


def _has_unapplied_conf_change(raft: Raft) -> bool:
    log = raft.log
    changes = (EntryType.CONF_CHANGE, EntryType.CONF_CHANGE_V2)
    pages = log.pages(log.applied + 1, log.committed + 1, log.max_applying_size)
    return any(entry.type in changes for page in pages for entry in page)


def _trace_vote(raft: Raft, message: Message, verdict: str, reason: str = "") -> None:
    last = raft.log.last_id()
    raft.tracer.info(
        "%x [logterm: %d, index: %d, vote: %x] " + verdict + " %x [logterm: %d, index: %d] at term %d%s",
        raft.id,
        last.term,
        last.index,
        raft.vote,
        message.type,
        message.from_,
        message.log_term,
        message.index,
        raft.term,
        reason,
    )
