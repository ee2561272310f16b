"""A few numbers that one process of this machine tells others at once: a file that both have in their memory.

Rules
1. One process writes, any number read. A number is eight bytes at a multiple of eight, so nobody sees half of one.
2. Each writer makes a file of its own, whole before it has its name: who still reads that of an earlier writer is told nothing new by it, and
   has to know by other means that the writer has gone.
3. What was written before the writer says something by other means has been written for who heard it.
"""

import mmap
import os
from pathlib import Path
from typing import Final

_BYTES: Final = 8


class SharedNumbers:
    """So many whole numbers from 0 to 2**64 - 1. Made by `make` and `read`."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._numbers = memoryview(memory).cast("Q")

    @classmethod
    def make(cls, path: Path, count: int) -> "SharedNumbers":
        """Those of a writer, all 0, in a file for this user alone. Raises OSError."""
        new = path.with_name(path.name + ".new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, count * _BYTES)
            memory = mmap.mmap(descriptor, count * _BYTES)
        finally:
            os.close(descriptor)
        new.rename(path)
        return cls(memory)

    @classmethod
    def read(cls, path: Path, count: int) -> "SharedNumbers":
        """Those that somebody else writes. Raises OSError, and ValueError where there are fewer."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            memory = mmap.mmap(descriptor, count * _BYTES, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)
        return cls(memory)

    def __getitem__(self, place: int) -> int:
        return self._numbers[place]

    def __setitem__(self, place: int, number: int) -> None:
        self._numbers[place] = number

    def close(self) -> None:
        """Let go of the memory. The file stays."""
        self._numbers.release()
        self._memory.close()
