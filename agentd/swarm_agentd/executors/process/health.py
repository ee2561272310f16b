"""Health checks of a process: when to probe, and what the results add up to.

`HealthCheck` is the rule without a clock or a process; `Monitor` probes by it. Rules, as container engines have them: a
failure counts once the start period is over or a probe has succeeded; `retries` counted failures in a row are unhealthy;
within the start period probes come at the start interval.
"""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from swarm_core.api.proto.types_pb2 import HealthConfig
from swarm_core.api.timestamps import duration_s
from swarm_core.runtime.clock import Clock

from swarm_agentd.exec.errors import InvalidTask
from swarm_agentd.exec.pidfd import until_ended

INTERVAL_S, TIMEOUT_S, START_INTERVAL_S, RETRIES = 30.0, 30.0, 5.0, 3


@dataclass(frozen=True, slots=True)
class HealthConfiguration:
    argv: tuple[str, ...]
    interval_s: float
    timeout_s: float
    retries: int
    start_period_s: float
    start_interval_s: float


def configuration(config: HealthConfig) -> HealthConfiguration | None:
    """What `config` asks for, None for no check. Raises InvalidTask."""
    kind, *rest = config.test or ("NONE",)
    if kind == "NONE":
        return None
    if kind not in ("CMD", "CMD-SHELL") or not rest:
        raise InvalidTask("a health check is NONE, or CMD or CMD-SHELL with a command")
    interval_s = duration_s(config.interval) or INTERVAL_S
    return HealthConfiguration(
        argv=tuple(rest) if kind == "CMD" else ("/bin/sh", "-c", " ".join(rest)),
        interval_s=interval_s,
        timeout_s=duration_s(config.timeout) or TIMEOUT_S,
        retries=config.retries or RETRIES,
        start_period_s=duration_s(config.start_period),
        start_interval_s=duration_s(config.start_interval) or min(START_INTERVAL_S, interval_s),
    )


@dataclass(slots=True)
class HealthCheck:
    """The state of one check; times are seconds since the process started."""

    config: HealthConfiguration
    is_healthy: bool = False
    failures: int = field(default=0)

    def next_wait_s(self, since_start_s: float) -> float:
        is_starting = not self.is_healthy and since_start_s < self.config.start_period_s
        return self.config.start_interval_s if is_starting else self.config.interval_s

    def record(self, succeeded: bool, since_start_s: float) -> None:
        if succeeded:
            self.is_healthy, self.failures = True, 0
        elif self.is_healthy or since_start_s >= self.config.start_period_s:
            self.failures += 1

    @property
    def is_unhealthy(self) -> bool:
        return self.failures >= self.config.retries


Probe = Callable[[], Awaitable[bool]]


class Monitor:
    """Probes one process for as long as it is asked to."""

    def __init__(self, config: HealthConfiguration, probe: Probe, clock: Clock, *, is_healthy: bool) -> None:
        self._check = HealthCheck(config, is_healthy=is_healthy)
        self._probe, self._clock = probe, clock
        self._started = clock.monotonic()

    async def until_healthy(self) -> bool:
        """Probe until the first success (True) or until unhealthy (False)."""
        while not (self._check.is_healthy or self._check.is_unhealthy):
            await self._round()
        return not self._check.is_unhealthy

    async def until_unhealthy(self) -> None:
        while not self._check.is_unhealthy:
            await self._round()

    async def _round(self) -> None:
        await self._clock.sleep(self._check.next_wait_s(self._since_start_s()))
        self._check.record(await self._probe(), self._since_start_s())

    def _since_start_s(self) -> float:
        return self._clock.monotonic() - self._started


async def run_probe(argv: Sequence[str], launch: dict[str, Any], timeout_s: float) -> bool:
    """Run a probe as the task's user, in its directory and environment; whether it ended with 0 in time."""
    program = shutil.which(argv[0], path=launch["env"]["PATH"])
    process = None if program is None else _start(program, argv, launch)
    if process is None:
        return False
    fd = os.pidfd_open(process.pid)
    try:
        await asyncio.wait_for(until_ended(fd), timeout_s)
        return process.wait() == 0
    except TimeoutError:
        return False
    finally:
        os.close(fd)
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(program: str, argv: Sequence[str], launch: dict[str, Any]) -> subprocess.Popen[bytes] | None:
    user = launch["user"]
    identity = (
        {} if user is None else {"user": user["uid"], "group": user["gid"], "extra_groups": user["groups"]}
    )
    null = subprocess.DEVNULL
    try:
        return subprocess.Popen(  # noqa: S603 - what the task asks for
            [program, *argv[1:]], env=launch["env"], cwd=launch["dir"], stdin=null, stdout=null, stderr=null,
            start_new_session=True, **identity,
        )  # fmt: skip
    except OSError:
        return None  # a probe that cannot be run has failed
