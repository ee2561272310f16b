"""The disk as a port, and the machine's own.

The port holds only what the log and the snapshots need. Calls block; `Disk.run` and `Disk.run_aside` do them in threads, away
from the event loop, `Disk.run_brief` where it is best, and `Disk.at_once` on the loop itself. A change of names (created, renamed, removed) is durable when its call returns. Bytes are durable after
`sync`. Every refusal is a typed error.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from swarm_core.raft_node.errors import AccessDenied, DiskFailed, DiskFull, RaftNodeError, StateLocked
from swarm_core.raft_node.log.quickness import Quickness
from swarm_core.raft_node.log.worker_thread import WorkerThread
from swarm_core.runtime.clock import Clock, SystemClock

T = TypeVar("T")

_FILE_MODE, _DIRECTORY_MODE = 0o600, 0o700


class LogFile(Protocol):
    """One file that grows at its end, locked against other processes while open."""

    @property
    def path(self) -> Path: ...

    @property
    def position(self) -> int:
        """Where the next append goes."""

    @property
    def length(self) -> int:
        """Bytes in the file, the reserved ones included."""

    def read(self) -> bytes:
        """The content from the start; zeros at the end may be left out."""

    def append(self, data: bytes) -> None: ...

    def sync(self) -> None:
        """What was appended is durable after this. A failed sync is final: the file is not to be used again."""

    def cut(self, position: int, reserve: int) -> None:
        """Drop everything from `position` on, durably, then hold space up to `reserve` bytes, reading as zeros."""

    def rename(self, path: Path) -> None:
        """Move it, durably; an older file of that name goes."""

    def close(self) -> None: ...


class Disk(Protocol):
    def make_directory(self, path: Path) -> None:
        """A directory for this user alone, with its parents. Raises AccessDenied when others may enter it."""

    def names(self, path: Path) -> list[str]:
        """Names in a directory, sorted; none when it does not exist."""

    def read(self, path: Path) -> bytes: ...

    def write(self, path: Path, content: bytes) -> None:
        """A whole file, durable; replaces an older one."""

    def rename(self, old: Path, new: Path) -> None: ...

    def remove(self, path: Path) -> None:
        """A file, or a directory with the files in it."""

    def open(self, path: Path) -> LogFile:
        """Open or create, positioned at 0. Raises StateLocked."""

    async def run(self, work: Callable[[], T]) -> T:
        """Do `work` off the loop, one after the other. Returns only when it has ended, cancelled or not."""

    async def run_brief(self, work: Callable[[], T], *, after_turn: bool = False) -> T:
        """The same, in order with `run`, for a few bytes written and synced: done at once where the disk is quick;
        `after_turn`: once the loop has sent what was written to sockets."""

    @property
    def is_quick(self) -> bool:
        """Whether a few bytes are best written and synced on the loop itself, now."""

    def at_once(self, work: Callable[[], T]) -> T:
        """Do that, while `is_quick`."""

    async def run_aside(self, work: Callable[[], T]) -> T:
        """The same as `run` for long work that those in `run` do not wait for."""

    def close(self) -> None:
        """Give back the threads."""


@contextmanager
def typed_errors(path: Path) -> Iterator[None]:
    """OSError becomes an error of this room that names `path`."""
    try:
        yield
    except OSError as error:
        raise _typed(error, path) from error


def _typed(error: OSError, path: Path) -> RaftNodeError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(path)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return AccessDenied(f"no access to {path}: {error.strerror}")
    return DiskFailed(f"disk operation on {path} failed: {error.strerror or error}")


class SystemLogFile:
    """A locked file written at its own position, so that reserved space behind it stays zero."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        with typed_errors(path):
            created = not path.exists()
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _FILE_MODE)
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if created:
                    sync_directory(path.parent)
            except BlockingIOError as error:
                os.close(self._fd)
                raise StateLocked(path) from error
            except OSError:
                os.close(self._fd)
                raise

    @property
    def path(self) -> Path:
        return self._path

    @property
    def position(self) -> int:
        return self._position

    @property
    def length(self) -> int:
        return os.fstat(self._fd).st_size

    def read(self) -> bytes:
        with typed_errors(self._path):
            end = self._end_of_data()
            content = bytearray()
            while len(content) < end:
                piece = os.pread(self._fd, end - len(content), len(content))
                if not piece:
                    break
                content += piece
            return bytes(content)

    # These two are of each write: a block of `typed_errors` would cost as much as the call within.

    def append(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self._fd, view, self._position)
                self._position += written
                view = view[written:]
        except OSError as error:
            raise _typed(error, self._path) from error

    def sync(self) -> None:
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise _typed(error, self._path) from error

    def cut(self, position: int, reserve: int) -> None:
        with typed_errors(self._path):
            os.ftruncate(self._fd, position)
            if reserve > position:
                try:
                    os.posix_fallocate(self._fd, position, reserve - position)
                except OSError as error:
                    # Some file systems cannot reserve: the file then grows as it is written.
                    if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                        raise
            os.fsync(self._fd)
        self._position = position

    def rename(self, path: Path) -> None:
        with typed_errors(path):
            self._path.rename(path)
            sync_directory(path.parent)
        self._path = path

    def close(self) -> None:
        os.close(self._fd)

    def _end_of_data(self) -> int:
        """Where the last written range ends: reserved space is not worth reading."""
        end = 0
        while True:
            try:
                start = os.lseek(self._fd, end, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    return end
                raise
            end = os.lseek(self._fd, start, os.SEEK_HOLE)


class _TimedLogFile(SystemLogFile):
    """One that tells how long each sync took, in seconds, from the thread in which it was done."""

    def __init__(self, path: Path, synced: Callable[[float], None], clock: Clock) -> None:
        super().__init__(path)
        self._synced, self._now = synced, clock.monotonic

    def sync(self) -> None:
        start = self._now()
        super().sync()
        self._synced(self._now() - start)


class SystemDisk:
    """The machine's disk, with one thread for the log and one for long work. `synced`, where there is one, is told how long each sync of a
    log took, in seconds, from whichever thread did it."""

    def __init__(self, clock: Clock | None = None, *, synced: Callable[[float], None] | None = None) -> None:
        self._clock = clock or SystemClock()
        self._synced = synced
        self._quickness = Quickness()
        self._log_thread = WorkerThread("raft-log")
        self._aside_thread = WorkerThread("raft-aside")

    def make_directory(self, path: Path) -> None:
        with typed_errors(path):
            if not path.parent.exists():
                self.make_directory(path.parent)
            if not path.exists():
                path.mkdir(_DIRECTORY_MODE)
                sync_directory(path.parent)
            status = path.stat()
        if not stat.S_ISDIR(status.st_mode):
            raise AccessDenied(f"{path} is not a directory")
        if status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise AccessDenied(f"directory {path} is open to other users (mode {mode:04o}), it must be 0700")

    def names(self, path: Path) -> list[str]:
        with typed_errors(path):
            try:
                return sorted(entry.name for entry in path.iterdir())
            except FileNotFoundError:
                return []

    def read(self, path: Path) -> bytes:
        with typed_errors(path):
            return path.read_bytes()

    def write(self, path: Path, content: bytes) -> None:
        temporary = path.with_name(path.name + ".tmp")
        with typed_errors(path):
            try:
                self._write_through(temporary, content)
                temporary.replace(path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            sync_directory(path.parent)

    def rename(self, old: Path, new: Path) -> None:
        with typed_errors(old):
            old.rename(new)
            sync_directory(new.parent)

    def remove(self, path: Path) -> None:
        with typed_errors(path):
            if path.is_dir():
                for child in path.iterdir():
                    child.unlink()
                path.rmdir()
            else:
                path.unlink()
            sync_directory(path.parent)

    def open(self, path: Path) -> SystemLogFile:
        if self._synced is not None:
            return _TimedLogFile(path, self._synced, self._clock)
        return SystemLogFile(path)

    async def run(self, work: Callable[[], T]) -> T:
        return await self._log_thread.run(work)

    async def run_brief(self, work: Callable[[], T], *, after_turn: bool = False) -> T:
        if after_turn and self._quickness.is_quick:
            await self._clock.sleep(0)
        if self.is_quick:
            return self.at_once(work)
        result, took_s = await self._log_thread.run(partial(self._timed, work))
        self._quickness.took(took_s, at_once=False)
        return result

    @property
    def is_quick(self) -> bool:
        # The thread may be at work on the same file: then others have to wait for it there.
        return self._quickness.is_quick and self._log_thread.is_idle

    def at_once(self, work: Callable[[], T]) -> T:
        assert self._log_thread.is_idle
        result, took_s = self._timed(work)
        self._quickness.took(took_s, at_once=True)
        return result

    async def run_aside(self, work: Callable[[], T]) -> T:
        return await self._aside_thread.run(work)

    def close(self) -> None:
        self._log_thread.close()
        self._aside_thread.close()

    def _timed(self, work: Callable[[], T]) -> tuple[T, float]:
        start = self._clock.monotonic()
        return work(), self._clock.monotonic() - start

    @staticmethod
    def _write_through(path: Path, content: bytes) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _FILE_MODE)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)


def sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
