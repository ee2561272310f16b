"""A process that is hung is told from one that is busy, with real processes."""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

import pytest
from swarm_agentd.node import hung
from swarm_agentd.node.hung import LOOK_S, SILENT_S, UNANSWERED_BEATS_MAX, Vigil
from swarm_agentd.node.identity import Identity
from swarm_agentd.node.launcher import ChildProcess, CommandLauncher, Launch, ToldKey
from swarm_agentd.node.live import LiveIdentity
from swarm_agentd.node.supervisor import ManagerSupervisor
from swarm_core.ca.tls import TlsIdentity
from swarm_core.runtime.clock import SystemClock
from swarm_core.runtime.tasks import Group

_PROGRAM = """
import asyncio, signal, sys, threading
from swarm_core.runtime import heartbeat
from swarm_core.runtime.clock import SystemClock

heartbeat.BEAT_S = 0.05

def hang(how):
    if how == "lock":
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
    while how == "endless":
        pass

async def main():
    beats = asyncio.create_task(heartbeat.beat(1, SystemClock()))
    sys.stdout.write("serving\\n")
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, beats.cancel)
    loop.call_later(0.3, hang, sys.argv[1])
    await beats

asyncio.run(main())
"""


class Noted:
    """A launcher that keeps what it started, and the manager's data, of which there are none."""

    def __init__(self, launcher: CommandLauncher) -> None:
        self._launcher = launcher
        self.started: list[ChildProcess] = []
        self.another = asyncio.Event()

    async def launch(self, how: Launch) -> ChildProcess:
        process = await self._launcher.launch(how)
        self.started.append(process)
        if len(self.started) > 1:
            self.another.set()
        return process

    def dismiss(self) -> None:
        self._launcher.dismiss()


class NoData:
    def launch(self) -> Launch:
        return Launch()

    def learn(self, told: ToldKey) -> None:
        raise AssertionError(told)

    def clear(self) -> None:
        raise AssertionError


class Answers:
    async def answers(self) -> bool:
        return True

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("how", ["stopped", "lock", "endless"])
async def test_whatever_it_hangs_in_it_is_replaced(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is stopped, one whose loop waits for a lock and one in an endless callback are ended, and another is started
    (docs/design/node.md 6.4.3)."""
    monkeypatch.setattr("swarm_agentd.node.standby.manager_command", lambda: [sys.executable, "-c", _PROGRAM])
    monkeypatch.setattr("swarm_agentd.node.launcher._STOP_S", 0.3)
    monkeypatch.setattr(hung, "LOOK_S", 0.1)
    monkeypatch.setattr(hung, "SILENT_S", 1.0)
    monkeypatch.setattr(hung, "LOOKS_MAX", 600)
    clock = SystemClock()
    noted = Noted(CommandLauncher([how], tmp_path / "pid", clock))
    live = LiveIdentity(Identity("n1", "org", True, TlsIdentity(b"", b"", b"")))
    kept = ManagerSupervisor(
        noted, Answers(), live, NoData(), lambda: None, clock, random.Random(1), serving=asyncio.Event()
    )
    async with asyncio.timeout(120), Group() as group:
        group.spawn(kept.run(), name="supervisor")
        await kept.serving.wait()
        if how == "stopped":
            os.kill(noted.started[0].pid, signal.SIGSTOP)
        await noted.another.wait()
        assert await noted.started[0].wait() == -signal.SIGKILL
        group.cancel_all()


def test_a_daemon_that_was_stopped_itself_has_not_watched() -> None:
    """Looks that come an hour late count as looks, not as an hour (docs/design/node.md 6.4.3)."""
    vigil = Vigil.begin(0.0, 1, 0.0)
    for number in range(1, int(SILENT_S / LOOK_S)):
        assert vigil.look(number * 3600.0, 1, 0.0) is None
    assert vigil.look(9 * 3600.0, 1, 0.0) is not None


def test_signs_of_life_that_lay_about_are_no_time_for_an_answer() -> None:
    """After a stop of the daemon many lines are read at once; what it had asked gets its time all the same (docs/design/node.md 6.4.3)."""
    vigil = Vigil.begin(0.0, 0, 0.0)
    assert vigil.look(3600.0, UNANSWERED_BEATS_MAX + 10, 0.0) is None
    vigil.answered()
    assert vigil.look(3605.0, UNANSWERED_BEATS_MAX + 12, 0.0) is None and vigil.unanswered_beats == 2


def test_half_of_a_processor_counts_half() -> None:
    """Of a time in which it waited for a processor only the rest counts; a sign of life begins anew (docs/design/node.md 6.4.3)."""
    vigil = Vigil.begin(0.0, 1, 100.0)
    looks = 2 * int(SILENT_S / LOOK_S)
    for number in range(1, looks):
        assert vigil.look(number * LOOK_S, 1, 100.0 + number * LOOK_S / 2) is None
    assert vigil.look(looks * LOOK_S, 2, 100.0 + looks * LOOK_S / 2) is None
    assert vigil.silent_s == 0.0 and vigil.silent_looks == 0
