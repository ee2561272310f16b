"""The manager as a process: how it is started, watched and ended.

Rules: the manager never outlives its daemon (it ends when its standard input closes); a manager that a killed daemon
left behind is waited for, and killed if it stays, before the next one starts. Unlock keys go through pipes alone: the
one that opens the key file in by standard input, those that come later out by standard output, each before it is used.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil
from swarm_core.ca.errors import InvalidToken
from swarm_core.ca.files import write_atomic
from swarm_core.ca.tokens import format_unlock_key, parse_unlock_key
from swarm_core.runtime.clock import Clock

_log = logging.getLogger(__name__)
_STOP_S = 10.0
_LEFT_OVER_S = 5.0
_POLL_S = 0.02
_READ_BYTES = 4096


@dataclass(frozen=True, slots=True)
class ToldKey:
    """An unlock key that a manager is about to put its key file under. `locks`: the file was in the clear, of which the
    manager alone can be sure: by the time that somebody else looks it has changed."""

    key: bytes
    locks: bool


class ManagerProcess(Protocol):
    """Port: one running manager."""

    async def wait(self) -> int:
        """Its exit code, negative for a signal."""

    async def next_unlock_key(self) -> ToldKey | None:
        """The next unlock key that it puts its key file under; None once it has ended."""

    async def stop(self) -> None:
        """End it politely, or by force when it does not; returns when it has ended."""


@dataclass(frozen=True, slots=True)
class Launch:
    """`unlock_key` opens the key file; `join` is the address of a manager whose cluster a new manager joins.
    `force_new_cluster`: the other managers are lost."""

    unlock_key: bytes | None = None
    join: str = ""
    force_new_cluster: bool = False


class Launcher(Protocol):
    """Port: starts managers, one at a time."""

    async def launch(self, how: Launch) -> ManagerProcess:
        """Start one. Raises OSError."""


class ChildProcess:
    """A manager that is a child of this process. `lifeline` is the other end of its standard input, `said` of its standard
    output; both are plain pipes of ours, which no event loop closes before their time."""

    def __init__(self, process: asyncio.subprocess.Process, lifeline: int, said: int) -> None:
        self._process, self._lifeline = process, lifeline
        self._said = _PipeReader(said)

    async def wait(self) -> int:
        return await self._process.wait()

    async def next_unlock_key(self) -> ToldKey | None:
        while line := await self._said.line():
            key, _, more = line.decode(errors="replace").strip().partition(" ")
            try:
                return ToldKey(parse_unlock_key(key), locks=more == "locks")
            except InvalidToken:
                _log.warning("the manager said something that is no unlock key")
        return None

    async def stop(self) -> None:
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_S)
        except TimeoutError:
            _log.warning("the manager did not end within %g s; it is killed", _STOP_S)
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        finally:
            self._said.close()
            if self._lifeline >= 0:
                os.close(self._lifeline)
                self._lifeline = -1


class _PipeReader:
    """The lines that come through a pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines = asyncio.StreamReader()
        self._loop = asyncio.get_running_loop()
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._readable)

    async def line(self) -> bytes:
        """The next line; empty at the end."""
        return await self._lines.readline()

    def close(self) -> None:
        """Read no more."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
            self._lines.feed_eof()

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self._lines.feed_data(data)
        else:
            self.close()


class CommandLauncher:
    """Starts the command `swarm-managerd` with flags."""

    def __init__(self, flags: Sequence[str], pid_file: Path, clock: Clock) -> None:
        self._flags, self._pid_file, self._clock = tuple(flags), pid_file, clock

    async def launch(self, how: Launch) -> ChildProcess:
        await self._end_left_over()
        flags = [*self._flags, "--until-stdin-closes"]
        if how.join:
            flags += ["--join-addr", how.join]
        if how.force_new_cluster:
            flags.append("--force-new-cluster")
        if how.unlock_key is not None:
            flags.append("--unlock-key-on-stdin")
        with ExitStack() as ends:
            stdin, lifeline = _pipe(ends)
            said, stdout = _pipe(ends)
            if how.unlock_key is not None:
                os.write(lifeline, f"{format_unlock_key(how.unlock_key)}\n".encode())
            process = await asyncio.create_subprocess_exec(
                *manager_command(), *flags, stdin=stdin, stdout=stdout, start_new_session=True
            )
            self._record(process.pid)
            # The child has its own copies of its ends.
            ends.pop_all()
            os.close(stdin)
            os.close(stdout)
        return ChildProcess(process, lifeline, said)

    def _record(self, pid: int) -> None:
        """Write down who runs, for a daemon that finds it left behind."""
        try:
            record = {"pid": pid, "created": psutil.Process(pid).create_time()}
            write_atomic(self._pid_file, json.dumps(record).encode(), 0o600)
        except psutil.NoSuchProcess:
            pass  # it has ended already
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._pid_file, error.strerror)

    async def _end_left_over(self) -> None:
        left = self._left_over()
        deadline = self._clock.monotonic() + _LEFT_OVER_S
        while left is not None and _runs(left):
            if self._clock.monotonic() > deadline:
                _log.warning("the manager of an earlier daemon (process %d) is killed", left.pid)
                with suppress(psutil.NoSuchProcess):
                    left.kill()
            await self._clock.sleep(_POLL_S)

    def _left_over(self) -> psutil.Process | None:
        try:
            record = json.loads(self._pid_file.read_text())
            process = psutil.Process(record["pid"])
            return process if process.create_time() == record["created"] else None
        except (FileNotFoundError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
            return None


def _pipe(ends: ExitStack) -> tuple[int, int]:
    """The ends for reading and writing, closed with `ends`."""
    reading, writing = os.pipe()
    ends.callback(os.close, reading)
    ends.callback(os.close, writing)
    return reading, writing


def manager_command() -> list[str]:
    """How to run the manager: the command installed beside this program, else the module of the same name."""
    beside = Path(sys.executable).parent / "swarm-managerd"
    if os.access(beside, os.X_OK):
        return [str(beside)]
    return [sys.executable, "-m", "swarm_core.managerd.main"]


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
