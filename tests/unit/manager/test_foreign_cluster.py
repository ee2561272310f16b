"""A leader that takes over whatever another implementation left works on it, and none of its loops ends."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_core.api.proto.objects_pb2 import Cluster, Network, Node, Service, Task
from swarm_core.api.proto.types_pb2 import ASSIGNED, NodeStatus
from swarm_core.api.tolerant import decode_tolerantly
from swarm_core.manager.allocator.allocator import Allocator
from swarm_core.manager.orchestrator.constraint_enforcer import ConstraintEnforcer
from swarm_core.manager.orchestrator.global_ import GlobalOrchestrator
from swarm_core.manager.orchestrator.replicated import ReplicatedOrchestrator
from swarm_core.manager.orchestrator.task_reaper import TaskReaper
from swarm_core.manager.scheduler.scheduler import Scheduler
from swarm_core.store.actions import CREATE, encode_action
from swarm_testkit.factories import make_node, make_service
from swarm_testkit.foreign_objects import encoded_object, paths
from swarm_testkit.leader import Leader
from swarm_testkit.manual_clock import settle

PATHS = {kind: paths(kind) for kind in (Cluster, Network, Node, Service, Task)}
KINDS = (Cluster, Network, Node, Node, Service, Service, Task, Task, Task)
REPLICAS_MAX = 4


def anything(rng: random.Random) -> Message:
    """An object of a kind that the loops work on. What would take hours to carry out is made small; ids that others name, and
    nodes that take tasks, are made frequent."""
    kind = rng.choice(KINDS)
    item: Any = decode_tolerantly(kind, encoded_object(rng, kind, rng.choice(PATHS[kind])))[0]
    if isinstance(item, Service):
        if item.spec.replicated.replicas > REPLICAS_MAX or rng.random() < 0.5:
            item.spec.replicated.replicas = rng.randint(0, REPLICAS_MAX)
    elif isinstance(item, Task) and rng.random() < 0.7:
        item.node_id, item.service_id = rng.choice("ab"), rng.choice("ab")
    elif isinstance(item, Node) and rng.random() < 0.7:
        item.status.state, item.spec.availability = NodeStatus.READY, 0
    return item  # type: ignore[no-any-return]


async def lead(found: Sequence[Message], later: Sequence[Message]) -> list[Task]:
    """The tasks of a service of our own, after a minute among objects that are found and that come later."""
    leader = Leader()
    for item in found:
        _replicate(leader, item)
    loops = (ReplicatedOrchestrator, GlobalOrchestrator, TaskReaper, ConstraintEnforcer, Allocator, Scheduler)
    async with leader.running(*loops):
        for item in later:
            _replicate(leader, item)
            await settle()
        _replicate(leader, make_node("own node"))
        _replicate(leader, make_service("own service", name="own", replicas=2))
        await settle()
        await leader.clock.advance(60.0)
        return [task for task in leader.store.find(Task) if task.service_id == "own service"]


def _replicate(leader: Leader, item: Message) -> None:
    leader.store.apply(leader.store.version + 1, encode_action(type(item), CREATE, item.SerializeToString()))


@settings(max_examples=60)
@given(st.integers(0, 2**64 - 1))
def test_loops_go_on(seed: int) -> None:
    """Among any objects, a plain service still gets its tasks, and each of them a node."""
    rng = random.Random(seed)
    items = [anything(rng) for _ in range(rng.randint(2, 10))]
    half = len(items) // 2
    tasks = asyncio.run(lead(items[:half], items[half:]))
    assert len(tasks) == 2 and all(task.status.state == ASSIGNED for task in tasks)
