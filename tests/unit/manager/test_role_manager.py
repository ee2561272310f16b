"""Promotion, demotion and eviction (docs/design/certificates.md 3.11)."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.manager.role_manager import REMOVAL_S, RETRY_S, RoleManager
from swarm_core.raft_node.errors import LostLeadership
from swarm_testkit.factories import make_node
from swarm_testkit.leader import Leader
from swarm_testkit.manual_clock import settle

OWN = 1


@dataclass(frozen=True)
class Member:
    raft_id: int
    node_id: str


@dataclass
class Raft:
    """A raft cluster that does as it is told; `stuck` members may not go, `broken` ones cannot."""

    there: list[Member] = field(
        default_factory=lambda: [Member(OWN, "own"), Member(2, "n2"), Member(3, "n3")]
    )
    stuck: set[int] = field(default_factory=set)
    broken: set[int] = field(default_factory=set)
    removed: list[int] = field(default_factory=list)
    transfers: int = 0
    heirless: bool = False

    @property
    def raft_id(self) -> int:
        return OWN

    def all(self) -> list[Member]:
        return list(self.there)

    def can_remove(self, raft_id: int) -> bool:
        return raft_id not in self.stuck

    async def remove(self, raft_id: int) -> None:
        if raft_id in self.broken:
            raise LostLeadership
        self.removed.append(raft_id)
        self.there = [member for member in self.there if member.raft_id != raft_id]

    async def transfer_leadership(self) -> None:
        self.transfers += 1
        if self.heirless:
            raise LostLeadership


@asynccontextmanager
async def managing(leader: Leader, raft: Raft) -> AsyncIterator[None]:
    def component(*, store, clock, rng: random.Random) -> RoleManager:  # type: ignore[no-untyped-def]
        return RoleManager(store, clock, rng, raft, raft.transfer_leadership)

    async with leader.running(component):
        yield


async def put_managers(leader: Leader) -> None:
    await leader.put(*(make_node(node_id, role="MANAGER") for node_id in ("own", "n2", "n3")))


async def wish(leader: Leader, node_id: str, role: types_pb2.NodeRole.ValueType) -> None:
    node = objects_pb2.Node()
    node.CopyFrom(node_of(leader, node_id))
    node.spec.desired_role = role
    await leader.put(node)


def node_of(leader: Leader, node_id: str) -> objects_pb2.Node:
    node = leader.store.get(objects_pb2.Node, node_id)
    assert node is not None
    return node


async def test_promotion() -> None:
    """A wished promotion is granted at once, whether it came before or after the role manager."""
    leader, raft = Leader(), Raft()
    await put_managers(leader)
    await leader.put(make_node("w1"), make_node("w2"))
    await wish(leader, "w1", types_pb2.MANAGER)
    async with managing(leader, raft):
        assert node_of(leader, "w1").role == types_pb2.MANAGER
        await wish(leader, "w2", types_pb2.MANAGER)
        assert node_of(leader, "w2").role == types_pb2.MANAGER
    assert raft.removed == []


async def test_a_demoted_node_leaves_raft_first() -> None:
    """The role goes once the node is no member; without quorum both wait, and are tried again every five seconds."""
    leader, raft = Leader(), Raft(stuck={2})
    await put_managers(leader)
    async with managing(leader, raft):
        await wish(leader, "n2", types_pb2.WORKER)
        await leader.clock.advance(RETRY_S)
        assert (node_of(leader, "n2").role, raft.removed) == (types_pb2.MANAGER, [])
        raft.stuck.clear()
        await leader.clock.advance(RETRY_S)
        assert (node_of(leader, "n2").role, raft.removed) == (types_pb2.WORKER, [2])


async def test_a_failed_removal_is_tried_again() -> None:
    """Raft's refusal keeps the role; the next try succeeds."""
    leader, raft = Leader(), Raft(broken={3})
    await put_managers(leader)
    async with managing(leader, raft):
        await wish(leader, "n3", types_pb2.WORKER)
        assert node_of(leader, "n3").role == types_pb2.MANAGER
        raft.broken.clear()
        await leader.clock.advance(RETRY_S)
        assert node_of(leader, "n3").role == types_pb2.WORKER


async def test_the_leader_hands_over() -> None:
    """A leader that is demoted transfers leadership and leaves the rest to the next one."""
    leader, raft = Leader(), Raft()
    await put_managers(leader)
    async with managing(leader, raft):
        await wish(leader, "own", types_pb2.WORKER)
        assert (raft.transfers, raft.removed) == (1, [])
        assert node_of(leader, "own").role == types_pb2.MANAGER


async def test_a_leader_without_heir_removes_itself() -> None:
    """When nobody takes over, the leader leaves raft directly."""
    leader, raft = Leader(), Raft(heirless=True)
    await put_managers(leader)
    async with managing(leader, raft):
        await wish(leader, "own", types_pb2.WORKER)
        assert (raft.transfers, raft.removed) == (1, [OWN])
        assert node_of(leader, "own").role == types_pb2.WORKER


async def test_members_without_node_are_evicted() -> None:
    """At the start and when a node object is deleted, a raft member that is left over goes, quorum permitting."""
    leader, raft = Leader(), Raft(stuck={2})
    await leader.put(make_node("own", role="MANAGER"), make_node("n3", role="MANAGER"))
    async with managing(leader, raft):
        assert raft.removed == []
        raft.stuck.clear()
        await leader.clock.advance(RETRY_S)
        assert raft.removed == [2]
        await leader.delete(objects_pb2.Node, "n3")
        assert raft.removed == [2, 3]


async def test_members_whose_node_is_a_worker_are_evicted() -> None:
    """A node that was admitted while it lost its role leaves again when something is heard of it."""
    leader, raft = Leader(), Raft()
    await put_managers(leader)
    await leader.put(make_node("late"))
    async with managing(leader, raft):
        await settle()
        raft.there.append(Member(9, "late"))
        await leader.put(make_node("late", hostname="late"))
        await settle()
        assert raft.removed == [9]


async def test_a_changed_mind_counts() -> None:
    """A wish that is withdrawn before it could be met changes nothing."""
    leader, raft = Leader(), Raft(stuck={2})
    await put_managers(leader)
    async with managing(leader, raft):
        await wish(leader, "n2", types_pb2.WORKER)
        await wish(leader, "n2", types_pb2.MANAGER)
        raft.stuck.clear()
        await leader.clock.advance(2 * RETRY_S)
        assert raft.removed == []
        assert node_of(leader, "n2").role == types_pb2.MANAGER


async def test_a_removal_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raft has a limited time to answer, so that one node does not hold up the others."""

    class Hanging(Raft):
        async def remove(self, raft_id: int) -> None:
            if raft_id == 2:
                await asyncio.Event().wait()
            await super().remove(raft_id)

    assert REMOVAL_S == 5.0
    monkeypatch.setattr("swarm_core.manager.role_manager.REMOVAL_S", 0.01)
    leader, raft = Leader(), Hanging()
    await put_managers(leader)
    await wish(leader, "n2", types_pb2.WORKER)
    await wish(leader, "n3", types_pb2.WORKER)
    async with asyncio.timeout(40), managing(leader, raft):
        while node_of(leader, "n3").role == types_pb2.MANAGER:
            await asyncio.sleep(0.01)
            await settle()
    assert node_of(leader, "n2").role == types_pb2.MANAGER
