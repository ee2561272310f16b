"""One task on this node: steps it from state to state, one operation at a time.

Rules (docs/design/agent.md 6.8)
1. Updates go to a mailbox of one place: the newest wins. An update interrupts the operation under way, reaches the
   controller, and the task is stepped again at once.
2. The desired state never goes down. The task's own status is the truth here; the manager's copy is ignored.
3. Cancelling `run` stops the work of this object and leaves the task's own work alone.
"""

import asyncio
import logging
from collections.abc import Callable

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import TaskStatus
from swarm_core.api.task_changes import differ
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.log import TASK
from swarm_core.runtime.waiting import event_or_time

from swarm_agentd.exec.controller import Controller
from swarm_agentd.exec.step import Call, Verdict, next_call, step

_log = logging.getLogger(__name__)


class TaskManager:
    """`task` is handed over. `changed` is told every new status; `expand` gives a task with its templates expanded, or
    raises ExecError."""

    def __init__(
        self,
        task: Task,
        controller: Controller,
        clock: Clock,
        *,
        retry_s: float,
        changed: Callable[[Task, TaskStatus], None],
        expand: Callable[[Task], Task],
    ) -> None:
        self.task = task
        self.controller = controller
        self._clock = clock
        self._retry_s = retry_s
        self._changed = changed
        self._expand = expand
        self._next: Task | None = None
        self._woken = asyncio.Event()
        self._operation: asyncio.Timeout | None = None

    def update(self, task: Task) -> None:
        """Adopt a newer definition of the task; it is handed over and not changed here."""
        known = self._next or self.task
        assert task.id == known.id
        if task.desired_state < known.desired_state or not differ(known, task):
            return
        self._next = task
        self._woken.set()
        if self._operation is not None and not self._operation.expired():
            self._operation.reschedule(asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Step the task until cancelled."""
        TASK.set(self.task.id)
        while True:
            self._woken.clear()
            await self._adopt()
            verdict = await self._step()
            if verdict is Verdict.IDLE:
                await self._woken.wait()
            elif verdict is Verdict.RETRY:
                await event_or_time(self._clock, self._woken, self._retry_s)

    async def _adopt(self) -> None:
        if self._next is None:
            return
        task = Task()
        task.CopyFrom(self._next)
        task.status.CopyFrom(self.task.status)
        self.task, self._next = task, None
        try:
            await self.controller.update(self._expand(task))
        except Exception as error:  # noqa: BLE001 - a controller's failure stays with its task
            _log.error("task %s did not take its update: %s", task.id, error)

    async def _step(self) -> Verdict:
        if next_call(self.task.status.state, self.task.desired_state) is Call.NOTHING:
            return Verdict.IDLE
        try:
            async with asyncio.timeout(None) as self._operation:
                status, verdict = await step(self.task, self.controller, self._clock)
        except TimeoutError:
            # The only way here is the reschedule in `update`.
            return Verdict.AGAIN
        finally:
            self._operation = None
        if status != self.task.status:
            self.task.status.CopyFrom(status)
            self._changed(self.task, status)
        return verdict
