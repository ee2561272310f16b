"""What the node's machine and running tasks use, to whoever watches at the manager (docs/design/usage.md).

Rules
1. A sample of each running task is taken every `usage_apart_s`, whoever watches: so there is a past to tell. While somebody watches
   samples are taken and told as often as the manager asks for.
2. The first report after somebody came tells the past too. Reports of many nodes do not come at one moment.
3. A manager that does not know the call (a Docker Engine) is not asked again in this session. A refused report is met by the next one:
   nothing depends on it. A task that cannot be measured is left out.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from typing import Final

from swarm_core.api.proto.types_pb2 import RUNNING
from swarm_core.api.proto.usage_pb2 import NodeUsage, TaskUsage, UsageWanted
from swarm_core.client.calls import opened
from swarm_core.client.dispatch import Dispatch
from swarm_core.client.errors import CallFailed, ClientError
from swarm_core.rules.usage import Sample, UsageHistory
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.runtime.waiting import event_or_time

from swarm_agentd.agent.task_manager import TaskManager
from swarm_agentd.config import AgentConfig
from swarm_agentd.exec.usage import NS_PER_S, Meter, Reading

_log = logging.getLogger(__name__)
_APART_MIN_S: Final = 0.5
_MS: Final = 1_000


class _Measured:
    """One task, or the machine."""

    __slots__ = ("_at_s", "_before", "history")

    def __init__(self) -> None:
        self.history = UsageHistory()
        self._before: Reading | None = None
        self._at_s = 0.0

    def take(self, now_s: float, reading: Reading) -> None:
        before, passed_s = self._before, now_s - self._at_s
        if before is not None and passed_s < _APART_MIN_S:
            return
        if before is not None:
            # It goes back where a restarted machine or another container counts from zero.
            cpus = max(reading.cpu_ns - before.cpu_ns, 0) / NS_PER_S / passed_s
            self.history.add(now_s, Sample(cpus, reading.memory_bytes))
        self._before, self._at_s = reading, now_s


class UsageSampler:
    """Measures. `meter` is the machine's; None where the machine uses what its tasks use."""

    def __init__(self, tasks: Callable[[], Iterable[TaskManager]], meter: Meter | None, clock: Clock) -> None:
        self._tasks, self._meter, self._clock = tasks, meter, clock
        self._machine = _Measured()
        self._measured: dict[str, _Measured] = {}
        self._turn = asyncio.Lock()

    async def run(self, apart_s: float) -> None:
        """Take a sample every `apart_s` until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(apart_s)

    async def look(self) -> None:
        """Take a sample of everything that runs."""
        async with self._turn:
            managers = [one for one in self._tasks() if one.task.status.state == RUNNING]
            readings = [found for one in managers if (found := await self._reading(one)) is not None]
            self._measured = {
                task_id: self._measured.get(task_id) or _Measured() for task_id, _, _ in readings
            }
            for task_id, now_s, reading in readings:
                self._measured[task_id].take(now_s, reading)
            self._look_at_machine()

    def report(self, *, with_history: bool) -> NodeUsage:
        """What is known now; a task that was seen once only has nothing to tell yet."""
        now_s = self._clock.monotonic()
        told = NodeUsage(has_history=with_history)
        if (machine := self._machine.history).last is not None:
            told.machine.CopyFrom(machine.series(now_s, with_history=with_history))
        told.tasks.extend(
            TaskUsage(task_id=task_id, series=one.history.series(now_s, with_history=with_history))
            for task_id, one in self._measured.items()
            if one.history.last is not None
        )
        return told

    async def _reading(self, manager: TaskManager) -> tuple[str, float, Reading] | None:
        try:
            reading = await manager.controller.usage()
        except Exception as error:  # noqa: BLE001 - a task that cannot be measured runs on, and the others are told
            _log.debug("task %s cannot be measured: %s", manager.task.id, error)
            return None
        return None if reading is None else (manager.task.id, self._clock.monotonic(), reading)

    def _look_at_machine(self) -> None:
        now_s = self._clock.monotonic()
        if self._meter is None:
            known = [one.history.last for one in self._measured.values() if one.history.last is not None]
            if known or not self._measured:
                total = Sample(sum(one.cpus for one in known), sum(one.memory_bytes for one in known))
                self._machine.history.add(now_s, total)
            return
        try:
            self._machine.take(now_s, self._meter.read())
        except (OSError, ValueError, KeyError) as error:
            _log.debug("the machine cannot be measured: %s", error)


class UsageReporter:
    """Tells what a sampler measures."""

    def __init__(self, sampler: UsageSampler, clock: Clock, rng: random.Random, config: AgentConfig) -> None:
        self._sampler, self._clock, self._rng, self._config = sampler, clock, rng, config
        self._wanted = UsageWanted()
        self._heard = asyncio.Event()

    async def run(self, dispatch: Dispatch) -> None:
        """Report through a session until cancelled, or until the manager ends the stream. Raises ClientError."""
        self._wanted = UsageWanted()
        self._heard.clear()
        failure: ClientError | None = None
        async with Group() as group:
            reporting = group.spawn(self._report(dispatch), name="usage reports")
            try:
                await self._listen(dispatch)
            except CallFailed as refused:
                if refused.code == "UNIMPLEMENTED":
                    reporting.cancel()
                    await asyncio.Event().wait()  # the leader is a Docker Engine
                failure = refused
            except ClientError as lost:
                failure = lost
            group.cancel_all()
        # Raised out here: in the group it would come out as a group of failures, which ends no session but the agent.
        if failure is not None:
            raise failure

    async def _listen(self, dispatch: Dispatch) -> None:
        async with opened(dispatch.usage_wanted()) as messages:
            async for message in messages:
                self._wanted = message
                self._heard.set()

    async def _report(self, dispatch: Dispatch) -> None:
        known = 0
        while True:
            self._heard.clear()
            wanted = self._wanted
            if not wanted.every_ms:
                await self._heard.wait()
                continue
            every_s = wanted.every_ms / _MS
            is_new = wanted.watchers != known
            if is_new:
                # All nodes hear it at the same moment.
                await self._clock.sleep(self._rng.random() * min(every_s / 3, 1.0))
            await self._sampler.look()
            try:
                await dispatch.report_usage(self._sampler.report(with_history=is_new))
                known = wanted.watchers
            except ClientError as refused:
                # Whether the session stands is seen by its other parts.
                _log.debug("the manager did not take what this node uses: %s", refused)
            await event_or_time(self._clock, self._heard, every_s)
