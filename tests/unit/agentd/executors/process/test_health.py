"""Health checks of processes."""

import pytest
from swarm_agentd.exec.errors import InvalidTask
from swarm_agentd.executors.process.health import (
    HealthCheck,
    HealthConfiguration,
    configuration,
    run_probe,
)
from swarm_core.api.proto.types_pb2 import HealthConfig
from swarm_core.api.timestamps import duration

_CONFIG = HealthConfiguration(
    argv=("true",), interval_s=10, timeout_s=1, retries=2, start_period_s=60, start_interval_s=1
)
_LONG_S = 60
"""For probes that end by themselves, on a busy machine too."""


def test_failures_in_the_start_period_do_not_count() -> None:
    """Only after the start period do failures add up to unhealthy."""
    check = HealthCheck(_CONFIG)
    for second in range(50):
        check.record(False, second)
    assert not check.is_unhealthy and check.next_wait_s(50) == 1
    check.record(False, 60)
    assert not check.is_unhealthy and check.next_wait_s(60) == 10
    check.record(False, 70)
    assert check.is_unhealthy


def test_a_success_ends_the_start_period() -> None:
    """Once healthy, failures count at once, and a success forgets them."""
    check = HealthCheck(_CONFIG)
    check.record(True, 1)
    assert check.is_healthy and check.next_wait_s(1) == 10
    check.record(False, 2)
    check.record(True, 3)
    check.record(False, 4)
    assert not check.is_unhealthy
    check.record(False, 5)
    assert check.is_unhealthy


def test_defaults_and_refusals() -> None:
    """Durations default as in container engines; no test is no check; a strange test is refused."""
    assert configuration(HealthConfig()) is None
    assert configuration(HealthConfig(test=["NONE"])) is None
    config = configuration(HealthConfig(test=["CMD-SHELL", "exit 0"]))
    assert config is not None
    assert (config.interval_s, config.timeout_s, config.retries, config.start_interval_s) == (30, 30, 3, 5)
    assert config.argv == ("/bin/sh", "-c", "exit 0")
    quick = configuration(HealthConfig(test=["CMD", "true"], interval=duration(0.5)))
    assert quick is not None and quick.start_interval_s == 0.5
    for test in (["CMD"], ["HTTP", "x"]):
        with pytest.raises(InvalidTask):
            configuration(HealthConfig(test=test))


async def test_probes() -> None:
    """A probe succeeds with code 0 only, in time only, and leaves no process behind."""
    launch = {"env": {"PATH": "/usr/bin:/bin", "WORD": "yes"}, "dir": "/", "user": None}
    assert await run_probe(["sh", "-c", 'test "$WORD" = yes && test "$PWD" = /'], launch, _LONG_S)
    assert not await run_probe(["false"], launch, _LONG_S)
    assert not await run_probe(["no-such-probe"], launch, _LONG_S)
    assert not await run_probe(["sleep", "30"], launch, 0.05)
