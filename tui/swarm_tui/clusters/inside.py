"""A command inside a task with this program's own terminal, or its pipes (docs/design/exec.md 15.3)."""

import asyncio
import os
import signal
import sys
import termios
import tty
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from swarm_core.api.proto.exec_pb2 import ExecInput, ExecOutput, ExecSpec, TerminalSize
from swarm_core.client.control import Control

_PIECE: Final = 32 * 1024
_STDIN, _STDOUT, _STDERR = 0, 1, 2
T = TypeVar("T")
Give = Callable[[bytes], Awaitable[None]]


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

    def tell_size() -> None:
        # While there is no room the next size tells it too.
        with suppress(asyncio.QueueFull):
            inputs.put_nowait(ExecInput(size=_size()))

    with raw(is_wanted=here.has_terminal), resized(tell_size, is_wanted=here.has_terminal):
        reading = read_here(_giver(inputs)) if here.reads else inputs.put(None)
        return await with_beside(_followed(control, spec, inputs), reading)


async def with_beside(work: Coroutine[Any, Any, T], *others: Coroutine[Any, Any, None]) -> T:
    """What `work` comes to; the others are done beside it, and end with it. Its failure comes out as it is, in no group of failures."""

    async def settled() -> tuple[T | None, Exception | None]:
        try:
            return await work, None
        except Exception as error:  # noqa: BLE001 - raised again below, outside of the group
            return None, error

    async with asyncio.TaskGroup() as group:
        following = group.create_task(settled())
        tasks = [group.create_task(one) for one in others]
        await asyncio.wait([following])
        for task in tasks:
            task.cancel()
    result, failure = following.result()
    if failure is not None:
        raise failure
    return cast(T, result)


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


def _giver(inputs: "asyncio.Queue[ExecInput | None]") -> Give:
    async def give(data: bytes) -> None:
        await inputs.put(ExecInput(data=data) if data else None)

    return give


async def read_here(give: Give) -> None:
    """Pass on what comes at standard input, to its end, which is an empty piece."""
    data = b"-"
    try:
        while data:
            await _until_readable()
            data = os.read(_STDIN, _PIECE)
            await give(data)
    except PermissionError:
        # A plain file is always ready, and no event loop watches it.
        await _read_file(give)


async def _until_readable() -> None:
    """Watched anew each time: a second notice of the same input would make the next read wait, and everything with it."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(_STDIN, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(_STDIN)


async def _read_file(give: Give) -> None:
    while data := await asyncio.to_thread(os.read, _STDIN, _PIECE):
        await give(data)
    await give(b"")


def _write(output: ExecOutput) -> None:
    write_here(_STDOUT, output.stdout)
    write_here(_STDERR, output.stderr)


def write_here(descriptor: int, data: bytes) -> None:
    """Bytes as they are, at standard output (1) or error (2). Raises OSError."""
    while data:
        data = data[os.write(descriptor, data) :]


def terminal_size() -> tuple[int, int]:
    """Rows and columns of standard output."""
    rows, columns = termios.tcgetwinsize(_STDOUT)
    return rows, columns


def _size() -> TerminalSize:
    rows, columns = terminal_size()
    return TerminalSize(rows=rows, columns=columns)


@contextmanager
def raw(*, is_wanted: bool) -> Iterator[None]:
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
def resized(tell: Callable[[], None], *, is_wanted: bool) -> Iterator[None]:
    """`tell` is called at each new size of the terminal."""
    if not is_wanted:
        yield
        return
    loop = asyncio.get_running_loop()
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
