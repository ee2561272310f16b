"""What lives as long as one command: a directory, and helpers that end with it.

Rules
1. However the command ends, its helpers end: they hold the reading end of a pipe whose other end it alone has.
2. SIGTERM and SIGHUP (a closed terminal) end it as an interrupt does: it puts everything away.
3. What a killed one left behind is removed by the next one. The directory is not in the temporary directory, where others clean up.
"""

import asyncio
import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from swarm_core.client import sockets

from swarm_tui.cli.plumbing.session import Failure

_ENDING = (signal.SIGTERM, signal.SIGHUP)
_LOCK = "lock"
T = TypeVar("T")


@contextmanager
def ending_politely() -> Iterator[None]:
    """Within this, signals that ask to end raise SystemExit with the code that shells give them."""

    def end(number: int, _: FrameType | None) -> None:
        # Once: a second one must not break what the first one puts away.
        for one in _ENDING:
            signal.signal(one, signal.SIG_IGN)
        raise SystemExit(128 + number)

    # What was ignored when we were started (nohup) stays so.
    before = {number: signal.getsignal(number) for number in _ENDING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def ending_in_order(work: Coroutine[Any, Any, T]) -> T:
    """What the work gives, in the main task of a loop. A signal that asks to end cancels the work and nothing else, so it puts away in its own
    order what it began; then SystemExit is raised with the code that shells give. What is raised in a loop from outside cancels every task
    at once instead."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    came: list[int] = []

    def end(number: int) -> None:
        # Once: a second one must not break what the first one puts away.
        if not came:
            task.cancel()
        came.append(number)

    # They stay until the loop is closed. What was ignored when we were started (nohup) stays so.
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, end, number)
    try:
        result = await work
    except asyncio.CancelledError:
        if not came:
            raise
    else:
        if not came:
            return result
    raise SystemExit(128 + came[0])


@contextmanager
def pipe() -> Iterator[int]:
    """The reading end, for helpers; it closes with this process at the latest."""
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(reading)
        os.close(writing)


@contextmanager
def private_directory() -> Iterator[Path]:
    """A directory of this command alone, removed at its end. Raises Failure."""
    base = sockets.state_directory().with_name("swarm-tui-demo")
    try:
        path, lock = _claim(base)
    except OSError as error:
        raise Failure(f"{base} cannot be used: {error.strerror}.") from None
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)
        with suppress(OSError):
            base.rmdir()


def _claim(base: Path) -> tuple[Path, int]:
    """A new directory below `base`, held by the descriptor; those that nobody holds any more are removed. Raises OSError."""
    turn = _turn(base)
    try:
        for path in base.iterdir():
            if _is_left_over(path):
                shutil.rmtree(path, ignore_errors=True)
        path = Path(tempfile.mkdtemp(dir=base))
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path, lock
    finally:
        os.close(turn)


def _turn(base: Path) -> int:
    """The directory, made when missing, and held by the descriptor. Raises OSError."""
    while True:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        turn = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(turn, fcntl.LOCK_EX)
        # The last one to leave may have removed it meanwhile.
        with suppress(FileNotFoundError):
            if base.stat().st_ino == os.fstat(turn).st_ino:
                return turn
        os.close(turn)


def _is_left_over(path: Path) -> bool:
    try:
        lock = os.open(path / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
