"""Small files replaced whole: a reader sees the old content or the new one, also after a crash.

`Files` is the port of the key file; `SystemFiles` is this machine's file system.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

Stamp = tuple[int, int]
"""Changes whenever a file is replaced."""


class Files(Protocol):
    """Port: small files in directories. All may raise OSError."""

    def read(self, path: Path) -> bytes:
        """Raises FileNotFoundError."""

    def exists(self, path: Path) -> bool: ...

    def stamp(self, path: Path) -> Stamp:
        """(0, 0) when there is no such file."""

    def make_directory(self, path: Path) -> None: ...

    def write_atomic(self, path: Path, data: bytes, mode: int) -> None:
        """See the function of this name."""

    def move(self, source: Path, target: Path) -> None:
        """Give a file another name in its directory, durably."""

    def locked(self, directory: Path) -> AbstractContextManager[None]:
        """See the function of this name."""


class SystemFiles:
    """See Files."""

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def exists(self, path: Path) -> bool:
        return path.exists()

    def stamp(self, path: Path) -> Stamp:
        try:
            found = path.stat()
        except FileNotFoundError:
            return (0, 0)
        return (found.st_ino, found.st_mtime_ns)

    def make_directory(self, path: Path) -> None:
        path.mkdir(mode=0o755, parents=True, exist_ok=True)

    def write_atomic(self, path: Path, data: bytes, mode: int) -> None:
        write_atomic(path, data, mode)

    def move(self, source: Path, target: Path) -> None:
        source.replace(target)
        sync_directory(target.parent)

    def locked(self, directory: Path) -> AbstractContextManager[None]:
        return locked(directory)


def write_atomic(path: Path, data: bytes, mode: int) -> None:
    """Put `data` in the place of `path`, durably. Raises OSError; then the old content stays."""
    descriptor, name = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make renames in this directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory against other writers that ask, in this process or another."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
