"""The manager is kept running, and given up only when it never could run."""

import asyncio
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.launcher import ChildProcess, CommandLauncher
from swarm_agentd.node.supervisor import ManagerSupervisor
from swarm_core.runtime.clock import SystemClock
from swarm_core.runtime.tasks import Group

CLOCK = SystemClock()


class Script:
    """A launcher of managers that end as they are told."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.stopped = 0
        self.launched = asyncio.Event()

    async def launch(self) -> "Script":
        if not self.codes:
            self.launched.set()
        return self

    async def wait(self) -> int:
        if self.codes:
            return self.codes.pop(0)
        return await asyncio.get_running_loop().create_future()

    async def stop(self) -> None:
        self.stopped += 1


def supervisor(script: Script) -> ManagerSupervisor:
    return ManagerSupervisor(script, Path("/nowhere/control.sock"), b"", CLOCK, random.Random(1))


async def test_a_killed_manager_is_started_again() -> None:
    """Signals and polite ends lead to a new start; cancelling stops the running one."""
    script = Script(-9, 0, -15)
    async with asyncio.timeout(20), Group() as group:
        group.spawn(supervisor(script).run(), name="supervisor")
        await script.launched.wait()
        group.cancel_all()
    assert script.stopped == 4


async def test_a_manager_that_cannot_start_ends_the_node() -> None:
    """An exit code before it ever served is final."""
    with pytest.raises(NodeError, match=r"could not start \(exit code 1\)"):
        await supervisor(Script(1)).run()


async def test_an_exit_code_after_it_served_is_not_final() -> None:
    """A manager that has served here once is worth another try."""
    script = Script(1)
    kept = supervisor(script)
    kept._has_served = True
    async with asyncio.timeout(20), Group() as group:
        group.spawn(kept.run(), name="supervisor")
        await script.launched.wait()
        group.cancel_all()


async def test_a_program_that_is_not_there() -> None:
    """No command to start is one sentence."""

    class Nothing(Script):
        async def launch(self) -> Script:
            raise FileNotFoundError(2, "No such file or directory", "swarm-managerd")

    with pytest.raises(NodeError, match=r"cannot start the manager.*swarm-managerd"):
        await supervisor(Nothing()).run()


_MANAGER = """
import pathlib, signal, sys, time
if sys.argv[1] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[2]).touch()
time.sleep(60)
"""


@pytest.fixture
def sleeper(monkeypatch: pytest.MonkeyPatch) -> None:
    """The manager's command is a program that says when it is there, and may ignore the polite stop."""
    command = [sys.executable, "-c", _MANAGER]
    monkeypatch.setattr("swarm_agentd.node.launcher.manager_command", lambda: command)


@pytest.mark.usefixtures("sleeper")
async def test_stop_is_polite_then_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manager is asked to end, and killed when it does not."""
    polite = await CommandLauncher(["polite", str(tmp_path / "a")], tmp_path / "pid", CLOCK).launch()
    await polite.stop()
    assert await polite.wait() == -15
    monkeypatch.setattr("swarm_agentd.node.launcher._STOP_S", 0.3)
    there = tmp_path / "b"
    stubborn = await CommandLauncher(["stubborn", str(there)], tmp_path / "pid", CLOCK).launch()
    async with asyncio.timeout(20):
        while not there.exists():
            await CLOCK.sleep(0.01)
    await stubborn.stop()
    assert await stubborn.wait() == -9


@pytest.mark.usefixtures("sleeper")
async def test_a_left_over_manager_is_ended_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manager of a killed daemon is gone before the next one starts; a recycled pid is left alone."""
    monkeypatch.setattr("swarm_agentd.node.launcher._LEFT_OVER_S", 0.05)
    first = await CommandLauncher(["polite", str(tmp_path / "a")], tmp_path / "pid", CLOCK).launch()
    second = await CommandLauncher(["polite", str(tmp_path / "a")], tmp_path / "pid", CLOCK).launch()
    assert await first.wait() == -9
    await second.stop()
    record = {"pid": os.getpid(), "created": 1.0}
    (tmp_path / "pid").write_text(json.dumps(record))
    third = await CommandLauncher(["polite", str(tmp_path / "a")], tmp_path / "pid", CLOCK).launch()
    await third.stop()


async def test_stopping_what_has_ended() -> None:
    """stop after the end is fine."""
    process = await asyncio.create_subprocess_exec("true", stdin=subprocess.PIPE)
    child = ChildProcess(process)
    assert await child.wait() == 0
    await child.stop()
