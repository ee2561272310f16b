"""A manager's process that waits for its orders."""

import os
import sys
from pathlib import Path

import pytest
from swarm_agentd.node import standby
from swarm_agentd.node.launcher import CommandLauncher, Launch
from swarm_core.runtime.clock import SystemClock

CLOCK = SystemClock()
_OBEYS = """
import json, pathlib, sys
line = sys.stdin.readline()
if line:
    pathlib.Path(sys.argv[1]).write_text(line)
"""


@pytest.fixture
def obedient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The manager's command writes its orders to the file that its first flag names, and ends."""
    monkeypatch.setattr(standby, "manager_command", lambda: [sys.executable, "-c", _OBEYS])


@pytest.mark.usefixtures("obedient")
async def test_the_first_launch_takes_the_one_that_stands_by(tmp_path: Path) -> None:
    """The process that was started early gets the orders; the next launch starts one of its own."""
    early = standby.start([str(tmp_path / "early")])
    launcher = CommandLauncher([str(tmp_path / "late")], tmp_path / "pid", CLOCK, early=early)
    first = await launcher.launch(Launch(join="192.0.2.1:1"))
    assert await first.wait() == 0
    assert "192.0.2.1:1" in (tmp_path / "early").read_text()
    assert not (tmp_path / "late").exists()
    second = await launcher.launch(Launch())
    assert await second.wait() == 0
    assert (tmp_path / "late").exists()
    for process in (first, second):
        await process.stop()


@pytest.mark.usefixtures("obedient")
async def test_one_that_has_ended_is_replaced(tmp_path: Path) -> None:
    """A process that died while it stood by is not waited for."""
    early = standby.start([str(tmp_path / "early")])
    early.process.kill()
    early.process.wait()
    launcher = CommandLauncher([str(tmp_path / "late")], tmp_path / "pid", CLOCK, early=early)
    process = await launcher.launch(Launch())
    assert await process.wait() == 0
    assert (tmp_path / "late").exists()
    await process.stop()


@pytest.mark.usefixtures("obedient")
async def test_a_dismissed_one_is_gone(tmp_path: Path) -> None:
    """A worker's daemon keeps no manager waiting; to dismiss nobody is fine."""
    early = standby.start([str(tmp_path / "early")])
    launcher = CommandLauncher([], tmp_path / "pid", CLOCK, early=early)
    launcher.dismiss()
    launcher.dismiss()
    assert not early.is_alive
    assert not (tmp_path / "early").exists()


def test_a_manager_without_orders_ends_in_silence(tmp_path: Path) -> None:
    """The real program, whose input ends before its orders came: it did nothing, and says nothing."""
    flags = ["--state-dir", str(tmp_path / "s"), "--listen-control-api", str(tmp_path / "c")]
    started = standby.start(flags)
    os.close(started.lifeline)
    assert started.process.wait(60) == 0
    assert os.read(started.said, 1) == b""
    os.close(started.said)
    assert not (tmp_path / "s").exists() and not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("files", "joins", "expected"),
    [
        ([], False, True),
        ([], True, False),
        (["certificates/swarm-node.crt"], False, False),
        (["certificates/swarm-node.crt", "raft/"], False, True),
        (["certificates/swarm-node.crt", "raft/"], True, True),
        (["certificates/swarm-root-ca.key"], False, True),
    ],
)
def test_who_will_be_a_manager(tmp_path: Path, files: list[str], joins: bool, expected: bool) -> None:
    """A founder, and a node that was a manager before."""
    for name in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.touch()
    assert standby.is_likely(tmp_path, founds=not joins) is expected
