"""Who belongs to the raft cluster, as the log says.

A removed raft id never comes back. A change that contradicts the members is refused: its proposer is told, and the members stay
as they are, even though the change is in the log.
"""

from dataclasses import dataclass

from google.protobuf.message import DecodeError

from swarm_core.api.proto.raft_pb2 import RaftMember
from swarm_core.api.proto.snapshot_pb2 import ClusterSnapshot
from swarm_core.raft.types import ConfChange, ConfChangeType
from swarm_core.raft_node.errors import MembershipRefused


@dataclass(frozen=True, slots=True)
class Member:
    raft_id: int
    node_id: str
    address: str


def encode_member(member: Member) -> bytes:
    return RaftMember(raft_id=member.raft_id, node_id=member.node_id, addr=member.address).SerializeToString()


def decode_member(data: bytes) -> Member:
    """Raises ValueError."""
    try:
        message = RaftMember.FromString(data)
    except DecodeError as error:
        raise ValueError("not a RaftMember") from error
    return Member(message.raft_id, message.node_id, message.addr)


class Membership:
    """The members and the removed ids; conf changes are its inputs."""

    def __init__(self) -> None:
        self.members: dict[int, Member] = {}
        self.removed: set[int] = set()

    def check(self, change: ConfChange) -> None:
        """Raises MembershipRefused when the change contradicts the members."""
        raft_id = change.node_id
        if raft_id in self.removed:
            raise MembershipRefused(f"raft member {raft_id:x} was removed from the cluster")
        if change.type is ConfChangeType.ADD_NODE and raft_id in self.members:
            raise MembershipRefused(f"raft member {raft_id:x} is already in the cluster")
        if change.type is not ConfChangeType.ADD_NODE and raft_id not in self.members:
            raise MembershipRefused(f"raft member {raft_id:x} is not in the cluster")
        if change.type is not ConfChangeType.REMOVE_NODE:
            self._member(change)

    def apply(self, change: ConfChange) -> None:
        """Take over a committed change that `check` has passed."""
        if change.type is ConfChangeType.REMOVE_NODE:
            self.members.pop(change.node_id, None)
            self.removed.add(change.node_id)
        else:
            member = self._member(change)
            self.members[member.raft_id] = member

    def to_snapshot(self) -> ClusterSnapshot:
        out = ClusterSnapshot(removed=sorted(self.removed))
        for member in self.members.values():
            out.members.add(raft_id=member.raft_id, node_id=member.node_id, addr=member.address)
        return out

    def restore(self, snapshot: ClusterSnapshot) -> None:
        """Members that are not listed go, without counting as removed."""
        self.members = {one.raft_id: Member(one.raft_id, one.node_id, one.addr) for one in snapshot.members}
        self.removed = set(snapshot.removed)

    @staticmethod
    def _member(change: ConfChange) -> Member:
        try:
            member = decode_member(change.context)
        except ValueError as error:
            raise MembershipRefused(f"raft member {change.node_id:x} comes without a description") from error
        if member.raft_id != change.node_id:
            raise MembershipRefused(f"raft member {change.node_id:x} is described as {member.raft_id:x}")
        return member
