"""What is told of the members."""

from swarm_core.api.proto.types_pb2 import RaftMemberStatus
from swarm_core.raft_node.member_status import MemberStatuses
from swarm_testkit.raft_hosts import hosts


async def test_each_manager_s_status_by_its_node() -> None:
    """Who leads, and who can be reached; whoever asks can reach itself."""
    async with hosts(3) as (first, second, third):
        first.network.cut.add(third.node.members.raft_id)
        told = MemberStatuses(first.node.members, first.node.leadership, first.transport).by_node()
        assert [(node_id, one.leader, one.addr) for node_id, one in sorted(told.items())] == [
            ("node-1", True, "10.0.0.1:1"),
            ("node-2", False, "10.0.0.2:1"),
            ("node-3", False, "10.0.0.3:1"),
        ]
        assert told["node-2"].raft_id == second.node.members.raft_id
        reachable, unreachable = RaftMemberStatus.REACHABLE, RaftMemberStatus.UNREACHABLE
        assert [one.reachability for _, one in sorted(told.items())] == [reachable, reachable, unreachable]


async def test_all_managers_are_offered_to_agents() -> None:
    """With equal weights."""
    async with hosts(2) as (first, _):
        peers = MemberStatuses(first.node.members, first.node.leadership, first.transport).peers()
        assert {(one.peer.node_id, one.peer.addr) for one in peers} == {
            ("node-1", "10.0.0.1:1"),
            ("node-2", "10.0.0.2:1"),
        }
        assert len({one.weight for one in peers}) == 1
