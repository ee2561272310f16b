"""The three standard streams, in whatever state a command finds them: closed, a pipe whose reader goes, a disk that is full.

Rules
1. Who closed a stream gets an error where it is used, and no command ever prints into a file or a connection that happened to
   get the number of a closed one.
2. When the reader of the output goes, the command ends silently with the code that a program gets from SIGPIPE, as docker does.
   A command that only waits for more to print ends then too; one that changes the cluster goes on to its next line. What goes wrong apart from
   that is told, reader or not.
3. Output that cannot be written is a failure, told on standard error if that can be written.
"""

import errno
import io
import os
import select
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, cast

READER_GONE = 128 + signal.SIGPIPE
_IN, _OUT, _ERR = 0, 1, 2


class ReaderGone(Exception):
    """Nobody reads what is printed any more."""


def settle() -> None:
    """Make all three streams usable, once, before anything else is opened."""
    # Opened the wrong way round, so that whoever uses a stream that was closed gets an error.
    for descriptor, wrong in ((_IN, os.O_WRONLY), (_OUT, os.O_RDONLY), (_ERR, os.O_WRONLY)):
        if not _is_open(descriptor):
            found = os.open(os.devnull, wrong)
            if found != descriptor:
                os.dup2(found, descriptor)
                os.close(found)
    if sys.stdin is None:
        sys.stdin = _stream(_IN, "r")
    if sys.stdout is None:
        sys.stdout = _stream(_OUT, "w")
    if sys.stderr is None:
        sys.stderr = _stream(_ERR, "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a letter shows a question mark; it does not end the command.
            stream.reconfigure(errors="replace")


def flush() -> None:
    """Bring out what was printed. Raises OSError."""
    sys.stdout.flush()


def give_up_output() -> None:
    """Bring out what can be brought out; the null device takes the rest, which the interpreter would else complain of."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)


def is_reader_gone() -> bool:
    """Whether standard output is a pipe that nobody reads any more."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return False
    watched = select.poll()
    watched.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in watched.poll(0))


@contextmanager
def ending_with_the_reader() -> Iterator[None]:
    """Around what waits for more to print: end it when the reader of a pipe goes. Raises ReaderGone."""
    import asyncio  # what needs no cluster does without

    task, loop, gone = asyncio.current_task(), asyncio.get_running_loop(), False
    assert task is not None
    descriptor = _pipe()

    def end() -> None:
        nonlocal gone
        if is_reader_gone():
            loop.remove_reader(descriptor)
            gone = True
            task.cancel()

    if descriptor >= 0:
        loop.add_reader(descriptor, end)
    try:
        yield
    except asyncio.CancelledError:
        if not gone:
            raise
        task.uncancel()
        raise ReaderGone from None
    finally:
        if descriptor >= 0:
            loop.remove_reader(descriptor)


def _pipe() -> int:
    """The descriptor of standard output if it is a pipe, else -1."""
    try:
        descriptor = sys.stdout.fileno()
        return descriptor if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else -1
    except (OSError, ValueError):
        return -1


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        return False
    return True


def _stream(descriptor: int, mode: str) -> TextIO:
    return cast("TextIO", open(descriptor, mode, encoding="utf-8", closefd=False))
