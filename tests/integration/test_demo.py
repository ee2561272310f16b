"""`swarm-tui demo` goes as it came: whatever ends it, nothing runs on and nothing stays on disk."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from swarm_testkit.daemons import private_directory, wait_until
from swarm_testkit.host import lacking
from swarm_testkit.programs import TUI
from swarm_testkit.terminal import COMMAND, Terminal

pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]


@pytest.fixture
def home() -> Iterator[Path]:
    with private_directory() as directory:
        try:
            yield directory
        finally:
            for process in of(directory):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()


def of(directory: Path) -> list[psutil.Process]:
    """Everything that was started with its state below this directory."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            is_ours = process.environ().get("XDG_STATE_HOME") == str(directory)
            if (
                is_ours
                and process.status() != psutil.STATUS_ZOMBIE
                and "swarm" in " ".join(process.cmdline())
            ):
                found.append(process)
    return found


def kept(home: Path) -> list[Path]:
    return sorted(home.glob("swarm-tui-demo/*"))


def headless(home: Path) -> "subprocess.Popen[str]":
    """A demo that has said where it is."""
    demo = subprocess.Popen(
        [*TUI, "demo", "--nodes", "2", "--headless"],
        env={**os.environ, "XDG_STATE_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert demo.stdout is not None
    assert "The demo cluster is at" in demo.stdout.readline(), demo.communicate()[1]
    return demo


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end(home: Path, number: signal.Signals) -> None:
    """A kill and a closed terminal end the demo with all that it started, without a word."""
    with headless(home) as demo:
        assert len(of(home)) >= 4
        demo.send_signal(number)
        _, said = demo.communicate(timeout=90)
    assert (demo.returncode, said) == (128 + number, "")
    assert (of(home), kept(home)) == ([], [])


def test_killed(home: Path) -> None:
    """After kill -9 its helpers end by themselves, and the next demo removes what it kept; a living one's stays."""
    with headless(home) as living, headless(home) as killed:
        both = kept(home)
        assert len(both) == 2
        killed.kill()
        killed.communicate(timeout=90)
        rest = psutil.Process(living.pid)
        wait_until(
            lambda: (
                {one.pid for one in of(home)}
                == {rest.pid, *(child.pid for child in rest.children(recursive=True))}
            ),
            what="the end of the killed demo's helpers",
        )
        with headless(home) as third:
            (new,) = set(kept(home)) - set(both)
            assert len(kept(home)) == 2, "the living demo's directory and the new one"
            assert new.exists()
            third.send_signal(signal.SIGTERM)
            third.communicate(timeout=90)
        living.send_signal(signal.SIGTERM)
        living.communicate(timeout=90)
    assert (of(home), kept(home)) == ([], [])


def test_its_terminal_is_closed(home: Path) -> None:
    """Closing the window of a demo leaves no process and no directory."""
    if shutil.which("tmux") is None:
        lacking("tmux is not installed")
    terminal = Terminal(home, 120, 40)
    try:
        terminal.type(f"XDG_STATE_HOME={home} exec {COMMAND} demo --nodes 2")
        terminal.press("Enter")
        terminal.until("metrics", seconds=60)
        assert len(of(home)) >= 4
    finally:
        terminal.close()
    wait_until(lambda: not of(home), what="the end of everything")
    wait_until(lambda: not kept(home), what="the end of its directory")
