"""Reading and writing file descriptors in the event loop, on any loop: pipes, terminals, sockets. They must not block."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator

PIECE_BYTES = 64 * 1024


async def pieces(fd: int) -> AsyncIterator[bytes]:
    """What comes, until its end; a terminal whose other side is closed has ended."""
    while True:
        try:
            data = os.read(fd, PIECE_BYTES)
        except BlockingIOError:
            await _ready(fd, is_reader=True)
            continue
        except OSError as error:
            if error.errno == errno.EIO:
                return
            raise
        if not data:
            return
        yield data


async def write_all(fd: int, data: bytes) -> None:
    """Write everything, at the pace of who reads. Raises OSError: BrokenPipeError where nobody does."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            await _ready(fd, is_reader=False)


async def _ready(fd: int, *, is_reader: bool) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    add, remove = (
        (loop.add_reader, loop.remove_reader) if is_reader else (loop.add_writer, loop.remove_writer)
    )
    add(fd, ready.set)
    try:
        await ready.wait()
    finally:
        remove(fd)
