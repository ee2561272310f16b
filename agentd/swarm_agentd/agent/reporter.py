"""Statuses to the manager: the newest of each task, many per call, one call at a time.

While no session is there, or a call is under way, newer statuses replace older ones. What a failed call carried is kept
unless something newer came (docs/design/agent.md 6.6). Volumes that were taken away are told likewise.
"""

import asyncio
import itertools
import logging
from collections.abc import Mapping

from swarm_core.api.proto.types_pb2 import TaskStatus
from swarm_core.client.dispatch import Dispatch
from swarm_core.client.errors import CallFailed

_log = logging.getLogger(__name__)


class Reporter:
    """The statuses that no manager knows yet."""

    def __init__(self, tasks_max: int) -> None:
        """`tasks_max` limits one call."""
        self._tasks_max = tasks_max
        self._pending: dict[str, TaskStatus] = {}
        self._unpublished: dict[str, None] = {}
        self._woken = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many statuses and volumes no manager was told of yet."""
        return len(self._pending) + len(self._unpublished)

    def report(self, statuses: Mapping[str, TaskStatus]) -> None:
        """Queue statuses; equal ones and lower states than queued are dropped."""
        for task_id, status in statuses.items():
            queued = self._pending.get(task_id)
            if queued is None or queued.state <= status.state:
                self._pending[task_id] = status
        if self._pending:
            self._woken.set()

    def report_unpublished(self, volume_id: str) -> None:
        """Queue that a volume is not published here any more."""
        self._unpublished[volume_id] = None
        self._woken.set()

    def discard(self, task_id: str) -> None:
        """The task is gone."""
        self._pending.pop(task_id, None)

    async def run(self, dispatch: Dispatch, session_id: str) -> None:
        """Send what is queued through a session until cancelled. Raises CallFailed or Unreachable."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self._send_unpublished(dispatch, session_id)
            while self._pending:
                batch = dict(itertools.islice(self._pending.items(), self._tasks_max))
                for task_id in batch:
                    del self._pending[task_id]
                try:
                    await self._send(dispatch, session_id, batch)
                except BaseException:
                    for task_id, status in batch.items():
                        self._pending.setdefault(task_id, status)
                    self._woken.set()
                    raise

    async def _send_unpublished(self, dispatch: Dispatch, session_id: str) -> None:
        batch, self._unpublished = self._unpublished, {}
        if not batch:
            return
        try:
            await dispatch.update_volume_status(session_id, batch)
        except BaseException as error:
            if isinstance(error, CallFailed) and error.code == "NOT_FOUND":
                return  # no longer registered: the manager asks again with the next full set
            self._unpublished = {**batch, **self._unpublished}
            self._woken.set()
            raise

    async def _send(self, dispatch: Dispatch, session_id: str, batch: Mapping[str, TaskStatus]) -> None:
        try:
            await dispatch.update_task_status(session_id, batch.items())
        except CallFailed as error:
            if error.code == "NOT_FOUND":
                return  # no longer registered: everything is told again after the next registration
            if error.code != "PERMISSION_DENIED":
                raise
            if len(batch) == 1:
                _log.error("the manager refused the status of task %s: %s", *batch, error)
                return
            # One foreign task fails the whole call: tell the others without it.
            for task_id, status in batch.items():
                await self._send(dispatch, session_id, {task_id: status})
