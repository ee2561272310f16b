"""The volume enforcer: rejects tasks whose volume is drained (docs/design/orchestration.md 2.9, volumes.md 12.8).

It looks at a volume when it changed, and at all volumes at the start. The orchestrator replaces the tasks where other volumes,
or none, serve them; the volume itself is taken off the nodes once nobody uses it.
"""

import logging
import random
from collections.abc import Iterable

from swarm_core.api.proto.objects_pb2 import Task, Volume
from swarm_core.api.proto.specs_pb2 import VolumeSpec
from swarm_core.api.proto.types_pb2 import COMPLETE, REJECTED
from swarm_core.api.states import Actor, may_move
from swarm_core.api.timestamps import timestamp
from swarm_core.manager.orchestrator import changes
from swarm_core.runtime.clock import Clock
from swarm_core.store.by import VolumeAttachment
from swarm_core.store.events import Commit, Deleted
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Step, Transaction
from swarm_core.watch.queue import Overflow, Subscription

log = logging.getLogger(__name__)


class VolumeEnforcer:
    """Leader component. It leaves nothing to chance: `rng` is taken as every component's and unused."""

    name = "volume enforcer"

    def __init__(self, *, store: MemoryStore, clock: Clock, rng: random.Random) -> None:
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Enforce until cancelled."""
        while True:
            with self._store.subscribe(Volume) as events:
                try:
                    await self._follow(events)
                except Overflow:
                    log.warning("fell behind the store's changes; starting over from its content")

    async def _follow(self, events: Subscription[Commit]) -> None:
        await self._enforce(self._store.find(Volume))
        async for commits in events:
            await self._enforce(
                event.object
                for commit in commits
                for event in commit.events
                if not isinstance(event, Deleted) and isinstance(event.object, Volume)
            )

    async def _enforce(self, volumes: Iterable[Volume]) -> None:
        drained = {
            volume.id: volume for volume in volumes if volume.spec.availability == VolumeSpec.DRAIN
        }.values()
        steps = [
            self._reject(task.id, volume)
            for volume in drained
            for task in self._store.find(Task, VolumeAttachment(volume.id))
            if _is_subject(task)
        ]
        if steps:
            await changes.write(self._store, steps, who=self.name)

    def _reject(self, task_id: str, volume: Volume) -> Step:
        def step(transaction: Transaction) -> None:
            old = transaction.get(Task, task_id)
            now = transaction.get(Volume, volume.id)
            if old is None or not _is_subject(old):
                return
            if now is None or now.spec.availability != VolumeSpec.DRAIN:
                return
            task = Task()
            task.CopyFrom(old)
            task.status.state = REJECTED
            task.status.message = "a volume of the task is drained"
            task.status.err = f"volume {volume.spec.annotations.name} is drained"
            task.status.timestamp.CopyFrom(timestamp(self._clock.wall_ns()))
            task.status.ClearField("applied_at")
            transaction.update(task)

        return step


def _is_subject(task: Task) -> bool:
    return task.desired_state <= COMPLETE and may_move(task.status.state, REJECTED, Actor.ENFORCER)
