"""Keeping a cluster's engines as its sources name them: a list, files that are watched, a swarm's nodes.

Rules
1. A source gives whole lists. What is not in the new one is removed first, then the rest is added: an engine that changed its address must go before it may
   come again.
2. Each engine belongs to the source that named it first, also one that was there before any source. A source that ends, or fails, keeps its last list.
3. What cannot be read is told and changes nothing.
4. Files are looked at every WATCH_S, and read when they are others than before.
"""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from swarm_core.engines.cluster import EngineCluster
from swarm_core.engines.errors import EngineError, NotFound
from swarm_core.engines.records import EngineEntry, EngineKey
from swarm_core.runtime.clock import Clock

_log = logging.getLogger(__name__)
WATCH_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """The engines that a source names, and what it could not read."""

    entries: tuple[EngineEntry, ...]
    problems: tuple[str, ...] = ()
    in_maintenance: frozenset[EngineKey] = field(default_factory=frozenset)


class Source(Protocol):
    """Names engines."""

    @property
    def name(self) -> str:
        """For people."""

    def lists(self) -> AsyncIterator[Found]:
        """Whole lists: one at the start, then one for each change."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A list that never changes."""

    entries: tuple[EngineEntry, ...]
    name: str = "the list"

    async def lists(self) -> AsyncIterator[Found]:
        """See `Source`."""
        yield Found(self.entries)


class Watched:
    """What `read` gives of files, read anew when one of them is another than before. `read` raises OSError or ValueError."""

    def __init__(
        self, name: str, read: Callable[[], Found], paths: Callable[[], Iterable[Path]], clock: Clock
    ) -> None:
        self.name = name
        self._read, self._paths, self._clock = read, paths, clock

    async def lists(self) -> AsyncIterator[Found]:
        """See `Source`."""
        entries: tuple[EngineEntry, ...] = ()
        in_maintenance: frozenset[EngineKey] = frozenset()
        seen: Hashable = None
        while True:
            now = tuple(_stamp(path) for path in self._paths())
            if now != seen:
                seen = now
                try:
                    found = self._read()
                except (OSError, ValueError) as error:
                    found = Found(entries, (str(error),), in_maintenance)
                entries, in_maintenance = found.entries, found.in_maintenance
                yield found
            await self._clock.sleep(WATCH_S)


def _stamp(path: Path) -> Hashable:
    try:
        status = path.stat()
    except OSError:
        return path, None
    return path, status.st_mtime_ns, status.st_size, status.st_ino


class Discovery:
    """Brings what sources name into a cluster."""

    def __init__(self, cluster: EngineCluster) -> None:
        self._cluster = cluster
        self._named: dict[str, dict[EngineKey, EngineEntry]] = {}
        self.problems: dict[str, tuple[str, ...]] = {}
        """What is wrong with each source; empty: nothing."""

    async def follow(self, source: Source) -> None:
        """Until the source ends."""
        async for found in source.lists():
            await self.take(source.name, found)

    async def take(self, source: str, found: Found) -> None:
        """Have the engines of `source` as it names them now."""
        problems = list(found.problems)
        held = self._named.setdefault(source, {})
        wanted: dict[EngineKey, EngineEntry] = {}
        for entry in found.entries:
            if entry.key in wanted:
                problems.append(f"{entry.key} is named twice")
            wanted.setdefault(entry.key, entry)
        for key in [key for key, entry in held.items() if wanted.get(key) != entry]:
            del held[key]
            await self._remove(key)
        for key, entry in wanted.items():
            if key not in held:
                try:
                    if not self._is_free(entry):
                        self._cluster.add(entry)
                except EngineError as error:
                    problems.append(str(error))
                    continue
                held[key] = entry
        self._maintain(held, found.in_maintenance)
        self._tell(source, tuple(problems))

    def _is_free(self, entry: EngineEntry) -> bool:
        """Whether it is there already, by no source."""
        is_there = any(one.entry == entry for one in self._cluster.engines())
        return is_there and not any(entry.key in named for named in self._named.values())

    def _maintain(self, keys: Collection[EngineKey], in_maintenance: Collection[EngineKey]) -> None:
        for key in keys:
            on = key in in_maintenance
            if self._cluster.engine(key).in_maintenance != on:
                self._cluster.maintain(key, on)

    async def _remove(self, key: EngineKey) -> None:
        try:
            await self._cluster.remove(key)
        except NotFound:
            pass  # somebody removed it by hand

    def _tell(self, source: str, problems: tuple[str, ...]) -> None:
        if problems != self.problems.get(source, ()):
            for problem in problems:
                _log.warning("%s: %s", source, problem)
        self.problems[source] = problems
