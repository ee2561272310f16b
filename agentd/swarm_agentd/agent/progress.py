"""What the node's tasks are busy with, to the manager of a session (docs/design/progress.md).

Rules
1. Each report is everything there is to tell; the last one is empty. It is sent when something changed, at most once in
   `rest_s`, and again after `again_s` so that the manager sees that it still holds.
2. A manager that does not know the call (a Docker Engine) is not asked again in this session. Any other refusal is met by the next
   report: nothing depends on it.
"""

import asyncio
import itertools
from collections.abc import Mapping

from swarm_core.api.proto.progress_pb2 import TaskProgress
from swarm_core.client.dispatch import Dispatch
from swarm_core.client.errors import CallFailed
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.waiting import event_or_time

from swarm_agentd.config import AgentConfig
from swarm_agentd.exec.progress import Progress, ProgressBoard


class ProgressReporter:
    def __init__(self, board: ProgressBoard, clock: Clock, config: AgentConfig) -> None:
        self._board, self._clock, self._config = board, clock, config

    async def run(self, dispatch: Dispatch) -> None:
        """Report through a session until cancelled. Raises Unreachable."""
        board, config = self._board, self._config
        told: Mapping[str, Progress] = {}
        while True:
            now = board.now()
            if not now and not told:
                await board.changed.wait()
                board.changed.clear()
                continue
            board.changed.clear()
            if not await self._report(dispatch, now):
                await asyncio.Event().wait()
            told = now
            await self._clock.sleep(config.progress_rest_s)
            await event_or_time(self._clock, board.changed, config.progress_again_s if now else 0)

    async def _report(self, dispatch: Dispatch, now: Mapping[str, Progress]) -> bool:
        """Whether the manager wants to know."""
        first = itertools.islice(now.items(), self._config.progress_tasks_max)
        try:
            await dispatch.report_progress([_message(task_id, progress) for task_id, progress in first])
        except CallFailed as failure:
            return failure.code != "UNIMPLEMENTED"
        return True


def _message(task_id: str, progress: Progress) -> TaskProgress:
    activity = TaskProgress.Activity.Value(progress.activity.value)
    return TaskProgress(task_id=task_id, activity=activity, percent=progress.percent)
