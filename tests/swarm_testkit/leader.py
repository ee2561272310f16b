"""A store in memory with the leader's loops running on it, for tests of the loops.

`put` writes objects as another writer would; `report` is what an agent would send. After each of them the loops
have run until nothing more can happen without time passing.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from swarm_core.api.proto.objects_pb2 import Cluster, Network, Node, Service, Task, Volume
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import NodeStatus, TaskState
from swarm_core.api.timestamps import timestamp
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.store.by import ByService
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction

from swarm_testkit.manual_clock import ManualClock, settle

Stored = Cluster | Network | Node | Service | Task | Volume


class Component(Protocol):
    async def run(self) -> None: ...


class ComponentType(Protocol):
    def __call__(self, *, store: MemoryStore, clock: Clock, rng: random.Random) -> Component: ...


class _SlowProposer:
    """Commits each entry some turns later, so that others write and read meanwhile."""

    def __init__(self, turns: int) -> None:
        self._turns = turns
        self._index = 0

    def commit_index(self) -> int | None:
        return self._index

    async def propose(self, actions: bytes, on_commit: Callable[[int], None]) -> None:
        for _ in range(self._turns):
            await asyncio.sleep(0)
        self._index += 1
        on_commit(self._index)

    def changes_between(self, low: int, high: int) -> list[tuple[int, bytes]]:
        raise LookupError("no log is kept")


class Leader:
    """The store, the clock, and short hands for what happens to the objects."""

    def __init__(self, *, seed: int = 1, turns: int = 0) -> None:
        """With `turns` a commit takes that many turns of the event loop, and nothing is written before `running`."""
        self.clock = ManualClock()
        proposer = _SlowProposer(turns) if turns else None
        self.store = MemoryStore(clock=self.clock, proposer=proposer)
        self.rng = random.Random(seed)
        self._is_slow = bool(turns)

    @asynccontextmanager
    async def running(self, *components: ComponentType) -> AsyncIterator[None]:
        """Run the components until the block ends."""
        async with Group() as group:
            if self._is_slow:
                group.spawn(self.store.run(), name="store")
            for component in components:
                work = component(store=self.store, clock=self.clock, rng=self.rng).run()
                group.spawn(work, name="component")
            await settle()
            yield
            group.cancel_all()

    async def put(self, *items: Stored) -> None:
        """Create the objects, or replace those that exist."""

        def step(transaction: Transaction) -> None:
            for item in items:
                old = transaction.get(type(item), item.id)
                if old is None:
                    transaction.create(item)
                else:
                    item.meta.CopyFrom(old.meta)
                    transaction.update(item)

        await self.store.update(step)
        await settle()

    async def delete(self, kind: type[Stored], *ids: str) -> None:
        """Delete the objects."""

        def step(transaction: Transaction) -> None:
            for id_ in ids:
                transaction.delete(kind, id_)

        await self.store.update(step)
        await settle()

    async def report(self, task_id: str, state: str) -> None:
        """Let the agent of a task report `state` now."""
        task = Task()
        task.CopyFrom(self.task(task_id))
        task.status.state = TaskState.Value(state)
        task.status.timestamp.CopyFrom(timestamp(self.clock.wall_ns()))
        await self.put(task)

    async def set_node(self, node_id: str, *, state: str = "READY", availability: str = "ACTIVE") -> None:
        """Change status and availability of a node."""
        old = self.store.get(Node, node_id)
        assert old is not None
        node = Node()
        node.CopyFrom(old)
        node.status.state = NodeStatus.State.Value(state)
        node.spec.availability = NodeSpec.Availability.Value(availability)
        await self.put(node)

    async def scale(self, service_id: str, replicas: int) -> None:
        """Set the count of a replicated service."""
        old = self.store.get(Service, service_id)
        assert old is not None
        service = Service()
        service.CopyFrom(old)
        service.spec.replicated.replicas = replicas
        await self.put(service)

    def task(self, task_id: str) -> Task:
        """The stored task."""
        task = self.store.get(Task, task_id)
        assert task is not None
        return task

    def tasks(self, service_id: str = "", *, desired: str = "") -> list[Task]:
        """Tasks of a service (none named: all), those with one desired state if it is given, by slot and node."""
        found = self.store.find(Task, ByService(service_id)) if service_id else self.store.find(Task)
        if desired:
            found = [task for task in found if task.desired_state == TaskState.Value(desired)]
        return sorted(found, key=lambda task: (task.slot, task.node_id, task.id))
