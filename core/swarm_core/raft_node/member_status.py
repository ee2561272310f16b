"""What the members of the cluster are to others: who leads, and who can be reached from here."""

from typing import Protocol

from swarm_core.api.proto.types_pb2 import ManagerStatus, Peer, RaftMemberStatus, WeightedPeer
from swarm_core.raft_node.node import RaftNode

# Every manager is as good as the others.
_WEIGHT = 10


class Activity(Protocol):
    """Port: what the transport knows of other members."""

    def active_since(self, raft_id: int) -> float | None:
        """Since when (monotonic) a member answers; None when it does not."""


class MemberStatuses:
    """The members as this one sees them now."""

    def __init__(self, raft: RaftNode, activity: Activity) -> None:
        self._raft = raft
        self._activity = activity

    def by_node(self) -> dict[str, ManagerStatus]:
        """The status of each manager by its node id."""
        leader_id = self._raft.leader_id
        return {
            member.node_id: ManagerStatus(
                raft_id=member.raft_id,
                addr=member.address,
                leader=member.raft_id == leader_id,
                reachability=self._reachability(member.raft_id),
            )
            for member in self._raft.members()
        }

    def peers(self) -> list[WeightedPeer]:
        """The managers that agents may connect to."""
        return [
            WeightedPeer(peer=Peer(node_id=member.node_id, addr=member.address), weight=_WEIGHT)
            for member in self._raft.members()
        ]

    def _reachability(self, raft_id: int) -> RaftMemberStatus.Reachability.ValueType:
        if raft_id == self._raft.raft_id or self._activity.active_since(raft_id) is not None:
            return RaftMemberStatus.REACHABLE
        return RaftMemberStatus.UNREACHABLE
