"""Real daemons of ours for tests and benchmarks: processes in private directories on free ports.

`Daemon` is a node daemon with its manager child. Everything it starts it ends, by id; a kill is a kill -9.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
from swarm_core.client import node_directory

from swarm_testkit.free_ports import free_port
from swarm_testkit.pace import LONGEST_S, pause_s

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T],
    *,
    seconds: float = 60,
    what: str = "the condition",
    longest_s: float = LONGEST_S,
) -> T:
    """The first true value of `condition`. The more a look takes the less often it is taken, but at least every `longest_s`: of what
    is true for a moment only. Raises TimeoutError that names `what` and its last value."""
    end = time.monotonic() + seconds
    while True:
        looked = time.monotonic()
        value = condition()
        if value:
            return value
        now = time.monotonic()
        if now > end:
            raise TimeoutError(f"{what} did not come true in {seconds} s; last seen: {value!r}")
        time.sleep(pause_s(now - looked, longest_s))


@contextlib.contextmanager
def private_directory() -> Iterator[Path]:
    """A short path (unix sockets allow 107 bytes) that is removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="st-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Daemon:
    """`swarm-agentd` on a state directory of its own. `enter` is a command that runs another in a network where this
    machine is `host`; `python` the one of the version to run, `log` where it
    logs to, if not in its state directory. One that answers docker's clients begins a cluster all the same, unless it
    `waits` to be told."""

    def __init__(
        self,
        state: Path,
        *flags: str,
        executors: str = "process",
        host: str = "127.0.0.1",
        enter: tuple[str, ...] = (),
        waits: bool = False,
        python: str = sys.executable,
        log: Path | None = None,
    ) -> None:
        self.state = state
        self.host = host
        self.enter = enter
        self.port = free_port()
        self.flags = flags if waits or "-H" not in flags else ("--begin-cluster", *flags)
        self.executors = executors
        self.python = python
        self.log = log or state / "test.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.state / "control.sock"

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def start(self) -> "Daemon":
        """Start it, or start it again on the same state."""
        assert self.process is None or self.process.poll() is not None
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [
            *self.enter, self.python, "-m", "swarm_agentd.main",
            "--state-dir", str(self.state),
            "--listen-control-api", str(self.socket),
            "--listen-remote-api", self.address,
            "--advertise-remote-api", self.address,
            "--executor", self.executors,
            *self.flags,
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def manager_pid(self) -> int | None:
        """The manager child, if it runs."""
        children: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.pid).children()
        for child in children:
            # The daemon has children that live for a moment only: those that start shims.
            with contextlib.suppress(psutil.NoSuchProcess):
                if any("managerd" in word for word in child.cmdline()):
                    return child.pid
        return None

    def kill(self) -> None:
        """kill -9 of the node daemon alone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def kill_all(self) -> None:
        """kill -9 of the node daemon and of its manager child. Of a daemon that is killed alone the manager ends by itself, and answers until then."""
        manager = self.manager_pid()
        self.kill()
        if manager is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(manager, signal.SIGKILL)
        wait_until(
            lambda: node_directory.left_over_manager(self.state) is None, what="the end of the manager"
        )

    def kill_manager(self) -> bool:
        """kill -9 of the manager child; False when there was none."""
        pid = self.manager_pid()
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
        return False

    def stop(self, seconds: float = 60) -> int:
        """End it politely; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def tail(self, lines: int = 40) -> str:
        """The end of its log, for a failing test."""
        return (
            "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""
        )

    def destroy(self) -> None:
        """End every process that belongs to this state directory: daemon, manager, shims and their tasks; returns when they have ended. The
        end of the log is printed where the daemon ended by itself: a failing test shows it."""
        if self.process is not None and self.process.poll():
            print(f"{self.address} ended with {self.process.returncode}:\n{self.tail()}")  # noqa: T201
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        killed: list[psutil.Process] = []
        for process in _of_state(self.state):
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in [*process.children(recursive=True), process]:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        child.kill()
                        killed.append(child)
        # Until then they hold their ports, which another daemon may be told to take, and write into the directory.
        wait_until(lambda: all(map(_has_ended, killed)), seconds=60, what="the end of what was killed")


def _has_ended(process: psutil.Process) -> bool:
    """Where nobody waits for orphans they stay zombies."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _of_state(state: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.pid != os.getpid() and any(str(state) in word for word in process.cmdline()):
                found.append(process)
    return found


@contextlib.contextmanager
def daemon(*flags: str, executors: str = "process") -> Iterator[Daemon]:
    """A running one-node swarm that is gone afterwards."""
    with private_directory() as directory:
        node = Daemon(directory / "s", *flags, executors=executors)
        try:
            yield node.start()
        finally:
            node.destroy()
