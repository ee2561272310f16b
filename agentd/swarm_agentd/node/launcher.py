"""The manager as a process: how it is started, watched and ended.

Rules: the manager never outlives its daemon (it ends when its standard input closes); a manager that a killed daemon
left behind is waited for, and killed if it stays, before the next one starts. Unlock keys go through pipes alone: the
one that opens the key file in by standard input, those that come later out by standard output, each before it is used.
By standard output a manager says, too, that it serves, now and then that its loop turns, and at last why it gave up.
"""

import asyncio
import json
import logging
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from swarm_core.api.json_text import json_of
from swarm_core.ca.errors import InvalidToken
from swarm_core.ca.files import write_atomic
from swarm_core.ca.tokens import format_unlock_key, parse_unlock_key
from swarm_core.runtime import heartbeat, lifeline
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.processes import ProcessId, starved_s

from swarm_agentd.exec.pidfd import until_ended
from swarm_agentd.node import standby
from swarm_agentd.node.standby import Standby

_log = logging.getLogger(__name__)
_STOP_S = 10.0
_LEFT_OVER_S = 5.0
_POLL_S = 0.02
_READ_BYTES = 4096
_SERVING = "serving"
_GAVE_UP = "gave-up"


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
        """The next unlock key that it puts its key file under; None once it has ended. Whoever runs a manager must ask on."""

    async def until_serving(self) -> None:
        """Return when it has said that its control socket serves; never if it does not."""

    @property
    def last_words(self) -> str:
        """The sentence with which it gave up; empty where it said none. Heard while `next_unlock_key` is waited for."""

    @property
    def beats(self) -> int:
        """How often its event loop has said that it turns. Heard while `next_unlock_key` is waited for."""

    def set_log_level(self, level: str) -> None:
        """Tell it to log from this level on."""

    def starved_s(self) -> float:
        """For how long its event loop has wanted a processor and had none, as far as the kernel tells."""

    async def stop(self) -> None:
        """End it politely, or by force when it does not; returns when it has ended, and not before when it is cancelled."""


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

    def dismiss(self) -> None:
        """No manager is needed for now: one that stands by may go."""


class ChildProcess:
    """A manager that is a child of this process and has its orders."""

    def __init__(self, started: Standby) -> None:
        self._process, self._lifeline = started.process, started.lifeline
        self._said = _PipeReader(started.said)
        self._serving = asyncio.Event()
        self.beats = 0
        self.last_words = ""

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def set_log_level(self, level: str) -> None:
        with suppress(BrokenPipeError):  # it has ended, and whoever waits for it hears of it
            os.write(self._lifeline, f"{lifeline.LOG_LEVEL} {level}\n".encode())

    def starved_s(self) -> float:
        return starved_s(self._process.pid)

    async def wait(self) -> int:
        while (code := self._process.poll()) is None:
            descriptor = os.pidfd_open(self._process.pid)
            try:
                await until_ended(descriptor)
            finally:
                os.close(descriptor)
        return code

    async def until_serving(self) -> None:
        await self._serving.wait()

    async def next_unlock_key(self) -> ToldKey | None:
        while line := await self._said.line():
            key, _, more = line.decode(errors="replace").strip().partition(" ")
            if key == _SERVING:
                self._serving.set()
                continue
            if key == heartbeat.WORD:
                self.beats += 1
                continue
            if key == _GAVE_UP:
                self.last_words = more
                continue
            try:
                return ToldKey(parse_unlock_key(key), locks=more == "locks")
            except InvalidToken:
                _log.warning("the manager said something that is no unlock key")
        return None

    async def stop(self) -> None:
        cancelled: asyncio.CancelledError | None = None
        self._process.terminate()
        while True:
            try:
                await asyncio.wait_for(self.wait(), _STOP_S)
                break
            except TimeoutError:
                _log.warning("the manager did not end within %g s; it is killed", _STOP_S)
                self._process.kill()
            except asyncio.CancelledError as error:
                # What follows relies on its having ended: its files are removed, or the next one begins.
                cancelled = error
        self._said.close()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        if cancelled is not None:
            raise cancelled


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
    """Starts the command `swarm-managerd` with flags. `early` was started with the same ones, for the first launch."""

    def __init__(
        self, flags: Sequence[str], pid_file: Path, clock: Clock, *, early: Standby | None = None
    ) -> None:
        self._flags, self._pid_file, self._clock = tuple(flags), pid_file, clock
        self._early = early

    def dismiss(self) -> None:
        early, self._early = self._early, None
        if early is not None:
            early.dismiss()

    async def launch(self, how: Launch) -> ChildProcess:
        await self._end_left_over()
        started = self._take()
        try:
            os.write(started.lifeline, _orders(how))
        except BrokenPipeError:
            pass  # it has ended already, and whoever waits for it hears of it
        self._record(started.process.pid)
        return ChildProcess(started)

    def _take(self) -> Standby:
        early, self._early = self._early, None
        if early is not None:
            if early.is_alive:
                return early
            early.dismiss()
        return standby.start(self._flags)

    def _record(self, pid: int) -> None:
        """Write down who runs, for a daemon that finds it left behind."""
        try:
            write_atomic(self._pid_file, json.dumps(ProcessId.of(pid).record()).encode(), 0o600)
        except ProcessLookupError:
            pass  # it has ended already
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._pid_file, error.strerror)

    async def _end_left_over(self) -> None:
        left = self._left_over()
        deadline = self._clock.monotonic() + _LEFT_OVER_S
        while left is not None and left.is_alive():
            if self._clock.monotonic() > deadline:
                _log.warning("the manager of an earlier daemon (process %d) is killed", left.pid)
                left.send(signal.SIGKILL)
            await self._clock.sleep(_POLL_S)

    def _left_over(self) -> ProcessId | None:
        try:
            return ProcessId.from_record(json_of(self._pid_file.read_text()))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None


def _orders(how: Launch) -> bytes:
    """What a manager is told when it may begin (swarm_core.managerd.orders)."""
    key = "" if how.unlock_key is None else format_unlock_key(how.unlock_key)
    orders = {"unlock_key": key, "join_addr": how.join, "force_new_cluster": how.force_new_cluster}
    return json.dumps(orders).encode() + b"\n"
