"""The way in for every message and every tick: terms first, then elections and storage, then the role."""

from swarm_core.raft import membership
from swarm_core.raft.candidate import step_candidate
from swarm_core.raft.conf_change import AnyConfChange, marshal
from swarm_core.raft.election import Campaign, answer_vote, is_within_lease, refuse_vote, start_election
from swarm_core.raft.errors import ProposalDropped
from swarm_core.raft.follower import step_follower
from swarm_core.raft.leader import step_leader
from swarm_core.raft.machine import Raft
from swarm_core.raft.replication import broadcast_append, broadcast_pending
from swarm_core.raft.sizes import entries_size, payload_size
from swarm_core.raft.types import (
    NO_ID,
    ConfState,
    Entry,
    Message,
    MessageType,
    Snapshot,
    StateRole,
)

_VOTES = (MessageType.VOTE, MessageType.PRE_VOTE)
_LEADERS = (MessageType.APP, MessageType.HEARTBEAT, MessageType.SNAP)

_ROLES = {
    StateRole.FOLLOWER: step_follower,
    StateRole.CANDIDATE: step_candidate,
    StateRole.PRE_CANDIDATE: step_candidate,
    StateRole.LEADER: step_leader,
}


def step(raft: Raft, message: Message) -> None:
    """Handles one message. Raises ProposalDropped, MalformedConfChange, MalformedMessage."""
    if message.term > raft.term:
        if message.type in _VOTES and is_within_lease(raft, message):
            return
        _meet_higher_term(raft, message)
    elif 0 < message.term < raft.term:
        _answer_lower_term(raft, message)
        return
    type_ = message.type
    if type_ is MessageType.HUP:
        start_election(raft, Campaign.PRE_ELECTION if raft.config.pre_vote else Campaign.ELECTION)
    elif type_ in _VOTES:
        answer_vote(raft, message)
    elif type_ is MessageType.STORAGE_APPEND_RESP:
        if message.index:
            raft.log.unstable.stable_to(message.log_term, message.index)
        _snapshot_stored(raft, message.snapshot)
    elif type_ is MessageType.STORAGE_APPLY_RESP:
        _entries_applied(raft, message.entries)
    else:
        _ROLES[raft.role](raft, message)


def tick(raft: Raft) -> None:
    """Time passes by one unit."""
    if raft.role is StateRole.LEADER:
        _tick_leader(raft)
        return
    raft.election_elapsed += 1
    if raft.is_promotable and raft.election_elapsed >= raft.randomized_election_timeout:
        raft.election_elapsed = 0
        step(raft, Message(MessageType.HUP, from_=raft.id))


def apply_conf_change(raft: Raft, change: AnyConfChange) -> ConfState:
    """Takes over a committed change. Raises ConfChangeRefused, then nothing has changed."""
    conf_state = raft.install(*membership.change(raft.tracker, raft.log.last_index(), change))
    if raft.role is not StateRole.LEADER:
        return conf_state
    own = raft.tracker.progress.get(raft.id)
    if own is None or own.is_learner:
        # Without stepping down it still leads until the others have heard of the change and elect.
        if raft.config.step_down_on_removal:
            raft.become_follower(raft.term, NO_ID)
        return conf_state
    # The new quorum may have more, and new members must be found out about.
    if raft.try_commit():
        broadcast_append(raft)
    else:
        broadcast_pending(raft)
    if raft.lead_transferee not in raft.tracker.membership.voters.ids:
        raft.lead_transferee = 0
    return conf_state


def _tick_leader(raft: Raft) -> None:
    raft.heartbeat_elapsed += 1
    raft.election_elapsed += 1
    if raft.election_elapsed >= raft.config.election_tick:
        raft.election_elapsed = 0
        if raft.config.check_quorum:
            step(raft, Message(MessageType.CHECK_QUORUM, from_=raft.id))
        # A transfer has had its time.
        raft.lead_transferee = 0
    if raft.role is StateRole.LEADER and raft.heartbeat_elapsed >= raft.config.heartbeat_tick:
        raft.heartbeat_elapsed = 0
        step(raft, Message(MessageType.BEAT, from_=raft.id))


def _meet_higher_term(raft: Raft, message: Message) -> None:
    # A pre-vote asks about a term that nobody has entered, and a granted one answers about it.
    if message.type is MessageType.PRE_VOTE:
        return
    if message.type is MessageType.PRE_VOTE_RESP and not message.reject:
        return
    raft.tracer.info(
        "%x [term: %d] received a %s message with higher term from %x [term: %d]",
        raft.id,
        raft.term,
        message.type,
        message.from_,
        message.term,
    )
    raft.become_follower(message.term, message.from_ if message.type in _LEADERS else NO_ID)


def _answer_lower_term(raft: Raft, message: Message) -> None:
    type_ = message.type
    has_lease = raft.config.check_quorum or raft.config.pre_vote
    if has_lease and type_ in (MessageType.HEARTBEAT, MessageType.APP):
        # This member's term went up where its votes were ignored. The answer deposes the old leader, or the two
        # would be stuck: it never hears of the term, we never accept its appends.
        raft.send(MessageType.APP_RESP, message.from_)
    elif type_ is MessageType.PRE_VOTE:
        # An answer, so that a candidate of an older version without pre-vote cannot be stuck either.
        refuse_vote(raft, message)
    elif type_ is MessageType.STORAGE_APPEND_RESP:
        # The entries may have been replaced since; a snapshot is never.
        if message.index:
            raft.tracer.info(
                "%x [term: %d] ignored entry appends from a %s message with lower term [term: %d]",
                raft.id,
                raft.term,
                type_,
                message.term,
            )
        _snapshot_stored(raft, message.snapshot)
    else:
        raft.tracer.info(
            "%x [term: %d] ignored a %s message with lower term from %x [term: %d]",
            raft.id,
            raft.term,
            type_,
            message.from_,
            message.term,
        )


def _snapshot_stored(raft: Raft, snapshot: Snapshot | None) -> None:
    if snapshot is not None:
        raft.log.unstable.stable_snapshot_to(snapshot.index)
        _applied_to(raft, snapshot.index, 0)


def _entries_applied(raft: Raft, entries: tuple[Entry, ...]) -> None:
    if entries:
        _applied_to(raft, entries[-1].index, entries_size(entries))
        raft.give_back_uncommitted(payload_size(entries))


def _applied_to(raft: Raft, index: int, size: int) -> None:
    index = max(index, raft.log.applied)
    raft.log.applied_to(index, size)
    current = raft.tracker.membership
    if not (current.auto_leave and index >= raft.pending_conf_index and raft.role is StateRole.LEADER):
        return
    type_, data = marshal(None)
    leave = Message(MessageType.PROP, entries=(Entry(term=0, index=0, type=type_, data=data),))
    try:
        step(raft, leave)
    except ProposalDropped as dropped:
        # During a transfer of leadership; it is tried again with the next entry applied.
        raft.tracer.debug(
            "not initiating automatic transition out of joint configuration %s: %s", current, dropped
        )
    else:
        raft.tracer.info("initiating automatic transition out of joint configuration %s", current)
