"""What a leader lets into the log: anything but a second membership change before the first is applied."""

from swarm_core.raft.conf_change import AnyConfChange, as_v2, unmarshal
from swarm_core.raft.describe import describe_conf_change
from swarm_core.raft.errors import MalformedMessage, ProposalDropped
from swarm_core.raft.machine import Raft
from swarm_core.raft.replication import broadcast_append
from swarm_core.raft.types import NO_ID, Entry, EntryType, Message


def propose(raft: Raft, message: Message) -> None:
    """Appends the proposed entries and sends them out. Raises ProposalDropped, MalformedConfChange."""
    if not message.entries:
        raise MalformedMessage("raft: a proposal without entries")
    if raft.id not in raft.tracker.progress:
        # Removed, and still leading until the removal is known to all: nothing new may enter the log.
        raise ProposalDropped
    if raft.lead_transferee != NO_ID:
        raft.tracer.debug(
            "%x [term %d] transfer leadership to %x is in progress; dropping proposal",
            raft.id,
            raft.term,
            raft.lead_transferee,
        )
        raise ProposalDropped
    entries = message.entries
    if any(entry.type is not EntryType.NORMAL for entry in entries):
        entries = _admit_conf_changes(raft, entries)
    if not raft.append_entries(entries):
        raise ProposalDropped
    broadcast_append(raft)


def _admit_conf_changes(raft: Raft, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    changes = [
        None if entry.type is EntryType.NORMAL else unmarshal(entry.type, entry.data) for entry in entries
    ]
    admitted = []
    for index, (entry, change) in enumerate(zip(entries, changes, strict=True), raft.log.last_index() + 1):
        if change is None or _is_admitted(raft, change):
            admitted.append(entry)
            if change is not None:
                raft.pending_conf_index = index
        else:
            # An empty entry in its place keeps the indexes of the others.
            admitted.append(Entry(term=0, index=0))
    return tuple(admitted)


def _is_admitted(raft: Raft, change: AnyConfChange) -> bool:
    is_joint = raft.tracker.membership.is_joint
    wants_to_leave = not as_v2(change).changes
    if raft.pending_conf_index > raft.log.applied:
        problem = f"possible unapplied conf change at index {raft.pending_conf_index} (applied to {raft.log.applied})"
    elif is_joint and not wants_to_leave:
        problem = "must transition out of joint config first"
    elif not is_joint and wants_to_leave:
        problem = "not in joint state; refusing empty conf change"
    else:
        return True
    if raft.config.disable_conf_change_validation:
        return True
    raft.tracer.info(
        "%x ignoring conf change %s at config %s: %s",
        raft.id,
        describe_conf_change(change),
        raft.tracker.membership,
        problem,
    )
    return False
