"""A command inside a task with this program's own terminal, or its pipes (docs/design/exec.md 15.3)."""

import asyncio
import os
import signal
import sys
import termios
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from swarm_core.api.proto.exec_pb2 import ExecInput, ExecOutput, ExecSpec, TerminalSize
from swarm_core.client.control import Control
from swarm_core.client.errors import ClientError

_PIECE: Final = 32 * 1024
_STDIN, _STDOUT, _STDERR = 0, 1, 2


class NotRun(Exception):
    """The command could not be run; the text is the rest of a sentence."""


@dataclass(frozen=True, slots=True)
class Here:
    """What of this program the command has: a terminal, which is raw meanwhile, or pipes; `reads` says whether input is passed on."""

    has_terminal: bool
    reads: bool


async def run_here(control: Control, spec: ExecSpec, here: Here) -> int:
    """Run it to its end; its exit code. Raises NotRun, CallFailed or Unreachable."""
    if here.has_terminal:
        spec.terminal.CopyFrom(_size())
    inputs: asyncio.Queue[ExecInput | None] = asyncio.Queue(4)
    with _raw(is_wanted=here.has_terminal), _resized(inputs, is_wanted=here.has_terminal):
        async with asyncio.TaskGroup() as group:
            following = group.create_task(_outcome(control, spec, inputs))
            reading = group.create_task(_read(inputs) if here.reads else inputs.put(None))
            await asyncio.wait([following])
            reading.cancel()
    outcome = following.result()
    # A failure is raised out here: in the group it would come out as a group of failures.
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def _outcome(
    control: Control, spec: ExecSpec, inputs: "asyncio.Queue[ExecInput | None]"
) -> int | NotRun | ClientError:
    try:
        return await _followed(control, spec, inputs)
    except (NotRun, ClientError) as failure:
        return failure


async def _followed(control: Control, spec: ExecSpec, inputs: "asyncio.Queue[ExecInput | None]") -> int:
    async with aclosing(control.run_in_task(spec, _until_none(inputs))) as outputs:  # type: ignore[type-var]
        async for output in outputs:
            if not output.HasField("end"):
                _write(output)
            elif output.end.error:
                raise NotRun(output.end.error)
            else:
                return int(output.end.exit_code)
    raise NotRun("the connection ended before the command did")


async def _until_none(inputs: "asyncio.Queue[ExecInput | None]") -> AsyncIterator[ExecInput]:
    while (one := await inputs.get()) is not None:
        yield one


async def _read(inputs: "asyncio.Queue[ExecInput | None]") -> None:
    """Pass on what comes at standard input, to its end."""
    data = b"-"
    try:
        while data:
            await _until_readable()
            data = os.read(_STDIN, _PIECE)
            await inputs.put(ExecInput(data=data) if data else None)
    except PermissionError:
        # A plain file is always ready, and no event loop watches it.
        await _read_file(inputs)


async def _until_readable() -> None:
    """Watched anew each time: a second notice of the same input would make the next read wait, and everything with it."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(_STDIN, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(_STDIN)


async def _read_file(inputs: "asyncio.Queue[ExecInput | None]") -> None:
    while data := await asyncio.to_thread(os.read, _STDIN, _PIECE):
        await inputs.put(ExecInput(data=data))
    await inputs.put(None)


def _write(output: ExecOutput) -> None:
    for fd, data in ((_STDOUT, output.stdout), (_STDERR, output.stderr)):
        while data:
            data = data[os.write(fd, data) :]


def _size() -> TerminalSize:
    rows, columns = termios.tcgetwinsize(_STDOUT)
    return TerminalSize(rows=rows, columns=columns)


@contextmanager
def _raw(*, is_wanted: bool) -> Iterator[None]:
    """Every key goes to the command; the terminal is as before afterwards."""
    if not is_wanted:
        yield
        return
    before = termios.tcgetattr(_STDIN)
    tty.setraw(_STDIN)
    try:
        yield
    finally:
        termios.tcsetattr(_STDIN, termios.TCSADRAIN, before)


@contextmanager
def _resized(inputs: "asyncio.Queue[ExecInput | None]", *, is_wanted: bool) -> Iterator[None]:
    """Tell the command of each new size of the terminal."""
    if not is_wanted:
        yield
        return
    loop = asyncio.get_running_loop()

    def tell() -> None:
        # While there is no room the next size tells it too.
        with suppress(asyncio.QueueFull):
            inputs.put_nowait(ExecInput(size=_size()))

    before = signal.getsignal(signal.SIGWINCH)
    loop.add_signal_handler(signal.SIGWINCH, tell)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)
        signal.signal(signal.SIGWINCH, before)


def is_terminal() -> bool:
    """Whether both standard input and output are one."""
    return sys.stdin.isatty() and sys.stdout.isatty()
