"""A program that ends with whoever started it: its standard input is a pipe whose other end nobody else holds.

However the other one ends, kill -9 too, the pipe closes.
"""

import asyncio
import os
import sys
from collections.abc import Callable

_READ_BYTES = 4096


def watch_stdin(loop: asyncio.AbstractEventLoop, end: Callable[[], None]) -> None:
    """Call `end` when the other end of standard input is gone."""
    descriptor = sys.stdin.fileno()
    os.set_blocking(descriptor, False)

    def readable() -> None:
        if not os.read(descriptor, _READ_BYTES):
            loop.remove_reader(descriptor)
            end()

    loop.add_reader(descriptor, readable)
