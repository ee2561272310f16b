"""The constraint enforcer: rejects tasks that no longer belong on their node (docs/design/orchestration.md 2.8).

It looks at a node when something about it changed that can matter, and at all nodes at the start. A task has to
go when its service's constraints no longer match, or when what it reserved is more than the node now has. On a
shortage the newest tasks go, so the outcome does not depend on chance. The orchestrator replaces them elsewhere.
"""

import logging
import random
from collections.abc import Iterable

from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.types_pb2 import REJECTED
from swarm_core.api.timestamps import timestamp
from swarm_core.manager.orchestrator import changes
from swarm_core.rules.placement.offenders import is_subject, offenders
from swarm_core.runtime.clock import Clock
from swarm_core.store.by import ByNode
from swarm_core.store.events import Commit, Event, Updated
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Step, Transaction
from swarm_core.watch.queue import Overflow, Subscription

log = logging.getLogger(__name__)


class ConstraintEnforcer:
    """Leader component. It leaves nothing to chance: `rng` is taken as every component's and unused."""

    name = "constraint enforcer"

    def __init__(self, *, store: MemoryStore, clock: Clock, rng: random.Random) -> None:
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Enforce until cancelled."""
        while True:
            with self._store.subscribe(Node) as events:
                try:
                    await self._follow(events)
                except Overflow:
                    log.warning("fell behind the store's changes; starting over from its content")

    async def _follow(self, events: Subscription[Commit]) -> None:
        await self._enforce(node.id for node in self._store.find(Node))
        async for commits in events:
            changed = [event for commit in commits for event in commit.events if _may_matter(event)]
            await self._enforce(dict.fromkeys(event.object.id for event in changed))

    async def _enforce(self, node_ids: Iterable[str]) -> None:
        steps = [
            self._reject(task_id, reason)
            for node_id in node_ids
            if (node := self._store.get(Node, node_id)) is not None
            for task_id, reason in offenders(node, self._store.find(Task, ByNode(node_id)), self._service)
        ]
        if steps:
            await changes.write(self._store, steps, who=self.name)

    def _service(self, service_id: str) -> Service | None:
        return self._store.get(Service, service_id)

    def _reject(self, task_id: str, reason: str) -> Step:
        def step(transaction: Transaction) -> None:
            old = transaction.get(Task, task_id)
            if old is None or not is_subject(old):
                return
            task = Task()
            task.CopyFrom(old)
            task.status.state = REJECTED
            task.status.message = "the node no longer qualifies for the task"
            task.status.err = reason
            task.status.timestamp.CopyFrom(timestamp(self._clock.wall_ns()))
            task.status.ClearField("applied_at")
            transaction.update(task)

        return step


def _may_matter(event: Event) -> bool:
    """Whether a change of a node can turn one of its tasks out; its readiness alone cannot."""
    if not isinstance(event, Updated):
        return False
    new, old = event.object, event.old
    assert isinstance(new, Node)
    assert isinstance(old, Node)
    return (
        new.spec != old.spec
        or new.description != old.description
        or new.role != old.role
        or new.status.addr != old.status.addr
    )
