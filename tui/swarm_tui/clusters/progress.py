"""Keeps a mirror told of what tasks are busy with while they are prepared (docs/design/progress.md).

Rules
1. The stream is open only while a task is PREPARING, and has been for LOOK_AFTER_S: an idle cluster and quick tasks cost nothing.
2. A cluster that does not tell (a Docker Engine leads) is asked again after UNTOLD_S, as the next leader may tell. A stream that broke is
   opened again after AGAIN_S; meanwhile nothing is told, as old shares would mislead.
"""

import asyncio
from contextlib import aclosing
from typing import Final

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.progress_pb2 import TaskProgress, WatchProgressMessage
from swarm_core.client.control import Control
from swarm_core.client.errors import ClientError

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Clock

LOOK_AFTER_S: Final = 0.3
AGAIN_S: Final = 1.0
UNTOLD_S: Final = 30.0
_Task = objects_pb2.Task


class ProgressNews:
    """Feeds `mirror` for as long as it runs."""

    def __init__(self, mirror: Mirror, control: Control, clock: Clock) -> None:
        self._mirror, self._control, self._clock = mirror, control, clock
        self._preparing: set[str] = set()
        self._changed = asyncio.Event()
        self._told: dict[str, TaskProgress] = {}

    async def run(self) -> None:
        """Until cancelled."""
        unlisten = self._mirror.listen(self._hear)
        try:
            self._look_anew()
            while True:
                await self._until(is_preparing=True)
                await self._clock.sleep(LOOK_AFTER_S)
                if self._preparing:
                    await self._clock.sleep(await self._follow_while_preparing())
        finally:
            unlisten()

    async def _follow_while_preparing(self) -> float:
        """Follow the stream until no task is PREPARING or the stream ends; how long to wait before the next one."""
        try:
            async with asyncio.TaskGroup() as group:
                following = group.create_task(self._follow())
                idle = group.create_task(self._until(is_preparing=False))
                await asyncio.wait((following, idle), return_when=asyncio.FIRST_COMPLETED)
                pause_s = following.result() if following.done() else 0.0
                following.cancel()
                idle.cancel()
        finally:
            self._told = {}
            self._tell()
        return pause_s

    async def _follow(self) -> float:
        try:
            async with aclosing(self._control.watch_progress()) as messages:  # type: ignore[type-var]
                async for message in messages:
                    self._take(message)
        except ClientError:
            return AGAIN_S
        return UNTOLD_S

    def _take(self, message: WatchProgressMessage) -> None:
        if message.is_complete:
            self._told = {}
        for task_id in message.ended:
            self._told.pop(task_id, None)
        for each in message.tasks:
            self._told[each.task_id] = each
        self._tell()

    def _tell(self) -> None:
        self._mirror.set_progress(dict(self._told))
        self._mirror.flush()

    async def _until(self, *, is_preparing: bool) -> None:
        while bool(self._preparing) != is_preparing:
            await self._changed.wait()
            self._changed.clear()

    def _hear(self, changes: Changes) -> None:
        if changes.is_reset:
            self._look_anew()
        for task_id in changes.of(_Task):
            task = self._mirror.get(_Task, task_id)
            if task is not None and task.status.state == types_pb2.PREPARING:
                self._preparing.add(task_id)
            else:
                self._preparing.discard(task_id)
        self._changed.set()

    def _look_anew(self) -> None:
        tasks = self._mirror.objects(_Task)
        self._preparing = {task.id for task in tasks if task.status.state == types_pb2.PREPARING}
