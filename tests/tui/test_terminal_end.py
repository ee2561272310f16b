"""The dashboard and its terminal, a real one: left in order however it ends, and noticed when it goes away."""

import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest
from swarm_testkit.daemons import wait_until
from swarm_testkit.fake_engines.beside import engines_beside

START_S = 120.0
"""So long a busy machine may take to start the program or to end it."""
COMMAND = str(Path(sys.executable).parent / "swarm-tui")
TESTS = Path(__file__).parent.parent
PROGRAM = """
import asyncio, sys
from swarm_testkit.cluster_fake import lively_cluster
from swarm_testkit.dashboard import dashboard_of
app = dashboard_of(lively_cluster())
asyncio.run(app.run_async())
sys.exit(app.return_code)
"""
PROGRAM_WOKEN_AT_ITS_END = """
import asyncio, os, signal, sys
from swarm_testkit.cluster_fake import lively_cluster
from swarm_testkit.dashboard import dashboard_of
app = dashboard_of(lively_cluster())
async def run():
    await app.run_async()
    os.kill(os.getpid(), signal.SIGCONT)
    await asyncio.sleep(0)
asyncio.run(run())
sys.exit(app.return_code)
"""


class Seat:
    """A pseudo terminal, and a program in it."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        termios.tcsetwinsize(self.theirs, (40, 132))
        self.before = termios.tcgetattr(self.theirs)
        self.seen = b""
        self.program: subprocess.Popen[bytes] | None = None

    def start(self, *command: str, term: str = "xterm-256color", ignores: int | None = None) -> None:
        def prepare() -> None:
            os.setsid()
            if ignores is not None:
                signal.signal(ignores, signal.SIG_IGN)

        self.program = subprocess.Popen(
            command,
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            env={**os.environ, "TERM": term, "PYTHONPATH": str(TESTS), "LANG": "C.UTF-8"},
            preexec_fn=prepare,
        )
        os.set_blocking(self.ours, False)

    def read(self) -> bytes:
        """All that was written so far."""
        try:
            while chunk := os.read(self.ours, 65536):
                self.seen += chunk
        except (BlockingIOError, OSError):
            pass
        return self.seen

    def until(self, text: bytes) -> None:
        wait_until(lambda: text in self.read(), seconds=START_S, what=f"{text!r} in the terminal")

    def hang_up(self) -> None:
        """Close the terminal."""
        os.close(self.theirs)
        os.close(self.ours)
        self.ours = self.theirs = -1

    def exit_code(self) -> int:
        assert self.program is not None

        def has_ended() -> bool:
            if self.ours >= 0:
                self.read()
            return self.program.poll() is not None

        wait_until(has_ended, seconds=START_S, what="the program's end")
        return self.program.returncode

    def close(self) -> None:
        if self.program is not None and self.program.poll() is None:
            self.program.kill()
            self.program.wait()
        for end in (self.ours, self.theirs):
            if end >= 0:
                os.close(end)


@pytest.fixture
def seat() -> Iterator[Seat]:
    one = Seat()
    yield one
    one.close()


@pytest.fixture
def dashboard(seat: Seat) -> Seat:
    seat.start(sys.executable, "-c", PROGRAM)
    seat.until(b"prod-eu")
    seat.until(b"billing")
    return seat


def is_in_order(seat: Seat) -> bool:
    """Whether the terminal is as it was: its modes, its cursor, no mouse, its own screen."""
    seen = seat.read()
    modes = termios.tcgetattr(seat.theirs)[:4] == seat.before[:4]
    last = {mode: max(seen.rfind(b"\x1b[?" + mode + b"h"), 0) for mode in (b"1049", b"1003", b"25")}
    off = {mode: max(seen.rfind(b"\x1b[?" + mode + b"l"), 0) for mode in (b"1049", b"1003", b"25")}
    return (
        modes and off[b"1049"] > last[b"1049"] and off[b"1003"] > last[b"1003"] and last[b"25"] > off[b"25"]
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_it_leaves_the_terminal_in_order(dashboard, number):
    """After SIGTERM or SIGHUP the terminal is as it was; the exit code tells the signal."""
    assert not is_in_order(dashboard)
    dashboard.program.send_signal(number)
    assert dashboard.exit_code() == 128 + number
    assert is_in_order(dashboard)


def test_a_terminal_that_goes_away_ends_it(seat):
    """Closed without a signal, as under nohup: the dashboard ends instead of reading for ever."""
    seat.start(sys.executable, "-c", PROGRAM, ignores=signal.SIGHUP)
    seat.until(b"billing")
    seat.hang_up()
    assert seat.exit_code() == 128 + signal.SIGHUP


def test_ctrl_z_goes_back_to_the_shell(dashboard):
    """ctrl+z stops the program and puts the terminal in order; when it is woken it draws itself again."""
    process = psutil.Process(dashboard.program.pid)
    os.write(dashboard.ours, b"\x1a")

    def has_stopped() -> bool:
        dashboard.read()
        return process.status() == psutil.STATUS_STOPPED

    wait_until(has_stopped, what="a stopped program")
    wait_until(lambda: is_in_order(dashboard), what="a terminal in order")
    dashboard.seen = b""
    process.send_signal(signal.SIGCONT)
    dashboard.until(b"billing")
    os.write(dashboard.ours, b"\x11")
    assert dashboard.exit_code() == 0
    assert is_in_order(dashboard)


def test_who_is_woken_awake_reads_once(dashboard):
    """SIGCONT without a stop before it, as a closed terminal sends it: no reader is left behind that keeps the program from ending."""
    process = psutil.Process(dashboard.program.pid)
    for _ in range(5):
        dashboard.seen = b""
        process.send_signal(signal.SIGCONT)
        dashboard.until(b"billing")
    process.send_signal(signal.SIGTERM)
    assert dashboard.exit_code() == 128 + signal.SIGTERM
    assert is_in_order(dashboard)


def test_who_is_woken_at_the_end_ends(seat):
    """SIGCONT when the terminal was given back already: nothing is begun anew."""
    seat.start(sys.executable, "-c", PROGRAM_WOKEN_AT_ITS_END)
    seat.until(b"billing")
    os.write(seat.ours, b"\x11")
    assert seat.exit_code() == 0
    assert is_in_order(seat)


def test_a_terminal_without_a_cursor_is_refused(seat, tmp_path):
    """TERM=dumb: a sentence and exit code 2, not a program that spins."""
    seat.start(COMMAND, "--socket", str(tmp_path / "none"), term="dumb")
    assert seat.exit_code() == 2
    assert b"a terminal that can place its cursor, and TERM is dumb" in seat.read()


def test_the_dashboard_of_engines_goes_and_comes_as_the_other(seat):
    """`engine ui`: ctrl+z stops it with the terminal in order, woken it draws itself again, and SIGTERM leaves the terminal as it was."""
    with (
        TemporaryDirectory(prefix="fe-") as directory,
        engines_beside(Path(directory), 1, containers=1) as beside,
    ):
        seat.start(COMMAND, "engine", "ui", "--engines", beside.urls[0])
        seat.until(b"healthy")
        process = psutil.Process(seat.program.pid)
        os.write(seat.ours, b"\x1a")

        def has_stopped() -> bool:
            seat.read()
            return process.status() == psutil.STATUS_STOPPED

        wait_until(has_stopped, what="a stopped program")
        wait_until(lambda: is_in_order(seat), what="a terminal in order")
        seat.seen = b""
        process.send_signal(signal.SIGCONT)
        seat.until(b"healthy")
        process.send_signal(signal.SIGTERM)
        assert seat.exit_code() == 128 + signal.SIGTERM
        assert is_in_order(seat)


def test_the_dashboard_of_engines_ends_with_its_terminal(seat):
    """Closed without a signal it ends as well."""
    with TemporaryDirectory(prefix="fe-") as directory, engines_beside(Path(directory), 1) as beside:
        seat.start(COMMAND, "engine", "ui", "--engines", beside.urls[0], ignores=signal.SIGHUP)
        seat.until(b"healthy")
        seat.hang_up()
        assert seat.exit_code() == 128 + signal.SIGHUP
