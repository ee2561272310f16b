"""What the leader tells of raft: term and positions, and nothing from a member that does not lead."""

from dataclasses import dataclass, replace
from typing import cast

import pytest
from swarm_core.api.proto.raft_status_pb2 import GetRaftStatusRequest, MemberProgress
from swarm_core.manager.raft_api import RaftStatusApi
from swarm_core.raft.progress import ProgressState
from swarm_core.raft.status import ProgressStatus, Status
from swarm_core.raft.types import ConfState, HardState, SoftState, StateRole
from swarm_core.raft_node.errors import NotLeader
from swarm_core.raft_node.membership import Member
from swarm_core.raft_node.node import RaftNode
from swarm_core.rpc.caller import Caller

CALLER = Caller("n1", frozenset({"swarm-manager"}), "org", "")
FLOWING = ProgressStatus(
    match=40, next=41, state=ProgressState.REPLICATE, pending_snapshot=0, is_recently_active=True,
    is_paused=False, is_learner=False, inflight_messages=0, text="",
)  # fmt: skip
LATE = replace(FLOWING, match=3, state=ProgressState.SNAPSHOT, is_recently_active=False)


@dataclass
class Node:
    is_leader: bool = True

    def all(self) -> list[Member]:
        return [Member(1, "n1", "10.0.0.1:1"), Member(2, "n2", "10.0.0.2:1")]

    @property
    def leadership(self) -> "Node":
        return self

    @property
    def members(self) -> "Node":
        return self

    def status(self) -> Status:
        return Status(
            id=1, hard_state=HardState(term=7, vote=1, commit=39),
            soft_state=SoftState(lead=1, role=StateRole.LEADER), applied=38, last_index=40, lead_transferee=0,
            conf_state=ConfState(voters=(1, 2)), progress={1: FLOWING, 2: LATE},
        )  # fmt: skip


async def test_the_leader_tells_term_and_positions_of_all() -> None:
    """Each member by its node id, with how entries reach it."""
    api = RaftStatusApi(cast(RaftNode, Node()))
    told = await api.get_raft_status(GetRaftStatusRequest(), CALLER)
    assert (told.term, told.leader_raft_id) == (7, 1)
    assert (told.last_index, told.commit_index, told.applied_index) == (40, 39, 38)
    assert [(one.node_id, one.match_index, one.state, one.is_recently_active) for one in told.members] == [
        ("n1", 40, MemberProgress.REPLICATE, True),
        ("n2", 3, MemberProgress.SNAPSHOT, False),
    ]


async def test_a_member_that_does_not_lead_tells_nothing() -> None:
    """Its own view of the others would mislead."""
    with pytest.raises(NotLeader):
        await RaftStatusApi(cast(RaftNode, Node(is_leader=False))).get_raft_status(
            GetRaftStatusRequest(), CALLER
        )


def test_the_states_have_the_names_of_raft_s() -> None:
    """The handler goes by the name."""
    assert {state.name for state in ProgressState} < set(MemberProgress.State.keys())
