"""Unix sockets at paths of any length: the system takes few bytes for an address, and many more for a file.

A path that is too long is gone by way of an open descriptor: of the socket's directory to make one there, of the socket
itself to reach it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BYTES_MAX = 107
"""The kernel's sun_path holds 108 bytes, the last one zero."""


@contextmanager
def to_reach(path: Path) -> Iterator[str]:
    """An address to connect to, for the time of the block. Raises OSError when there is nothing at `path`."""
    if len(os.fsencode(path)) <= BYTES_MAX:
        yield os.fspath(path)
        return
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


@contextmanager
def to_make(path: Path) -> Iterator[str]:
    """An address to bind to, for the time of the block; the name itself must be short. Raises OSError."""
    if len(os.fsencode(path)) <= BYTES_MAX:
        yield os.fspath(path)
        return
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)
