"""One engine as long as it is named: connected, followed by its events, listed now and then, probed, and connected again.

Rules
1. Its events are read before its lists are asked for, so that nothing between is missed. After a break they are read on from the last one.
2. Four works share the connection: events, lists, probes, and waiting for whichever of them fails for good. All end with the connection.
3. Its rows stay while it is away; they go when nobody names it any more, or when its address shows another engine.
4. Nothing here waits for another engine.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn, Protocol

from swarm_core.engines import standing as states
from swarm_core.engines.api import ASKED_MAX, CALL_S, EngineApi
from swarm_core.engines.dirty import Dirty, Taken
from swarm_core.engines.effects import effects_of
from swarm_core.engines.errors import EngineAway, EngineError, EngineGarbage, EngineRefused
from swarm_core.engines.lists import Lists
from swarm_core.engines.reading import NS_PER_S, event_of, read_with
from swarm_core.engines.records import (
    EngineEntry,
    EngineKey,
    EngineRecord,
    Event,
    Kind,
    Trouble,
)
from swarm_core.engines.specs import Specs, skew_words, specs_of
from swarm_core.engines.standing import Effect, Happening, Standing
from swarm_core.engines.tables import Tables
from swarm_core.engines.ways import silent
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.runtime.waiting import event_or_time

if TYPE_CHECKING:
    import aiohttp

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """The times of an engine."""

    failures_max: int = states.FAILURES_MAX
    list_every_s: float = 60.0
    """All lists anew, give or take a half."""
    specs_every_s: float = 300.0
    probe_every_s: float = 8.0
    probe_s: float = 5.0
    """How long an answer to a probe may take."""
    retry_s: float = 0.1
    retry_max_s: float = 10.0


class Surroundings(Protocol):
    """What an engine needs of the cluster that it is in."""

    tables: Tables

    def claim(self, id_: str, key: EngineKey) -> EngineKey | None:
        """Note that `key` shows this id; another engine that shows it already."""

    def changed(self, record: EngineRecord) -> None:
        """An engine is as `record` says from now on."""

    def happened(self, event: Event) -> None:
        """Tell whoever follows events."""

    def patience_s(self) -> float:
        """How long details may wait: with many engines longer."""


class _Twice(EngineError):
    """Another address shows the same id, or this one another id than before. It has been noted already."""


class Engine:
    """One engine. `run` must be running for anything to happen."""

    def __init__(
        self,
        entry: EngineEntry,
        api: EngineApi,
        around: Surroundings,
        clock: Clock,
        rng: random.Random,
        options: EngineOptions | None = None,
    ) -> None:
        self.entry, self.api = entry, api
        self.asked = api.beside(ASKED_MAX)
        """For calls that somebody asks for: they wait for none of ours."""
        self.key = entry.key
        self._around, self._clock, self._rng = around, clock, rng
        self._options = options or EngineOptions()
        self._backoff = Backoff(rng, base_s=self._options.retry_s, ceiling_s=self._options.retry_max_s)
        self._standing = Standing()
        self.record = EngineRecord(entry)
        self.lists = Lists(self.key, api, around.tables)
        self._dirty = Dirty()
        self._due = asyncio.Event()
        """Something is due earlier than the lister knows."""
        self._woken = asyncio.Event()
        """Do not wait for the next try."""
        self._broken: EngineError | None = None
        self._has_broken = asyncio.Event()
        self._last_ns = 0
        """Of the last event, by the engine's clock."""
        self._last_events: set[bytes] = set()
        """Those of that time."""
        self._answer_s: float | None = None
        """How long it took to answer what was asked last, since the last probe; None: nothing was, or not in time."""
        self.tried = asyncio.Event()
        """The first try has come to an end: it is listed, or something is wrong with it."""
        self.events_read = 0

    async def run(self) -> None:
        """Be connected until cancelled."""
        try:
            while True:
                self._note(await self._attempt())
                self.tried.set()
                await event_or_time(self._clock, self._woken, self._backoff.failed())
                self._woken.clear()
        finally:
            await self.api.close()

    def wake(self) -> None:
        """Try again now, and ask for all lists."""
        self._woken.set()
        self._dirty.mark_everything(self._clock.monotonic())
        self._due.set()

    def drop(self) -> None:
        """Nobody names it any more; `run` has ended."""
        self._step(Happening.DROPPED)
        self._around.tables.delete_all(self.key)
        self.tried.set()

    def maintain(self, on: bool) -> None:
        """Take no new containers, or take them again."""
        self._publish(replace(self.record, in_maintenance=on))

    def stumbled(self, error: Exception) -> None:
        """`run` ended with a fault of ours, which an answer that nobody expected may have brought about."""
        self._note(EngineGarbage(f"the container engine at {self.api.url} could not be followed: {error!r}"))
        self.tried.set()

    def suspect(self, error: EngineAway) -> None:
        """A call of somebody else failed in a way that speaks against the engine."""
        if self._standing.state.is_live and self._broken is None:
            self._break(error)

    # Connecting

    async def _attempt(self) -> EngineError:
        """Connect and follow; why that ended."""
        try:
            await self._connect()
            await self._follow()
        except EngineError as error:
            return error

    async def _connect(self) -> None:
        self.api.forget_version()
        await self.api.agree()
        await self._read_specs()

    async def _read_specs(self) -> None:
        version = await self.api.about()
        self.api.refuse_too_new(str(version.get("MinAPIVersion") or ""))
        began_s = self._clock.monotonic()
        info = await self.api.get_object("/info")
        answer_s, now_s = self._clock.monotonic() - began_s, self._clock.wall_ns() / NS_PER_S
        specs = read_with(
            lambda: specs_of(info, version, dict(self.entry.labels), now_s, self.api.url), self.api.url
        )
        self._refuse_stranger(specs.id)
        self.lists.skew_s, self.lists.engine_cpus = specs.skew_s, specs.cpus
        self.record = self._with_specs(specs, answer_s)
        if not self.is_live:
            self._step(Happening.CONNECTED)
        self._answered(answer_s)

    def _refuse_stranger(self, id_: str) -> None:
        if self.record.id not in ("", id_):
            text = (
                f"the engine at {self.entry.url} shows the id {id_}, and had {self.record.id} before;"
                " remove it and add it again if that is meant"
            )
            self._around.tables.delete_all(self.key)
            self._step(Happening.CHANGED, Trouble.CHANGED, text)
            raise _Twice(text)
        other = self._around.claim(id_, self.key)
        if other is not None:
            text = f"{self.key} and {other} show the same engine id {id_}"
            self._step(Happening.DOUBLED, Trouble.DUPLICATE, text)
            raise _Twice(text)

    def _with_specs(self, specs: Specs, answer_s: float) -> EngineRecord:
        return replace(
            self.record,
            id=specs.id,
            hostname=specs.hostname,
            version=specs.version,
            api_version=str(self.api.version or ""),
            os=specs.os,
            architecture=specs.architecture,
            kernel=specs.kernel,
            cpus=specs.cpus,
            memory_bytes=specs.memory_bytes,
            labels=specs.labels,
            skew_s=specs.skew_s,
            answer_s=answer_s,
        )

    # Following

    async def _follow(self) -> NoReturn:
        """Events, lists and probes until one of them fails for good. Raises EngineError."""
        self._broken = None
        self._has_broken.clear()
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(CALL_S):
                    opening = self.api.open("GET", "/events", self._since())
                    response = await stack.enter_async_context(opening)
            except TimeoutError:
                raise silent(self.api.url, CALL_S) from None
            self.lists.begin_anew()
            self._dirty.mark_everything(self._clock.monotonic())
            async with Group() as group:
                group.spawn(self._guarded(lambda: self._read_events(response)), name=f"events of {self.key}")
                group.spawn(self._guarded(self._keep_listed), name=f"lists of {self.key}")
                group.spawn(self._guarded(self._probe), name=f"probes of {self.key}")
                await self._has_broken.wait()
                group.cancel_all()
        assert self._broken is not None
        raise self._broken

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """A failure of the engine ends the connection; it is raised outside of the group."""
        try:
            await work()
        except EngineError as error:
            self._break(error)

    def _break(self, error: EngineError) -> None:
        if self._broken is None:
            self._broken = error
            self._has_broken.set()

    def _since(self) -> dict[str, str]:
        if not self._last_ns:
            return {}
        return {"since": f"{self._last_ns // NS_PER_S}.{self._last_ns % NS_PER_S:09d}"}

    async def _read_events(self, response: "aiohttp.ClientResponse") -> None:
        replayed = self._last_events
        async with aclosing(self.api.lines_of(response)) as lines:
            async for line in lines:
                if line not in replayed:
                    self._take(self._event(line))
        raise EngineAway(f"the events of the container engine at {self.api.url} ended")

    def _event(self, line: bytes) -> Event:
        return read_with(lambda: event_of(self.key, line, 0.0), self.api.url)

    def _take(self, event: Event) -> None:
        """One event, with the engine's own time."""
        if event.at_ns != self._last_ns:
            self._last_ns, self._last_events = event.at_ns, set()
        self._last_events.add(event.raw)
        self.events_read += 1
        table = self._around.tables.containers
        known = table.get(self.key, event.id) if event.type == "container" else None
        effects, after = effects_of(event, known)
        if effects.container:
            self.lists.touch(effects.container, is_gone=effects.is_gone)
        if effects.is_gone:
            table.delete(self.key, event.id)
        elif after is not None:
            table.put(replace(after, reserved=None) if effects.reserves_anew else after)
        if self._dirty.mark(effects, self._clock.monotonic(), self._around.patience_s()):
            self._due.set()
        skew_ns = round(self.record.skew_s * NS_PER_S)
        self._around.happened(replace(event, at_ns=event.at_ns + skew_ns) if skew_ns else event)

    async def _keep_listed(self) -> None:
        """Ask for what is marked when it is due, for everything now and then."""
        next_list_s = self._next_list_s()
        next_specs_s = self._clock.monotonic() + self._options.specs_every_s
        while True:
            now_s = self._clock.monotonic()
            if now_s >= next_list_s:
                self._dirty.mark_everything(now_s)
                next_list_s = self._next_list_s()
            if now_s >= next_specs_s:
                self._dirty.specs = True
                next_specs_s = now_s + self._options.specs_every_s
            if self._dirty.due_s is not None and self._dirty.due_s <= now_s:
                await self._ask(self._dirty.take(now_s))
                continue
            wait_s = min(next_list_s, self._dirty.due_s or next_list_s) - now_s
            await event_or_time(self._clock, self._due, wait_s)
            self._due.clear()

    def _next_list_s(self) -> float:
        return self._clock.monotonic() + self._options.list_every_s * (0.5 + self._rng.random())

    async def _ask(self, taken: Taken) -> None:
        began_s = self._clock.monotonic()
        try:
            if taken.specs:
                await self._read_specs()
            if Kind.CONTAINER in taken.lists:
                passing = await self.lists.bring_containers()
            elif taken.containers:
                passing = await self.lists.bring_containers(taken.containers)
            else:
                passing = set()
            for kind in (Kind.IMAGE, Kind.VOLUME, Kind.NETWORK):
                if kind in taken.lists:
                    await self.lists.bring(kind)
        except EngineRefused as error:
            self._dirty.mark_again(taken, self._clock.monotonic())
            self._refused(error)
        except _Twice:
            raise
        except EngineError as error:
            self._dirty.mark_again(taken, self._clock.monotonic())
            self._failed(error)
        else:
            now_s = self._clock.monotonic()
            self._dirty.look_again(passing, now_s + self._around.patience_s())
            if taken.lists:
                self._listed()
            elif now_s - began_s <= states.SLOW_S:
                self._answer_s = now_s - began_s

    def _listed(self) -> None:
        tables = self._around.tables
        containers = tables.containers.of(self.key)
        self._publish(
            replace(
                self.record,
                containers=len(containers),
                running=sum(one.is_running for one in containers.values()),
                images=len(tables.images.of(self.key)),
            )
        )
        self.tried.set()

    async def _probe(self) -> None:
        """See now and then whether it answers, and how fast. One that was asked for something meanwhile, and answered in time, has shown it."""
        while True:
            self._answer_s = None
            await self._clock.sleep(self._options.probe_every_s * (0.75 + 0.5 * self._rng.random()))
            if self._answer_s is not None and self._standing.is_fine:
                self._backoff.succeeded()
                self._answered(self._answer_s)
                continue
            began_s = self._clock.monotonic()
            try:
                await self.api.call("GET", "/_ping", timeout=self._options.probe_s)
            except EngineRefused as error:
                self._refused(error)
            except EngineError as error:
                self._failed(error)
            else:
                self._backoff.succeeded()  # not before: one that lets everybody in and throws them out is not tried in haste
                self._answered(self._clock.monotonic() - began_s)

    # Standing

    def _answered(self, answer_s: float) -> None:
        self.record = replace(self.record, answer_s=answer_s)
        self._step(Happening.ANSWERED if answer_s <= states.SLOW_S else Happening.DRAGGED)

    def _refused(self, error: EngineRefused) -> None:
        """It answers, with an error: that is told, and counts for nothing."""
        self._standing = replace(self._standing, trouble=Trouble.REFUSED, error=str(error))
        self._say(None)

    def _failed(self, error: EngineError) -> None:
        """One failure of a live engine. Raises the error when it was the last that is borne."""
        if self._standing.failures + 1 >= self._options.failures_max:
            raise error  # it is counted where the connection has ended
        self._note(error)

    def _note(self, error: EngineError) -> None:
        """Count a failure."""
        if not isinstance(error, _Twice):
            self._standing, effect = states.failed(self._standing, error, self._options.failures_max)
            self._say(effect)

    def _step(self, happening: Happening, trouble: Trouble = Trouble.NONE, error: str = "") -> None:
        self._standing, effect = states.step(self._standing, happening, trouble, error)
        self._say(effect)

    def _say(self, effect: Effect | None) -> None:
        standing, record = self._standing, self.record
        trouble, error = standing.trouble, standing.error
        if trouble is Trouble.NONE and standing.state.is_live and record.skew_s:
            trouble, error = Trouble.CLOCK, skew_words(record.skew_s)
        is_answer = trouble in (Trouble.NONE, Trouble.CLOCK, Trouble.REFUSED)
        self._publish(
            replace(
                record,
                state=standing.state,
                failures=standing.failures,
                trouble=trouble,
                error=error,
                answered_at_s=self._clock.wall_ns() / NS_PER_S if is_answer else record.answered_at_s,
            )
        )
        if effect is not None:
            self._tell(effect)

    def _tell(self, effect: Effect) -> None:
        _log.info("engine %s: %s %s", self.record.name, effect.value, self.record.error)
        attributes = {"name": self.record.name, "url": self.entry.url}
        if self.record.error:
            attributes["error"] = self.record.error
        self._around.happened(
            Event(self.key, "swarm", effect.value, self.record.id, attributes, self._clock.wall_ns())
        )

    def _publish(self, record: EngineRecord) -> None:
        self.record = record
        self._around.changed(record)

    @property
    def is_live(self) -> bool:
        """Whether calls may go there."""
        return self._standing.state.is_live
