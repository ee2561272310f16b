"""State and temporary directories of any name and length: what is a sign elsewhere is a letter of a path here."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.free_ports import free_port
from swarm_testkit.programs import LIMIT_S, TUI

pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]
NAMES = (
    b"%41",
    b"a #b?c=d&e;f'g\"h",
    "schön 服务".encode(),
    b"\xff not UTF-8",
    b"l" * 90,
    b"l" * 250,
    b"[a]*{b}",
)


@pytest.fixture
def home() -> Iterator[Path]:
    with private_directory() as directory:
        yield directory


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:12])
def test_a_node_lives_there(home: Path, name: bytes) -> None:
    """A node begins, runs a task, is asked, ends and comes back, and needs nothing of the temporary directory."""
    base = home / os.fsdecode(name)
    state, temporary = base / "state", base / "tmp"
    temporary.mkdir(parents=True)
    environment = {**os.environ, "TMPDIR": str(temporary), "XDG_STATE_HOME": str(base)}

    listen = f"127.0.0.1:{free_port()}"

    def tui(*words: str) -> str:
        done = subprocess.run(
            [*TUI, *words], env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S, check=False
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.decode(errors="replace")

    there = ("--socket", str(state / "control.sock"))
    try:
        tui(
            "up",
            "--detach",
            "--executor",
            "process",
            "--listen-remote-api",
            listen,
            "--state-dir",
            str(state),
        )
        tui(
            *there,
            "service",
            "create",
            "--detach",
            "--name",
            "one",
            "--runtime",
            "process",
            "--",
            "sleep",
            "600",
        )
        wait_until(lambda: "1/1" in tui(*there, "service", "ls"), what="the task")
        assert list(temporary.iterdir()) == []
        tui("down", "--stop-tasks", "--state-dir", str(state))
        tui("up", "--detach", "--state-dir", str(state))
        wait_until(lambda: "1/1" in tui(*there, "service", "ls"), what="the task, again")
        tui("down", "--stop-tasks", "--state-dir", str(state))
    finally:
        Daemon(state).destroy()
    assert not [path for path in state.iterdir() if path.name.startswith(".")], (
        "a place for a socket was left"
    )
