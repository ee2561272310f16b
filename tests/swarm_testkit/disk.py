"""A disk in memory that loses power.

`MemoryDisk` keeps, beside what its users see, what has reached the platter. `fail_after(n)` cuts the power
within the n-th change from now: that call and all later ones raise PowerCut. `reboot(rng)` gives the disk
that the next start finds: synced bytes are there, each sector of unsynced writes may or may not be, names
changed last may have gone back. `capacity` bounds the space: beyond it, DiskFull.
"""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from swarm_core.raft_node.errors import DiskFailed, DiskFull, StateLocked

T = TypeVar("T")

SECTOR_BYTES = 512
# As much as nobody fills: then nobody has to count either.
UNBOUNDED_BYTES = 1 << 40


class PowerCut(Exception):
    """The machine is off."""


@dataclass
class _Content:
    """One file: `now` is what readers see, `safe` what is on the platter, `unsynced` the way between them."""

    now: bytearray = field(default_factory=bytearray)
    length: int = 0
    safe: bytearray = field(default_factory=bytearray)
    safe_length: int = 0
    unsynced: list[tuple[int, bytes]] = field(default_factory=list)
    locked: bool = False

    def write(self, at: int, data: bytes) -> None:
        if len(self.now) < at + len(data):
            self.now.extend(bytes(at + len(data) - len(self.now)))
        self.now[at : at + len(data)] = data
        self.length = max(self.length, len(self.now))
        self.unsynced.append((at, data))

    def sync(self) -> None:
        for at, data in self.unsynced:
            if len(self.safe) < at:
                self.safe.extend(bytes(at - len(self.safe)))
            self.safe[at : at + len(data)] = data
        self.safe_length = self.length
        self.unsynced.clear()

    def settle(self) -> None:
        """All that is seen now is on the platter."""
        self.safe, self.safe_length = bytearray(self.now), self.length
        self.unsynced.clear()

    def survivors(self, rng: random.Random) -> "_Content":
        """After a crash: every sector of what was not synced made it, or did not."""
        out = _Content(bytearray(self.safe), self.safe_length)
        chance = rng.choice((0.0, 0.5, 0.9, 1.0))
        for at, data in self.unsynced:
            offset = 0
            while offset < len(data):
                end = min(len(data), offset + SECTOR_BYTES - (at + offset) % SECTOR_BYTES)
                if rng.random() < chance:
                    out.write(at + offset, data[offset:end])
                offset = end
        out.settle()
        return out


_Names = dict[Path, _Content | None]  # None is a directory


class MemoryLogFile:
    """See `LogFile`."""

    def __init__(self, disk: "MemoryDisk", path: Path, content: _Content) -> None:
        self._disk = disk
        self._path = path
        self._content = content
        self._position = 0

    @property
    def path(self) -> Path:
        return self._path

    @property
    def position(self) -> int:
        return self._position

    @property
    def length(self) -> int:
        return self._content.length

    def read(self) -> bytes:
        self._disk.check_power()
        return bytes(self._content.now)

    def append(self, data: bytes) -> None:
        content = self._content
        growth = max(self._position + len(data) - content.length, 0)
        room = self._disk.room()
        fits = data if growth <= room else data[: max(len(data) - (growth - room), 0)]
        # Bytes reach the page cache even when the power goes within the call.
        content.write(self._position, fits)
        self._position += len(fits)
        self._disk.change()
        if len(fits) < len(data):
            raise DiskFull(self._path)

    def sync(self) -> None:
        self._disk.change()
        self._disk.syncs += 1
        if self._disk.failing_syncs:
            raise DiskFailed(f"disk operation on {self._path} failed: Input/output error")
        self._content.sync()

    def cut(self, position: int, reserve: int) -> None:
        content = self._content
        if max(reserve, position) - content.length > self._disk.room():
            raise DiskFull(self._path)
        self._disk.change()
        del content.now[position:]
        content.length = max(reserve, position)
        content.settle()
        self._position = position

    def rename(self, path: Path) -> None:
        self._disk.rename(self._path, path)
        self._path = path

    def close(self) -> None:
        self._content.locked = False


class MemoryDisk:
    """See `Disk`; work runs at once, in the caller's thread."""

    def __init__(self, *, capacity: int = UNBOUNDED_BYTES) -> None:
        self.capacity = capacity
        self.syncs = 0
        self.failing_syncs = False
        self.works_at_once = False
        self._now: _Names = {}
        self._history: list[_Names] = []  # older name tables that a crash may bring back
        self._changes_left: int | None = None

    def fail_after(self, changes: int) -> None:
        """Cut the power within the change after the next `changes`."""
        self._changes_left = changes

    def reboot(self, rng: random.Random) -> "MemoryDisk":
        """The disk after power came back."""
        out = MemoryDisk(capacity=self.capacity)
        names = rng.choice([*self._history, self._now])
        out._now = {path: content.survivors(rng) if content else None for path, content in names.items()}
        return out

    def files(self) -> list[Path]:
        return sorted(path for path, content in self._now.items() if content is not None)

    def flip(self, path: Path, offset: int, mask: int = 0xFF) -> None:
        """Corrupt one byte that was synced."""
        content = self._file(path)
        content.now[offset] ^= mask
        content.settle()

    def replace(self, path: Path, data: bytes, length: int) -> None:
        """Make a file hold `data`, and zeros up to `length`."""
        self._now[path] = content = _Content(bytearray(data), length)
        content.settle()

    def check_power(self) -> None:
        if self._changes_left is not None and self._changes_left < 0:
            raise PowerCut

    def change(self) -> None:
        """One step that changes the disk."""
        self.check_power()
        if self._changes_left is not None:
            self._changes_left -= 1
            self.check_power()

    def room(self) -> int:
        if self.capacity >= UNBOUNDED_BYTES:
            return self.capacity
        used = sum(content.length for content in self._now.values() if content)
        return max(self.capacity - used, 0)

    def make_directory(self, path: Path) -> None:
        if path not in self._now:
            self._rename_table({**self._now, path: None})

    def names(self, path: Path) -> list[str]:
        self.check_power()
        inside = _inside(path)
        found = [text[len(inside) :] for other in self._now if (text := os.fspath(other)).startswith(inside)]
        return sorted(name for name in found if os.sep not in name)

    def read(self, path: Path) -> bytes:
        self.check_power()
        content = self._file(path)
        return bytes(content.now.ljust(content.length, b"\0"))

    def write(self, path: Path, content: bytes) -> None:
        if len(content) > self.room():
            raise DiskFull(path)
        file = _Content()
        self._rename_table({**self._now, path.with_name(path.name + ".tmp"): file})
        file.write(0, content)
        self.change()
        file.sync()
        self.rename(path.with_name(path.name + ".tmp"), path)

    def rename(self, old: Path, new: Path) -> None:
        moved: _Names = {}
        inside = _inside(old)
        for path, content in self._now.items():
            if path == old:
                moved[new] = content
            elif os.fspath(path).startswith(inside):
                moved[new / path.relative_to(old)] = content
            elif path not in moved:
                moved[path] = content
        self._rename_table(moved)

    def remove(self, path: Path) -> None:
        inside = _inside(path)
        kept = {
            other: content
            for other, content in self._now.items()
            if other != path and not os.fspath(other).startswith(inside)
        }
        self._rename_table(kept)

    def open(self, path: Path) -> MemoryLogFile:
        self.check_power()
        if path not in self._now:
            self._rename_table({**self._now, path: _Content()})
        content = self._file(path)
        if content.locked:
            raise StateLocked(path)
        content.locked = True
        return MemoryLogFile(self, path, content)

    async def run(self, work: Callable[[], T]) -> T:
        return work()

    async def run_brief(self, work: Callable[[], T], *, after_turn: bool = False) -> T:
        return await self.run(work)

    @property
    def is_quick(self) -> bool:
        return self.works_at_once

    def at_once(self, work: Callable[[], T]) -> T:
        assert self.is_quick
        return work()

    async def run_aside(self, work: Callable[[], T]) -> T:
        return work()

    def close(self) -> None:
        """There are no threads."""

    def _file(self, path: Path) -> _Content:
        content = self._now.get(path)
        if content is None:
            raise DiskFailed(f"disk operation on {path} failed: No such file")
        return content

    def _rename_table(self, names: _Names) -> None:
        """Durable when it returns; a power cut within leaves the old names or the new."""
        self._history.append(self._now)
        self._now = names
        self.change()
        self._history.clear()


def _inside(directory: Path) -> str:
    """How the paths in a directory begin. Asking each path for its parents costs twenty times as much."""
    return os.path.join(os.fspath(directory), "")
