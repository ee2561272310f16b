"""Committed entries, one after the other: to the waiting proposal, the machine, or the members.

The callback of a local proposal runs before the next entry. When an entry that somebody else proposed comes while proposals of
ours wait, leadership was lost. They fail before that entry is applied.
"""

import logging
from collections.abc import Callable, Iterable

from swarm_core.api.wire import read_varint
from swarm_core.raft.errors import ConfChangeRefused
from swarm_core.raft.types import ConfChange, ConfChangeType, ConfState, Entry, EntryType, Snapshot
from swarm_core.raft_node.codec import decode_conf_change
from swarm_core.raft_node.core import Core
from swarm_core.raft_node.errors import LostLeadership, MembershipRefused
from swarm_core.raft_node.leading.proposals import Proposals, Taken
from swarm_core.raft_node.log.cluster_snapshot import decode_cluster_snapshot
from swarm_core.raft_node.machine import StateMachine
from swarm_core.raft_node.membership import Membership
from swarm_core.raft_node.net.transport import Transport

log = logging.getLogger(__name__)

_ID_TAG = 0x08


class Applier:
    """The only one that changes machine and members. `index` and `term` are those of the last entry applied; `log_bytes` is what the
    entries hold that no snapshot covers, `bytes_applied` what all since the start held."""

    def __init__(
        self,
        core: Core,
        membership: Membership,
        machine: StateMachine,
        proposals: Proposals,
        transport: Transport,
        *,
        leader_id: Callable[[], int],
        members_changed: Callable[[], None],
    ) -> None:
        self._core = core
        self._machine = machine
        self._proposals = proposals
        self._transport = transport
        self._leader_id = leader_id
        self._members_changed = members_changed
        self.membership = membership
        self.index = 0
        self.term = 0
        self.log_bytes = 0
        self.bytes_applied = 0
        self.conf_state = ConfState()

    def restore(self, snapshot: Snapshot) -> None:
        """Start from a snapshot. Raises ValueError when its data is malformed."""
        membership, store = decode_cluster_snapshot(snapshot.data)
        before = self.membership.members
        self.membership.restore(membership)
        self._machine.restore(snapshot.index, store)
        self.index, self.term, self.conf_state = snapshot.index, snapshot.term, snapshot.conf_state
        self.log_bytes = 0
        for raft_id in before.keys() - self.membership.members.keys() - {self._core.raft_id}:
            self._transport.remove_peer(raft_id)
        for member in self.membership.members.values():
            self._reach(member.raft_id)
        self._members_changed()

    def apply(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            assert entry.index == self.index + 1, f"entry {entry.index} comes after {self.index}"
            if entry.type is not EntryType.NORMAL:
                self._apply_conf_change(entry)
            elif entry.data:
                self._apply_request(entry)
            self.index, self.term = entry.index, entry.term
            self.log_bytes += len(entry.data)
            self.bytes_applied += len(entry.data)

    def _apply_request(self, entry: Entry) -> None:
        taken = self._proposals.applied(_request_id(entry.data), entry.index)
        if taken is Taken.DONE:
            return
        if taken is Taken.UNKNOWN:
            self._proposals.fail_all(LostLeadership)
        self._machine.apply(entry.index, entry.data)

    def _apply_conf_change(self, entry: Entry) -> None:
        change = decode_conf_change(entry)
        refusal: MembershipRefused | None = None
        if isinstance(change, ConfChange):
            refusal = self._change_members(change)
        # Raft takes every change, also one that `membership` refuses: raft does the same on every other member.
        try:
            self.conf_state = self._core.raw.apply_conf_change(change)
        except ConfChangeRefused as error:
            log.warning("raft refused the membership change of entry %d: %s", entry.index, error)
        if isinstance(change, ConfChange):
            if refusal is not None:
                self._proposals.refuse(change.id, refusal)
            else:
                self._proposals.applied(change.id, entry.index)

    def _change_members(self, change: ConfChange) -> MembershipRefused | None:
        try:
            self.membership.check(change)
        except MembershipRefused as refusal:
            log.warning("%s", refusal)
            return refusal
        self.membership.apply(change)
        if change.type is not ConfChangeType.REMOVE_NODE:
            self._reach(change.node_id)
        elif change.node_id == self._core.raft_id:
            self._core.standing.is_removed = True
        else:
            self._transport.remove_peer(change.node_id)
            if change.node_id == self._leader_id():
                self._core.raw.campaign()
        self._members_changed()
        return None

    def _reach(self, raft_id: int) -> None:
        if raft_id != self._core.raft_id:
            self._transport.add_peer(raft_id, self.membership.members[raft_id].address)


def _request_id(request: bytes) -> int:
    """What its proposer calls the request; 0, which is nobody's, when it does not begin with an id."""
    if request[0] != _ID_TAG:
        return 0
    try:
        return read_varint(request, 1)[0]
    except ValueError:
        return 0
