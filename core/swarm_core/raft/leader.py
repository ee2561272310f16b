"""How a leader serves reads, follows its members' progress, and gives leadership away."""

from collections.abc import Callable

from swarm_core.raft.errors import MalformedMessage
from swarm_core.raft.machine import Raft
from swarm_core.raft.progress import Progress, ProgressState
from swarm_core.raft.proposals import propose
from swarm_core.raft.replication import (
    broadcast_append,
    broadcast_heartbeat,
    send_append,
    send_timeout_now,
)
from swarm_core.raft.types import NO_ID, Message, MessageType, ReadState


def step_leader(raft: Raft, message: Message) -> None:
    """Handles a message of the own term; what means nothing to a leader is ignored."""
    own = _OWN_HANDLERS.get(message.type)
    if own is not None:
        own(raft, message)
        return
    progress = raft.tracker.progress.get(message.from_)
    if progress is None:
        raft.tracer.debug("%x no progress available for %x", raft.id, message.from_)
        return
    handler = _MEMBER_HANDLERS.get(message.type)
    if handler is not None:
        handler(raft, message, progress)


# Ticks


def _beat(raft: Raft, _: Message) -> None:
    broadcast_heartbeat(raft)


def _check_quorum(raft: Raft, _: Message) -> None:
    if not raft.tracker.is_quorum_active():
        raft.tracer.warn("%x stepped down to follower since quorum is not active", raft.id)
        raft.become_follower(raft.term, NO_ID)
    for id_, progress in raft.tracker.progress.items():
        if id_ != raft.id:
            progress.is_recently_active = False


def _ignore(_: Raft, __: Message) -> None:
    """A leader does not forget itself."""


# Reads


def _read_index(raft: Raft, message: Message) -> None:
    if not message.entries:
        raise MalformedMessage("raft: a read request without its context")
    if raft.tracker.is_singleton:
        _answer_read(raft, message, raft.log.committed)
    elif not raft.has_committed_in_term():
        # The commit index may lag behind an earlier leader's until an entry of this term is committed.
        raft.reads_before_first_commit.append(message)
    else:
        _start_read(raft, message)


def _start_read(raft: Raft, message: Message) -> None:
    if raft.config.read_only_lease:
        _answer_read(raft, message, raft.log.committed)
        return
    raft.reads.add(message, raft.log.committed)
    raft.reads.acknowledge(raft.id, raft.reads.heartbeat_context())
    broadcast_heartbeat(raft)


def _release_reads(raft: Raft) -> None:
    if raft.reads_before_first_commit and raft.has_committed_in_term():
        waiting, raft.reads_before_first_commit = raft.reads_before_first_commit, []
        for message in waiting:
            _start_read(raft, message)


def _answer_read(raft: Raft, request: Message, index: int) -> None:
    if request.from_ in (NO_ID, raft.id):
        raft.read_states.append(ReadState(index, request.entries[0].data))
    else:
        raft.send(MessageType.READ_INDEX_RESP, request.from_, index=index, entries=request.entries)


# Members


def _append_answered(raft: Raft, message: Message, progress: Progress) -> None:
    progress.is_recently_active = True
    if message.reject:
        _step_back(raft, message, progress)
        return
    is_news = progress.acknowledged(message.index)
    # An acknowledged empty probe tells nothing new about the match, but that the stream may start.
    is_probe_answer = progress.match == message.index and progress.state is ProgressState.PROBE
    if is_news or is_probe_answer:
        _advance_member(raft, message, progress)


def _step_back(raft: Raft, message: Message, progress: Progress) -> None:
    raft.tracer.debug(
        "%x received MsgAppResp(rejected, hint: (index %d, term %d)) from %x for index %d",
        raft.id,
        message.reject_hint,
        message.log_term,
        message.from_,
        message.index,
    )
    hint = message.reject_hint
    if message.log_term > 0:
        # Our entries of later terms than the member's at the hint cannot match either.
        hint = raft.log.find_conflict_by_term(hint, message.log_term).index
    if progress.rejected(message.index, hint):
        raft.tracer.debug("%x decreased progress of %x to [%s]", raft.id, message.from_, progress)
        if progress.state is ProgressState.REPLICATE:
            progress.become_probe()
        send_append(raft, message.from_)


def _advance_member(raft: Raft, message: Message, progress: Progress) -> None:
    from_ = message.from_
    if progress.state is ProgressState.PROBE:
        progress.become_replicate()
    elif progress.state is ProgressState.REPLICATE:
        progress.inflights.free_up_to(message.index)
    elif progress.match + 1 >= raft.log.first_index():
        # The snapshot, or what came another way, reaches our log: appends can follow.
        raft.tracer.debug(
            "%x recovered from needing snapshot, resumed sending replication messages to %x [%s]",
            raft.id,
            from_,
            progress,
        )
        progress.become_probe()
        progress.become_replicate()

    is_other = from_ != raft.id
    if raft.try_commit():
        _release_reads(raft)
        broadcast_append(raft)
    elif is_other and progress.can_bump_commit(raft.log.committed):
        send_append(raft, from_)
    if not is_other:
        return
    # The answer may have made room for several appends.
    while send_append(raft, from_, even_if_empty=False):
        pass
    if from_ == raft.lead_transferee and progress.match == raft.log.last_index():
        raft.tracer.info("%x sent MsgTimeoutNow to %x after received MsgAppResp", raft.id, from_)
        send_timeout_now(raft, from_)


def _heartbeat_answered(raft: Raft, message: Message, progress: Progress) -> None:
    progress.is_recently_active = True
    progress.is_flow_paused = False
    if progress.match < raft.log.last_index() or progress.state is ProgressState.PROBE:
        send_append(raft, message.from_)
    if raft.config.read_only_lease or not message.context:
        return
    raft.reads.acknowledge(message.from_, message.context)
    for request, index in raft.reads.take_confirmed(raft.tracker.membership.voters):
        _answer_read(raft, request, index)


def _snapshot_reported(raft: Raft, message: Message, progress: Progress) -> None:
    if progress.state is not ProgressState.SNAPSHOT:
        return
    if message.reject:
        progress.pending_snapshot = 0
    progress.become_probe()
    raft.tracer.debug(
        "%x snapshot %s, resumed sending replication messages to %x [%s]",
        raft.id,
        "failed" if message.reject else "succeeded",
        message.from_,
        progress,
    )
    # After a success its answer starts the flow, after a failure the next heartbeat's.
    progress.is_flow_paused = True


def _unreachable(raft: Raft, message: Message, progress: Progress) -> None:
    if progress.state is ProgressState.REPLICATE:
        # What was streamed is probably lost.
        progress.become_probe()
    raft.tracer.debug(
        "%x failed to send message to %x because it is unreachable [%s]", raft.id, message.from_, progress
    )


def _transfer_leader(raft: Raft, message: Message, progress: Progress) -> None:
    to = message.from_
    if progress.is_learner:
        raft.tracer.debug("%x is learner. Ignored transferring leadership", raft.id)
        return
    if raft.lead_transferee == to:
        raft.tracer.info(
            "%x [term %d] transfer leadership to %x is in progress, ignores request to same node %x",
            raft.id,
            raft.term,
            to,
            to,
        )
        return
    if raft.lead_transferee != NO_ID:
        before, raft.lead_transferee = raft.lead_transferee, 0
        raft.tracer.info(
            "%x [term %d] abort previous transferring leadership to %x", raft.id, raft.term, before
        )
    if to == raft.id:
        raft.tracer.debug("%x is already leader. Ignored transferring leadership to self", raft.id)
        return
    raft.tracer.info("%x [term %d] starts to transfer leadership to %x", raft.id, raft.term, to)
    # It must be done within one election timeout.
    raft.election_elapsed = 0
    raft.lead_transferee = to
    if progress.match == raft.log.last_index():
        send_timeout_now(raft, to)
        raft.tracer.info(
            "%x sends MsgTimeoutNow to %x immediately as %x already has up-to-date log", raft.id, to, to
        )
    else:
        send_append(raft, to)


_OWN_HANDLERS: dict[MessageType, Callable[[Raft, Message], None]] = {
    MessageType.BEAT: _beat,
    MessageType.CHECK_QUORUM: _check_quorum,
    MessageType.PROP: propose,
    MessageType.READ_INDEX: _read_index,
    MessageType.FORGET_LEADER: _ignore,
}

_MEMBER_HANDLERS: dict[MessageType, Callable[[Raft, Message, Progress], None]] = {
    MessageType.APP_RESP: _append_answered,
    MessageType.HEARTBEAT_RESP: _heartbeat_answered,
    MessageType.SNAP_STATUS: _snapshot_reported,
    MessageType.UNREACHABLE: _unreachable,
    MessageType.TRANSFER_LEADER: _transfer_leader,
}
