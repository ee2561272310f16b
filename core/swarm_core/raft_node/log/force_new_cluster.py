"""Recovery from a lost quorum: this member goes on as a cluster of its own.

The entries of the log count as committed. Those behind the commit that is on the disk may well be: the others may have acknowledged
them, and the commit of a member that was killed is as old as its last write. Where they never were, nobody was told that they were
done, and each stands on the entries before it. SwarmKit drops them. What begins with the removal of this very member is dropped here,
too, unless it is known to be committed: it would end the only one that is left. For every other voter a RemoveNode is appended, and an AddNode
when this member is not among the voters; they count as committed, too.
"""

from collections.abc import Sequence

from swarm_core.api.proto.raft_pb2 import RaftMember
from swarm_core.raft.types import ConfChange, ConfChangeType, ConfState, Entry, EntryType, HardState
from swarm_core.raft_node.codec import decode_conf_change, encode_conf_change
from swarm_core.raft_node.membership import Member


def kept_part(entries: Sequence[Entry], hard_state: HardState, raft_id: int) -> list[Entry]:
    """The entries that stand when `raft_id` goes on alone."""
    own_removal = (
        at for at, one in enumerate(entries) if one.index > hard_state.commit and _removes(one, raft_id)
    )
    return list(entries[: next(own_removal, len(entries))])


def _removes(entry: Entry, raft_id: int) -> bool:
    if entry.type is not EntryType.CONF_CHANGE:
        return False
    change = decode_conf_change(entry)
    assert isinstance(change, ConfChange)
    return change.type is ConfChangeType.REMOVE_NODE and change.node_id == raft_id


def committing_all(entries: Sequence[Entry], hard_state: HardState) -> HardState:
    """The hard state with which all `entries` of the log are committed."""
    if not entries:
        return hard_state
    last = entries[-1]
    return HardState(max(hard_state.term, last.term), hard_state.vote, max(hard_state.commit, last.index))


def as_only_member(
    member: Member, conf_state: ConfState, committed: Sequence[Entry], hard_state: HardState
) -> tuple[list[Entry], HardState]:
    """The entries to append after `committed`, and the hard state that commits them."""
    voters = _voters(conf_state, committed)
    changes = [
        ConfChange(ConfChangeType.REMOVE_NODE, raft_id) for raft_id in sorted(voters - {member.raft_id})
    ]
    if member.raft_id not in voters:
        context = RaftMember(raft_id=member.raft_id).SerializeToString()
        changes.append(ConfChange(ConfChangeType.ADD_NODE, member.raft_id, context))
    added = [
        Entry(hard_state.term, hard_state.commit + at, EntryType.CONF_CHANGE, encode_conf_change(change))
        for at, change in enumerate(changes, 1)
    ]
    return added, HardState(hard_state.term, hard_state.vote, hard_state.commit + len(added))


def _voters(conf_state: ConfState, committed: Sequence[Entry]) -> set[int]:
    voters = set(conf_state.voters)
    for entry in committed:
        if entry.type is not EntryType.CONF_CHANGE:
            continue
        change = decode_conf_change(entry)
        assert isinstance(change, ConfChange)
        if change.type is ConfChangeType.ADD_NODE:
            voters.add(change.node_id)
        elif change.type is ConfChangeType.REMOVE_NODE:
            voters.discard(change.node_id)
    return voters
