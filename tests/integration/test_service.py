"""This machine's node as a service of a real systemd."""

import os
import signal
from pathlib import Path

import pytest
from swarm_core.client import node_directory
from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.free_ports import free_port
from swarm_testkit.private_systemd import Systemd, private_systemd
from swarm_testkit.programs import TUI

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.timeout(240)]


def say(systemd: Systemd, *words: str) -> str:
    outcome = systemd.run(*TUI, *words)
    assert outcome.code == 0, f"{outcome.err}\n{systemd.log.read_text(errors='replace')[-4000:]}"
    return outcome.out


def daemon_of(state: Path) -> int:
    holder = node_directory.holder(state)
    return holder.process.pid if holder is not None and holder.process is not None else 0


def test_a_node_s_life_as_a_service() -> None:
    """Installed, it is up and ready; killed, it is started again, and its task runs on; ended, it stays so until 'up'; taken back, nothing of it
    runs or is written, and its state is there."""
    with private_systemd() as systemd, private_directory() as directory:
        state = directory / "s"
        node = Daemon(state)
        where = ("--state-dir", str(state))
        try:
            asked = ("--executor", "process", "--listen-remote-api", f"127.0.0.1:{free_port()}")
            told = say(systemd, "up", *where, *asked, "--install", "--scope", "user")
            (unit,) = (systemd.home / "config" / "systemd" / "user").glob("*.service")
            assert str(unit) in told and "enable-linger" in told
            assert systemd.shows(unit.name, "ActiveState") == "active"
            first = daemon_of(state)
            assert int(systemd.shows(unit.name, "MainPID")) == first
            ask = ("--socket", str(state / "control.sock"))
            say(
                systemd,
                *ask,
                "service",
                "create",
                "--name",
                "web",
                "--runtime",
                "process",
                "--",
                "sleep",
                "86401",
            )
            task = wait_until(sleeping, what="the task's process")

            os.kill(first, signal.SIGKILL)
            second = wait_until(
                lambda: (found := daemon_of(state)) not in (0, first) and found,
                seconds=60,
                what="a new daemon",
            )
            wait_until(lambda: systemd.shows(unit.name, "ActiveState") == "active", what="it is ready")
            assert Path(f"/proc/{task}").exists()

            say(systemd, "down", *where)
            wait_until(lambda: systemd.shows(unit.name, "ActiveState") == "inactive", what="it has ended")
            assert daemon_of(state) == 0 and Path(f"/proc/{task}").exists()
            refused = systemd.run(*TUI, "up", "-d", *where, "--metrics-addr", "127.0.0.1:1")
            assert refused.code == 1 and "give 'swarm-tui up --install' the options" in refused.err
            say(systemd, "up", "-d", *where)
            assert systemd.shows(unit.name, "ActiveState") == "active" and daemon_of(state) not in (0, second)

            assert str(unit) in say(systemd, "up", *where, "--uninstall")
            assert daemon_of(state) == 0 and not unit.exists() and (state / "raft").is_dir()
            assert systemd.run("systemctl", "--user", "is-enabled", unit.name).code != 0
            again = systemd.run(*TUI, "up", *where, "--uninstall")
            assert again.code == 1 and "is no service of systemd" in again.err
        finally:
            node.destroy()


def sleeping() -> int:
    """The process of the task."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == b"sleep\x0086401\x00":
                return int(path.parent.name)
        except OSError:
            continue
    return 0
