"""What managers tell of themselves, and how one asks the others."""

import asyncio
from dataclasses import dataclass
from typing import cast

import pytest
from swarm_core.api.proto.manager_figures_pb2 import (
    GetOwnFiguresRequest,
    GetOwnFiguresResponse,
    ListFiguresRequest,
    Measured,
)
from swarm_core.manager.figures_api import ManagerFiguresApi
from swarm_core.raft.status import Status
from swarm_core.raft.types import ConfState, HardState, SoftState, StateRole
from swarm_core.raft_node.errors import NotMember
from swarm_core.raft_node.membership import Member
from swarm_core.raft_node.node import RaftNode
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Unavailable, Unimplemented
from swarm_testkit.clock import in_virtual_time
from swarm_testkit.manual_clock import ManualClock

CALLER = Caller("n1", frozenset({"swarm-manager"}), "org", "")
OTHER = GetOwnFiguresResponse(term=7, memory_bytes=5)


@dataclass
class Raft:
    """A member of four, and what is asked of it."""

    is_member: bool = True
    raft_id: int = 1
    is_leader: bool = False
    applied_index: int = 38

    def all(self) -> list[Member]:
        return [Member(number, f"n{number}", f"10.0.0.{number}:1") for number in (1, 2, 3, 4, 5)]

    @property
    def members(self) -> "Raft":
        return self

    @property
    def leadership(self) -> "Raft":
        return self

    def status(self) -> Status:
        return Status(
            id=1, hard_state=HardState(term=7, vote=1, commit=39),
            soft_state=SoftState(lead=2, role=StateRole.FOLLOWER), applied=39, last_index=40, lead_transferee=0,
            conf_state=ConfState(voters=(1, 2)),
        )  # fmt: skip


async def ask(address: str) -> GetOwnFiguresResponse:
    """One answers, one refuses, one is of another make, one hangs."""
    match address[7]:
        case "2":
            return OTHER
        case "3":
            raise Unavailable("connection refused " + "x" * 1000)
        case "4":
            raise Unimplemented("unknown service")
    return await asyncio.get_running_loop().create_future()


@in_virtual_time
async def test_every_manager_is_told_of() -> None:
    """This one from its own knowledge; of the others what they say, or why they do not, and nobody waits for the slowest for long."""
    measured = Measured(calls=3, sync_bounds=[1.0], sync_counts=[2, 0])
    api = ManagerFiguresApi(cast(RaftNode, Raft()), ManualClock(), ask, lambda: measured)
    told = await api.list_figures(ListFiguresRequest(), CALLER)
    assert [one.node_id for one in told.managers] == ["n1", "n2", "n3", "n4", "n5"]
    own, two, three, four, five = told.managers
    assert own.addr == "10.0.0.1:1" and own.figures.measured == measured
    assert (
        own.figures.term,
        own.figures.last_index,
        own.figures.commit_index,
        own.figures.applied_index,
    ) == (7, 40, 39, 38)
    assert own.figures.memory_bytes > 1 << 20 and own.figures.cpu_seconds > 0 and not own.figures.is_leader
    assert two.figures == OTHER and not two.trouble
    assert three.trouble.startswith("connection refused") and len(three.trouble) == 200
    assert "Docker Engine" in four.trouble and "within 2 s" in five.trouble
    assert not any(one.HasField("figures") for one in (three, four, five))


async def test_one_that_is_not_measured_says_so() -> None:
    """It tells what it knows without."""
    told = await ManagerFiguresApi(cast(RaftNode, Raft()), ManualClock(), ask, None).get_own_figures(
        GetOwnFiguresRequest(), CALLER
    )
    assert not told.HasField("measured") and told.term == 7


async def test_who_takes_no_part_tells_nothing() -> None:
    """Before it has joined, and after it was removed."""
    api = ManagerFiguresApi(cast(RaftNode, Raft(is_member=False)), ManualClock(), ask, None)
    with pytest.raises(NotMember):
        await api.list_figures(ListFiguresRequest(), CALLER)
    with pytest.raises(NotMember):
        await api.get_own_figures(GetOwnFiguresRequest(), CALLER)
