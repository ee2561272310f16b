"""A command beside a process task: as its user, in its directory, environment and control groups (docs/design/exec.md 15.2).

It ends by itself. When nobody is there any more its terminal hangs up, and without a terminal its process group is killed.
"""

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from swarm_core.api.proto.exec_pb2 import ExecInput, ExecSpec, TerminalSize
from swarm_core.runtime.tasks import Group

from swarm_agentd.exec.commands import Typed, Write, output
from swarm_agentd.exec.descriptors import pieces, write_all
from swarm_agentd.exec.errors import InvalidTask, Missing
from swarm_agentd.exec.pidfd import until_ended
from swarm_agentd.executors.process import enter
from swarm_agentd.executors.process.plan import find_program, find_user

_END_OF_INPUT: Final = b"\x04"
_LAST_S: Final = 0.5
"""Output of a command that has ended may still be on its way; who keeps its output open is not waited for."""


async def run(spec: ExecSpec, launch: dict[str, Any], typed: Typed, write: Write) -> int:
    """Run what is asked for beside the process of `launch`; its exit code. Cancelling ends it. Raises Missing, InvalidTask, or OSError."""
    size = spec.terminal if spec.HasField("terminal") else None
    command = await asyncio.to_thread(_start, order_of(spec, launch), size)
    try:
        async with Group() as group:
            await _attended(command, group, typed, write)
            group.cancel_all()
    finally:
        await command.end()
    return command.code


async def _attended(command: "_Command", group: Group, typed: Typed, write: Write) -> None:
    """Return when the command has ended and all it wrote is told, or when nobody is there any more."""
    copies = [_Copy(command.written, "stdout", write)]
    if not command.has_terminal:
        copies.append(_Copy(command.complaints, "stderr", write))
    readers = [group.spawn(one.run(), name="command output") for one in copies]
    ended = group.spawn(until_ended(command.pidfd), name="command end")
    attended = group.spawn(command.take(typed), name="command input")
    await asyncio.wait((ended, attended), return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        return
    moved = -1
    while not all(one.done() for one in readers) and not attended.done():
        # Who keeps the output open without writing is not waited for.
        if moved == (moved := sum(one.count for one in copies)) and not any(one.is_held for one in copies):
            return
        await asyncio.wait((*readers, attended), timeout=_LAST_S, return_when=asyncio.FIRST_COMPLETED)


class _Copy:
    """What comes from one descriptor. `is_held` while whoever reads it is waited for."""

    def __init__(self, fd: int, stream: str, write: Write) -> None:
        self._fd, self._stream, self._write = fd, stream, write
        self.count = 0
        self.is_held = False

    async def run(self) -> None:
        async for piece in pieces(self._fd):
            self.is_held = True
            await self._write(output(self._stream, piece))
            self.is_held = False
            self.count += 1


def order_of(spec: ExecSpec, launch: dict[str, Any]) -> dict[str, Any]:
    """What `enter` is told. Raises Missing or InvalidTask."""
    env = dict(launch["env"])
    for entry in spec.env:
        name, separator, value = entry.partition("=")
        if not name or not separator:
            raise InvalidTask(f"{entry!r} is no NAME=value")
        env[name] = value
    where = spec.directory or launch["dir"]
    if not Path(where).is_dir():
        raise Missing(f"directory {where} does not exist")
    user = launch["user"]
    if spec.user:
        found = find_user(spec.user)
        user = None if found is None else {"uid": found.uid, "gid": found.gid, "groups": list(found.groups)}
    return {
        "program": find_program(spec.command[0], env["PATH"], where),
        "argv": list(spec.command),
        "env": env,
        "dir": where,
        "user": user,
        "cgroup_procs": launch["cgroup_procs"],
        "terminal": spec.HasField("terminal"),
    }


def _start(order: dict[str, Any], size: TerminalSize | None) -> "_Command":
    opened: list[int] = []

    def pipe() -> tuple[int, int]:
        ends = os.pipe()
        opened.extend(ends)
        return ends

    try:
        order_read, order_write = pipe()
        complaint_read, complaint_write = pipe()
        if size is None:
            (in_read, in_write), (out_read, out_write), (err_read, err_write) = pipe(), pipe(), pipe()
            theirs, ours = (in_read, out_write, err_write), (in_write, out_read, err_read)
        else:
            master, slave = pty.openpty()
            opened.extend((master, slave))
            _resize(master, size)
            theirs, ours = (slave, slave, slave), (master, master, -1)
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", "-S", "-E", enter.__file__, str(order_read), str(complaint_write)],
            stdin=theirs[0], stdout=theirs[1], stderr=theirs[2], pass_fds=(order_read, complaint_write), cwd="/",
        )  # fmt: skip
        for fd in {order_read, complaint_write, *theirs}:
            os.close(fd)
            opened.remove(fd)
        os.write(order_write, json.dumps(order).encode())
        os.close(order_write)
        opened.remove(order_write)
        complaint = b"".join(iter(lambda: os.read(complaint_read, 4096), b"")).decode(errors="replace")
        os.close(complaint_read)
        opened.remove(complaint_read)
        if complaint:
            process.wait()
            raise Missing(complaint)
    except BaseException:
        for fd in opened:
            with suppress(OSError):
                os.close(fd)
        raise
    for fd in {fd for fd in ours if fd >= 0}:
        os.set_blocking(fd, False)
    return _Command(process, *ours)


def _resize(fd: int, size: TerminalSize) -> None:
    with suppress(termios.error):
        termios.tcsetwinsize(fd, (size.rows, size.columns))


class _Command:
    """`typed`, `written` and `complaints` are our ends; of a terminal the first two are one, and there is no third (-1)."""

    def __init__(self, process: "subprocess.Popen[bytes]", typed: int, written: int, complaints: int) -> None:
        self._process = process
        self._typed, self.written, self.complaints = typed, written, complaints
        self.pidfd = os.pidfd_open(process.pid)

    @property
    def has_terminal(self) -> bool:
        return self.complaints < 0

    @property
    def code(self) -> int:
        """As shells tell it: 128 and the signal's number where one ended it."""
        returned = self._process.wait()
        return 128 - returned if returned < 0 else returned

    async def take(self, typed: Typed) -> None:
        """Pass on what is typed until nobody is there any more. A command that reads no more, or has ended, takes nothing."""
        async for one in typed:
            with suppress(OSError):
                await self._give(one)

    async def _give(self, one: ExecInput) -> None:
        match one.WhichOneof("what"):
            case "data" if self._typed >= 0:
                await write_all(self._typed, one.data)
            case "size" if self.has_terminal:
                _resize(self._typed, one.size)
            case "end" if self.has_terminal:
                # What a person would type.
                await write_all(self._typed, _END_OF_INPUT)
            case "end" if self._typed >= 0:
                os.close(self._typed)
                self._typed = -1

    async def end(self) -> None:
        """End what still runs, and free everything."""
        if self._process.poll() is None:
            self._send(signal.SIGHUP if self.has_terminal else signal.SIGKILL)
        for fd in {self._typed, self.written, self.complaints} - {-1}:
            os.close(fd)
        self._typed = -1
        try:
            async with asyncio.timeout(_LAST_S):
                await until_ended(self.pidfd)
        except TimeoutError:
            self._send(signal.SIGKILL)
            await until_ended(self.pidfd)
        self._process.wait()
        os.close(self.pidfd)

    def _send(self, number: int) -> None:
        """To the whole session: the command leads it, and its process group."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
