"""What a leader sends: appends, snapshots where the log no longer reaches back, heartbeats."""

from swarm_core.raft.errors import Compacted, SnapshotTemporarilyUnavailable, Unavailable
from swarm_core.raft.machine import Raft
from swarm_core.raft.progress import Progress, ProgressState
from swarm_core.raft.sizes import payload_size
from swarm_core.raft.types import Entry, MessageType


def send_append(raft: Raft, to: int, *, even_if_empty: bool = True) -> bool:
    """Sends the next append, or a snapshot; False when the member must not be sent anything now.

    An empty append tells the commit index and probes where the logs meet.
    """
    progress = raft.tracker.progress[to]
    if progress.is_paused:
        return False
    previous = progress.next - 1
    try:
        previous_term = raft.log.term(previous)
        entries = _next_entries(raft, progress)
    except (Compacted, Unavailable):
        return _send_snapshot(raft, to, progress)
    if not entries and not even_if_empty:
        return False
    commit = raft.log.committed
    raft.send(MessageType.APP, to, index=previous, log_term=previous_term, entries=entries, commit=commit)
    progress.sent_entries(len(entries), payload_size(entries))
    progress.sent_commit = commit
    return True


def broadcast_append(raft: Raft) -> None:
    """Sends everybody the next append."""
    for id_ in raft.tracker.progress:
        if id_ != raft.id:
            send_append(raft, id_)


def broadcast_pending(raft: Raft) -> None:
    """Sends the next append to those who lack entries."""
    for id_ in raft.tracker.progress:
        if id_ != raft.id:
            send_append(raft, id_, even_if_empty=False)


def broadcast_heartbeat(raft: Raft) -> None:
    """Tells everybody who leads, and what they may commit of what they are known to hold."""
    context = raft.reads.heartbeat_context()
    for id_, progress in raft.tracker.progress.items():
        if id_ != raft.id:
            commit = min(progress.match, raft.log.committed)
            raft.send(MessageType.HEARTBEAT, id_, commit=commit, context=context)
            progress.sent_commit = commit


def send_timeout_now(raft: Raft, to: int) -> None:
    """Asks a member to campaign at once."""
    raft.send(MessageType.TIMEOUT_NOW, to)


def _next_entries(raft: Raft, progress: Progress) -> tuple[Entry, ...]:
    # A full window still lets an empty append through: its refusal reveals lost messages.
    if progress.state is ProgressState.REPLICATE and progress.inflights.is_full:
        return ()
    return raft.log.entries(progress.next, raft.config.max_size_per_message)


def _send_snapshot(raft: Raft, to: int, progress: Progress) -> bool:
    if not progress.is_recently_active:
        raft.tracer.debug("ignore sending snapshot to %x since it is not recently active", to)
        return False
    try:
        snapshot = raft.log.snapshot()
    except SnapshotTemporarilyUnavailable:
        raft.tracer.debug(
            "%x failed to send snapshot to %x because snapshot is temporarily unavailable", raft.id, to
        )
        return False
    assert snapshot.index > 0, "a log that was compacted has a snapshot"
    raft.tracer.debug(
        "%x [firstindex: %d, commit: %d] sent snapshot[index: %d, term: %d] to %x [%s]",
        raft.id,
        raft.log.first_index(),
        raft.log.committed,
        snapshot.index,
        snapshot.term,
        to,
        progress,
    )
    progress.become_snapshot(snapshot.index)
    raft.tracer.debug("%x paused sending replication messages to %x [%s]", raft.id, to, progress)
    raft.send(MessageType.SNAP, to, snapshot=snapshot)
    return True
