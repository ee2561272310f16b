"""Many engines as one: who is in, what is on them, and whoever wants to follow it.

    cluster = EngineCluster(clock, rng)
    cluster.add(EngineEntry("unix:///run/docker.sock"))
    async with running(cluster):
        await cluster.settled()
        for container in cluster.tables.containers: ...

Rules
1. Each engine lives by itself: what hangs, lies or is away costs the others nothing.
2. A place in the cluster is a key. A key that is taken, and an engine id that another address shows, are refused.
3. The tables are written by the engines alone; `changes` and `events` tell what happens to them.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Final

from swarm_core.engines.api import EngineApi
from swarm_core.engines.client import EngineClient
from swarm_core.engines.engine import Engine, EngineOptions
from swarm_core.engines.errors import EngineAway, EngineError, NotFound
from swarm_core.engines.feeds import (
    EVENTS_MAX,
    RECORDS_MAX,
    ChangePublisher,
    Changes,
    EventPublisher,
    Events,
)
from swarm_core.engines.lookup import Lookup
from swarm_core.engines.records import Container, EngineEntry, EngineKey, EngineRecord, Event, Gone, Kind, Put
from swarm_core.engines.tables import Tables
from swarm_core.engines.ways import problem_of
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group, beside, cancel_and_wait

_log = logging.getLogger(__name__)
PATIENCE_MIN_S: Final = 0.5
PATIENCE_MAX_S: Final = 5.0
LISTS_PER_S: Final = 60
"""So many lists of details are asked for in a second, over all engines."""


class EngineCluster:
    """The engines, and what is on them. `run` must be running for anything to happen."""

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        options: EngineOptions | None = None,
        open_api: Callable[[EngineEntry], EngineApi] | None = None,
    ) -> None:
        self._clock, self._rng = clock, rng
        self._options = options or EngineOptions()
        self._open_api = open_api or _opened
        self._changes, self._events = ChangePublisher(), EventPublisher()
        self.tables = Tables(self._changes.publish)
        self.find = Lookup(self.tables, self.engines)
        self._engines: dict[EngineKey, Engine] = {}
        self._tasks: dict[EngineKey, asyncio.Task[None]] = {}
        self._claims: dict[str, EngineKey] = {}
        self._group: Group | None = None

    async def run(self) -> None:
        """Have the engines live until cancelled."""
        assert self._group is None, "a cluster runs once at a time"
        try:
            async with Group() as group:
                self._group = group
                for engine in self._engines.values():
                    self._start(engine)
                await asyncio.Event().wait()
        finally:
            self._group = None
            self._tasks.clear()

    # Who is in

    def add(self, entry: EngineEntry) -> EngineKey:
        """Have an engine more. Raises EngineError when its place is taken or its address cannot be one."""
        if problem := problem_of(entry.url):
            raise EngineError(f"the engine's address {entry.url} {problem}")
        if entry.key in self._engines:
            raise EngineError(f"there is an engine {entry.key} already")
        engine = Engine(entry, self._open_api(entry), self, self._clock, self._rng, self._options)
        self._engines[entry.key] = engine
        self.changed(engine.record)
        if self._group is not None:
            self._start(engine)
        return entry.key

    async def remove(self, key: EngineKey) -> None:
        """Have it no more. Raises NotFound."""
        engine = self._engine(key)
        task = self._tasks.pop(key, None)
        if task is not None:
            await cancel_and_wait(task)
        if self._engines.get(key) is not engine:
            return  # another one removed it meanwhile
        del self._engines[key]
        if self._claims.get(engine.record.id) == key:
            del self._claims[engine.record.id]
        engine.drop()
        self._changes.publish(Gone(Kind.ENGINE, key, ""))

    def maintain(self, key: EngineKey, on: bool) -> None:
        """Have it take no new containers, or take them again. Raises NotFound."""
        self._engine(key).maintain(on)

    def _start(self, engine: Engine) -> None:
        assert self._group is not None
        self._tasks[engine.key] = self._group.spawn(self._supervised(engine), name=f"engine {engine.key}")

    async def _supervised(self, engine: Engine) -> None:
        """A fault of ours with one engine costs the others nothing."""
        while True:
            try:
                await engine.run()
            except Exception as error:  # noqa: BLE001 - the border at which one engine is supervised
                _log.exception("engine %s could not be followed, and is begun anew", engine.key)
                engine.stumbled(error)
            await self._clock.sleep(self._options.retry_max_s)

    def _engine(self, key: EngineKey) -> Engine:
        engine = self._engines.get(key)
        if engine is None:
            raise NotFound(f"No such engine: {key}")
        return engine

    # What is there

    def engines(self) -> list[EngineRecord]:
        """All engines, in the order in which they were added."""
        return [engine.record for engine in self._engines.values()]

    def engine(self, key: EngineKey) -> EngineRecord:
        """One engine. Raises NotFound."""
        return self._engine(key).record

    def changes(self, kinds: Collection[Kind] = tuple(Kind), *, records_max: int = RECORDS_MAX) -> Changes:
        """A reader of what changes from now on."""
        return self._changes.subscribe(kinds, records_max=records_max)

    def events(
        self, keeps: Callable[[Event], bool] = lambda event: True, *, events_max: int = EVENTS_MAX
    ) -> Events:
        """A reader of the engines' events and of ours, from now on."""
        return self._events.subscribe(keeps, events_max=events_max)

    async def settled(self, keys: Collection[EngineKey] | None = None) -> None:
        """Return when each engine, or each of these, is listed or has shown what is wrong with it."""
        for key in list(self._engines) if keys is None else keys:
            engine = self._engines.get(key)
            if engine is not None:
                await engine.tried.wait()

    def drift(self) -> int:
        """How many differences lists have found of which no event had told."""
        return sum(engine.lists.drift for engine in self._engines.values())

    # Calls

    def api(self, key: EngineKey) -> EngineApi:
        """Calls to one engine. Raises NotFound, and EngineAway when it does not live."""
        engine = self._engine(key)
        if not engine.is_live:
            record = engine.record
            reason = f": {record.error}" if record.error else ""
            raise EngineAway(f"engine {record.name} is {record.word}{reason}")
        return engine.asked

    def suspect(self, key: EngineKey, error: EngineAway) -> None:
        """A call failed in a way that speaks against the engine: see at once whether it lives."""
        self._engine(key).suspect(error)

    def wake(self, key: EngineKey) -> None:
        """Try it again now, and list it anew. Raises NotFound."""
        self._engine(key).wake()

    async def refresh(self, key: EngineKey, id_: str) -> Container | None:
        """A container as its engine has it now; None when it has none of this id. Raises NotFound, EngineAway, EngineRefused."""
        self.api(key)
        await self._engine(key).lists.bring_containers([id_])
        return self.tables.containers.get(key, id_)

    async def inspect(self, key: EngineKey, ids: Collection[str]) -> None:
        """Learn what these containers reserve. Raises NotFound, EngineAway, EngineRefused."""
        self.api(key)
        await self._engine(key).lists.inspect(ids)

    # What engines need: `Surroundings`

    def claim(self, id_: str, key: EngineKey) -> EngineKey | None:
        """See `Surroundings`."""
        holder = self._claims.setdefault(id_, key)
        return None if holder == key else holder

    def changed(self, record: EngineRecord) -> None:
        """See `Surroundings`."""
        self._changes.publish(Put(Kind.ENGINE, record))

    def happened(self, event: Event) -> None:
        """See `Surroundings`."""
        self._events.publish(event)

    def patience_s(self) -> float:
        """See `Surroundings`."""
        return min(max(len(self._engines) / LISTS_PER_S, PATIENCE_MIN_S), PATIENCE_MAX_S)


@asynccontextmanager
async def running(cluster: EngineCluster) -> AsyncIterator[EngineCluster]:
    """The cluster lives while the block is run; what the block raises comes out as it is."""
    async with beside() as group:
        group.spawn(cluster.run(), name="engines")
        yield cluster


def _opened(entry: EngineEntry) -> EngineApi:
    return EngineApi(EngineClient(entry, keeps_connections=True))
