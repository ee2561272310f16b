"""The process executor obeys the executor conformance suite with real processes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.protobuf.any_pb2 import Any as AnyPayload
from swarm_agentd.executors.process.executor import ProcessExecutor
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.timestamps import duration
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.conformance.executor import (
    CONFIG_ID,
    SECRET_ID,
    CommandConformance,
    ExecutorConformance,
    HealthConformance,
    SecretConformance,
    Work,
)

# In the background: a shell tells on stderr of a foreground child that a signal ended, and the stop signal is the whole group's.
_RUNS = 'trap "exit 0" TERM; echo started; while :; do sleep 0.05 & wait; done'
_SCRIPTS = {
    Work.RUNS: _RUNS,
    Work.HEALTHY: _RUNS,
    Work.UNHEALTHY: _RUNS,
    Work.STUBBORN: 'trap "" TERM; echo started; while :; do sleep 0.05; done',
    Work.ENDS: "echo one; echo two; echo three; echo oops >&2",
    Work.FAILS: "exit 3",
    Work.SECRETS: 'cat "$SWARM_SECRETS/hush"; echo; cat "$SWARM_CONFIGS/conf.d/setting"',
}


class ProcessBench:
    def __init__(self, state: Path, memory: Path) -> None:
        self._state, self._memory = state, memory

    def executor(self) -> ProcessExecutor:
        return ProcessExecutor(self._state, SystemClock(), memory=self._memory)

    def task(self, work: Work, task_id: str) -> Task:
        spec = ProcessSpec()
        if work is Work.BROKEN:
            spec.command.append("no-such-program-anywhere")
        else:
            spec.command.extend(["sh", "-c", _SCRIPTS[work]])
        if work is Work.STUBBORN:
            spec.stop_grace_period.CopyFrom(duration(0.2))
        if work is Work.SECRETS:
            spec.secrets.add(secret_id=SECRET_ID).file.name = "hush"
            spec.configs.add(config_id=CONFIG_ID).file.name = "conf.d/setting"
        if work in (Work.HEALTHY, Work.UNHEALTHY):
            spec.healthcheck.test.extend(["CMD", "true" if work is Work.HEALTHY else "false"])
            spec.healthcheck.interval.CopyFrom(duration(0.05))
            spec.healthcheck.retries = 2
        task = Task(id=task_id)
        task.spec.generic.kind = "process"
        payload = AnyPayload()
        payload.Pack(spec)
        task.spec.generic.payload.CopyFrom(payload)
        return task


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[ProcessBench]:
    made = ProcessBench(tmp_path / "state", tmp_path / "memory" / "swarm" / "key")
    yield made
    await made.executor().retain(())


class TestProcessExecutor(ExecutorConformance, SecretConformance, HealthConformance, CommandConformance):
    """All rules."""
