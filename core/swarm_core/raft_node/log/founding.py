"""The first entry of a cluster: its founder joins.

Index 1, term 1, committed at once, as every member that joins later will read it.
"""

from swarm_core.raft.types import ConfChange, ConfChangeType, Entry, EntryType, HardState
from swarm_core.raft_node.codec import encode_conf_change
from swarm_core.raft_node.membership import Member, encode_member


def founding_entry(member: Member) -> Entry:
    change = ConfChange(ConfChangeType.ADD_NODE, member.raft_id, encode_member(member))
    return Entry(1, 1, EntryType.CONF_CHANGE, encode_conf_change(change))


def founding_hard_state() -> HardState:
    return HardState(term=1, vote=0, commit=1)
