"""How a follower answers: it takes over the leader's log, or says where the two may meet."""

from collections.abc import Callable

from swarm_core.raft.describe import describe_conf_state
from swarm_core.raft.election import Campaign, start_election
from swarm_core.raft.errors import MalformedMessage, ProposalDropped
from swarm_core.raft.log import EntryId
from swarm_core.raft.machine import Raft
from swarm_core.raft.types import NO_ID, Message, MessageType, ReadState, Snapshot, StateRole


def step_follower(raft: Raft, message: Message) -> None:
    """Handles a message of the own term; what means nothing to a follower is ignored."""
    handler = _HANDLERS.get(message.type)
    if handler is not None:
        handler(raft, message)


def handle_append(raft: Raft, message: Message) -> None:
    """Appends a leader's entries and acknowledges them, or refuses with a hint."""
    _check_contiguous(message)
    if message.index < raft.log.committed:
        raft.send(MessageType.APP_RESP, message.from_, index=raft.log.committed)
        return
    previous = EntryId(message.log_term, message.index)
    last_new = raft.log.try_append(previous, message.entries, message.commit)
    if last_new is not None:
        raft.send(MessageType.APP_RESP, message.from_, index=last_new)
        return
    raft.tracer.debug(
        "%x [logterm: %d, index: %d] rejected MsgApp [logterm: %d, index: %d] from %x",
        raft.id,
        raft.log.term_or_zero(message.index),
        message.index,
        message.log_term,
        message.index,
        message.from_,
    )
    # Entries of later terms than the leader's previous one cannot match: skip them all at once.
    highest = min(message.index, raft.log.last_index())
    hint = raft.log.find_conflict_by_term(highest, message.log_term)
    raft.send(
        MessageType.APP_RESP,
        message.from_,
        index=message.index,
        reject=True,
        reject_hint=hint.index,
        log_term=hint.term,
    )


def handle_heartbeat(raft: Raft, message: Message) -> None:
    raft.log.commit_to(message.commit)
    raft.send(MessageType.HEARTBEAT_RESP, message.from_, context=message.context)


def handle_snapshot(raft: Raft, message: Message) -> None:
    """Takes over a snapshot that is ahead, and answers how far the log reaches now."""
    snapshot = message.snapshot or Snapshot()
    is_restored = _restore(raft, snapshot)
    raft.tracer.info(
        "%x [commit: %d] %s snapshot [index: %d, term: %d]",
        raft.id,
        raft.log.committed,
        "restored" if is_restored else "ignored",
        snapshot.index,
        snapshot.term,
    )
    index = raft.log.last_index() if is_restored else raft.log.committed
    raft.send(MessageType.APP_RESP, message.from_, index=index)


def _check_contiguous(message: Message) -> None:
    for index, entry in enumerate(message.entries, message.index + 1):
        if entry.index != index:
            raise MalformedMessage


def _restore(raft: Raft, snapshot: Snapshot) -> bool:
    if snapshot.index <= raft.log.committed:
        return False
    assert raft.role is StateRole.FOLLOWER, "only a follower restores a snapshot"
    state = snapshot.conf_state
    if raft.id not in (*state.voters, *state.learners, *state.voters_outgoing):
        raft.tracer.warn(
            "%x attempted to restore snapshot but it is not in the ConfState %s; should never happen",
            raft.id,
            describe_conf_state(state),
        )
        return False
    last = raft.log.last_id()
    if raft.log.matches(snapshot.term, snapshot.index):
        # The log holds all of it already: only the commit index was behind.
        _trace_snapshot(raft, "fast-forwarded commit to", last, snapshot)
        raft.log.commit_to(snapshot.index)
        return False
    raft.log.restore(snapshot)
    raft.restore_membership(state, raft.log.last_index())
    _trace_snapshot(raft, "restored", raft.log.last_id(), snapshot)
    return True


def _trace_snapshot(raft: Raft, verb: str, last: EntryId, snapshot: Snapshot) -> None:
    raft.tracer.info(
        "%x [commit: %d, lastindex: %d, lastterm: %d] %s snapshot [index: %d, term: %d]",
        raft.id,
        raft.log.committed,
        last.index,
        last.term,
        verb,
        snapshot.index,
        snapshot.term,
    )


def _follow(raft: Raft, message: Message) -> None:
    raft.election_elapsed = 0
    raft.lead = message.from_
    FROM_LEADER[message.type](raft, message)


def _forward_proposal(raft: Raft, message: Message) -> None:
    if raft.lead == NO_ID:
        raft.tracer.info("%x no leader at term %d; dropping proposal", raft.id, raft.term)
        raise ProposalDropped
    if raft.config.disable_proposal_forwarding:
        raft.tracer.info(
            "%x not forwarding to leader %x at term %d; dropping proposal", raft.id, raft.lead, raft.term
        )
        raise ProposalDropped
    raft.forward_to_leader(message)


def _forward_transfer(raft: Raft, message: Message) -> None:
    if raft.lead == NO_ID:
        raft.tracer.info("%x no leader at term %d; dropping leader transfer msg", raft.id, raft.term)
    else:
        raft.forward_to_leader(message)


def _forward_read(raft: Raft, message: Message) -> None:
    if raft.lead == NO_ID:
        raft.tracer.info("%x no leader at term %d; dropping index reading msg", raft.id, raft.term)
    else:
        raft.forward_to_leader(message)


def _finish_read(raft: Raft, message: Message) -> None:
    if len(message.entries) != 1:
        raft.tracer.error(
            "%x invalid format of MsgReadIndexResp from %x, entries count: %d",
            raft.id,
            message.from_,
            len(message.entries),
        )
        return
    raft.read_states.append(ReadState(message.index, message.entries[0].data))


def _forget_leader(raft: Raft, _: Message) -> None:
    if raft.config.read_only_lease:
        # Whoever helps to elect another leader would break the lease that reads rely on.
        raft.tracer.error("ignoring MsgForgetLeader due to ReadOnlyLeaseBased")
    elif raft.lead != NO_ID:
        raft.tracer.info("%x forgetting leader %x at term %d", raft.id, raft.lead, raft.term)
        raft.lead = NO_ID


def _campaign_now(raft: Raft, message: Message) -> None:
    raft.tracer.info(
        "%x [term %d] received MsgTimeoutNow from %x and starts an election to get leadership.",
        raft.id,
        raft.term,
        message.from_,
    )
    # Never a pre-vote: the leader has given up its lease, so this is no disturbance.
    start_election(raft, Campaign.TRANSFER)


Handler = Callable[[Raft, Message], None]

FROM_LEADER: dict[MessageType, Handler] = {
    MessageType.APP: handle_append,
    MessageType.HEARTBEAT: handle_heartbeat,
    MessageType.SNAP: handle_snapshot,
}

_HANDLERS: dict[MessageType, Handler] = {
    MessageType.APP: _follow,
    MessageType.HEARTBEAT: _follow,
    MessageType.SNAP: _follow,
    MessageType.PROP: _forward_proposal,
    MessageType.TRANSFER_LEADER: _forward_transfer,
    MessageType.READ_INDEX: _forward_read,
    MessageType.READ_INDEX_RESP: _finish_read,
    MessageType.FORGET_LEADER: _forget_leader,
    MessageType.TIMEOUT_NOW: _campaign_now,
}
