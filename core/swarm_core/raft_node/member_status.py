"""What the members of the cluster are to others: who leads, and who can be reached from here."""

from swarm_core.api.proto.types_pb2 import ManagerStatus, Peer, RaftMemberStatus, WeightedPeer
from swarm_core.raft_node.leading.leadership import Leadership
from swarm_core.raft_node.leading.members import Activity, Members

# All managers have the same weight.
_WEIGHT = 10


class MemberStatuses:
    """The members as this one sees them now."""

    def __init__(self, members: Members, leadership: Leadership, activity: Activity) -> None:
        self._members = members
        self._leadership = leadership
        self._activity = activity

    def by_node(self) -> dict[str, ManagerStatus]:
        """The status of each manager by its node id."""
        leader_id = self._leadership.leader_id
        return {
            member.node_id: ManagerStatus(
                raft_id=member.raft_id,
                addr=member.address,
                leader=member.raft_id == leader_id,
                reachability=self._reachability(member.raft_id),
            )
            for member in self._members.all()
        }

    def peers(self) -> list[WeightedPeer]:
        """The managers that agents may connect to."""
        return [
            WeightedPeer(peer=Peer(node_id=member.node_id, addr=member.address), weight=_WEIGHT)
            for member in self._members.all()
        ]

    def _reachability(self, raft_id: int) -> RaftMemberStatus.Reachability.ValueType:
        if raft_id == self._members.raft_id or self._activity.active_since(raft_id) is not None:
            return RaftMemberStatus.REACHABLE
        return RaftMemberStatus.UNREACHABLE
