"""The volume enforcer: rejects tasks whose volume is drained, or was removed before they ran (docs/design/orchestration.md 2.9,
volumes.md 12.1.6, 12.8).

It looks at a volume when it changed or went, and at all volumes at the start. The orchestrator replaces the tasks where other volumes,
or none, serve them; the volume itself is taken off the nodes once nobody uses it.
"""

import logging
import random
from collections.abc import Mapping

from swarm_core.api.proto.objects_pb2 import Task, Volume
from swarm_core.api.proto.specs_pb2 import VolumeSpec
from swarm_core.api.proto.types_pb2 import COMPLETE, REJECTED, RUNNING
from swarm_core.api.states import Actor, may_move
from swarm_core.api.timestamps import timestamp
from swarm_core.manager.orchestrator import changes
from swarm_core.runtime.clock import Clock
from swarm_core.store.by import VolumeAttachment
from swarm_core.store.events import Commit
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
        await self._enforce(self._known())
        async for commits in events:
            volumes = [event.object for commit in commits for event in commit.events]
            await self._enforce(
                {one.id: one.spec.annotations.name for one in volumes if isinstance(one, Volume)}
            )

    def _known(self) -> Mapping[str, str]:
        """All volumes by id with their names; of one that was removed only the id is left, in the tasks that have it."""
        names = {volume.id: volume.spec.annotations.name for volume in self._store.find(Volume)}
        held = (volume.id for task in self._store.find(Task) for volume in task.volumes)
        return {id_: id_ for id_ in held} | names

    async def _enforce(self, names: Mapping[str, str]) -> None:
        steps = [
            self._reject(task.id, volume_id, name)
            for volume_id, name in names.items()
            if _is_lost(volume := self._store.get(Volume, volume_id))
            for task in self._store.find(Task, VolumeAttachment(volume_id))
            if _has_to_go(task, volume)
        ]
        if steps:
            await changes.write(self._store, steps, who=self.name)

    def _reject(self, task_id: str, volume_id: str, name: str) -> Step:
        def step(transaction: Transaction) -> None:
            old = transaction.get(Task, task_id)
            volume = transaction.get(Volume, volume_id)
            if old is None or not _has_to_go(old, volume):
                return
            task = Task()
            task.CopyFrom(old)
            fault = "was removed" if volume is None else "is drained"
            task.status.state = REJECTED
            task.status.message = f"a volume of the task {fault}"
            task.status.err = f"volume {name} {fault}"
            task.status.timestamp.CopyFrom(timestamp(self._clock.wall_ns()))
            task.status.ClearField("applied_at")
            transaction.update(task)

        return step


def _is_lost(volume: Volume | None) -> bool:
    return volume is None or volume.spec.availability == VolumeSpec.DRAIN


def _has_to_go(task: Task, volume: Volume | None) -> bool:
    """Whether `task`, which has the volume, is rejected. One that runs keeps a volume that was removed: its node has it still."""
    if task.desired_state > COMPLETE or not may_move(task.status.state, REJECTED, Actor.ENFORCER):
        return False
    return _is_lost(volume) and (volume is not None or task.status.state < RUNNING)
