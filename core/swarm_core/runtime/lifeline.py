"""A program that ends with whoever started it: its standard input is a pipe whose other end nobody else holds.

However the other one ends, kill -9 too, the pipe closes. Until then lines may come through it.
"""

import asyncio
import os
import sys
from collections.abc import Callable

_READ_BYTES = 4096
LOG_LEVEL = "log-level"
"""The word before a level that the program is to log from now on."""


def _to_nobody(line: str) -> None:
    """The default of `heard`."""


def watch_stdin(
    loop: asyncio.AbstractEventLoop, end: Callable[[], None], heard: Callable[[str], None] = _to_nobody
) -> None:
    """Call `end` when the other end of standard input is gone, and `heard` with each line that comes before."""
    descriptor = sys.stdin.fileno()
    os.set_blocking(descriptor, False)
    begun = b""

    def readable() -> None:
        nonlocal begun
        data = os.read(descriptor, _READ_BYTES)
        if not data:
            loop.remove_reader(descriptor)
            end()
        *lines, begun = (begun + data).split(b"\n")
        begun = begun[:_READ_BYTES]
        for line in lines:
            heard(line.decode(errors="replace"))

    loop.add_reader(descriptor, readable)
