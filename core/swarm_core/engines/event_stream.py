"""The events of many engines as one stream, in their own JSON, with what happened to the engines themselves.

Rules
1. Each engine is followed for as long as it lives, also one that comes later. One that comes back is read on from its last event.
2. The engines filter. Our own events (type `swarm`) are kept where the filters are of types and events alone, and mean them.
3. What is not taken is waited for: a slow reader holds the engines' streams back.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from typing import Any, Final

from swarm_core.api.json_text import json_of
from swarm_core.engines.cluster import EngineCluster
from swarm_core.engines.errors import EngineError, FellBehind
from swarm_core.engines.reading import NS_PER_S
from swarm_core.engines.records import EngineKey, Event, Kind
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group, beside

_log = logging.getLogger(__name__)
_WAITING_MAX: Final = 4096
_AGAIN_S: Final = 1.0
OWN_TYPE: Final = "swarm"
Told = tuple[EngineKey, dict[str, Any]]


async def events_of_all(
    cluster: EngineCluster, clock: Clock, query: Mapping[str, Any], keys: Collection[EngineKey] | None = None
) -> AsyncGenerator[Told, None]:
    """Engine and event, as they come, of all engines or of these. `query` is that of `/events`, without `until`. To be closed by its reader."""
    waiting: asyncio.Queue[Told] = asyncio.Queue(_WAITING_MAX)
    follower = _Follower(cluster, clock, query, keys, waiting)
    async with beside() as group:
        group.spawn(follower.run(group), name="engines that come and go")
        if _means_ours(query.get("filters")):
            group.spawn(follower.tell_ours(query.get("filters")), name="events of the engines themselves")
        while True:
            yield await waiting.get()


class _Follower:
    def __init__(
        self,
        cluster: EngineCluster,
        clock: Clock,
        query: Mapping[str, Any],
        keys: Collection[EngineKey] | None,
        waiting: "asyncio.Queue[Told]",
    ) -> None:
        self._cluster, self._clock, self._query, self._waiting = cluster, clock, query, waiting
        self._keys = keys
        self._followed: dict[EngineKey, asyncio.Task[None]] = {}
        self._reached: dict[EngineKey, str] = {}
        """From when on an engine's events are asked for again."""

    async def run(self, group: Group) -> None:
        with self._cluster.changes([Kind.ENGINE]) as changes:
            self._follow_all(group)
            async for _ in changes:
                self._follow_all(group)

    def _follow_all(self, group: Group) -> None:
        for record in self._cluster.engines():
            if not record.state.is_live or (self._keys is not None and record.key not in self._keys):
                continue
            known = self._followed.get(record.key)
            if known is None or known.done():
                self._followed[record.key] = group.spawn(
                    self._read(record.key), name=f"events of {record.key}"
                )

    async def _read(self, key: EngineKey) -> None:
        while True:
            since = {"since": self._reached[key]} if key in self._reached else {}
            if "since" not in self._query:
                # Where it breaks before its first event, nothing from now on is missed either.
                self._reached.setdefault(key, _since(self._engine_s_ns(key)))
            try:
                lines = self._cluster.api(key).lines("GET", "/events", {**self._query, **since})
                async with aclosing(lines):
                    async for line in lines:
                        told = json_of(line)
                        at_ns = int(told.get("timeNano") or 0) + 1
                        self._reached[key] = _since(at_ns)
                        await self._waiting.put((key, told))
            except (EngineError, ValueError, AttributeError) as error:
                # The cluster finds out by itself what is wrong with the engine.
                _log.debug("the events of engine %s broke off: %s", key, error)
            if not any(one.key == key and one.state.is_live for one in self._cluster.engines()):
                return  # when it lives again it is followed again
            await self._clock.sleep(_AGAIN_S)

    def _engine_s_ns(self, key: EngineKey) -> int:
        """The time by the engine's clock."""
        skews = {one.key: one.skew_s for one in self._cluster.engines()}
        return self._clock.wall_ns() - round(skews.get(key, 0.0) * NS_PER_S)

    async def tell_ours(self, filters: Any) -> None:
        actions = _values(filters).get("event", set())
        with self._cluster.events(lambda one: one.type == OWN_TYPE) as events:
            try:
                async for batch in events:
                    for one in batch:
                        is_of_these = self._keys is None or one.engine in self._keys
                        if is_of_these and (not actions or one.action in actions):
                            await self._waiting.put((one.engine, own_event(one)))
            except FellBehind:
                _log.warning("a reader of events was too slow for those of the engines themselves")


def own_event(event: Event) -> dict[str, Any]:
    """One of ours in the form of an engine's."""
    return {
        "status": event.action,
        "id": event.id,
        "from": OWN_TYPE,
        "Type": event.type,
        "Action": event.action,
        "Actor": {"ID": event.id, "Attributes": dict(event.attributes)},
        "scope": "local",
        "time": event.at_ns // NS_PER_S,
        "timeNano": event.at_ns,
    }


def _since(at_ns: int) -> str:
    return f"{at_ns // NS_PER_S}.{at_ns % NS_PER_S:09d}"


def _means_ours(filters: Any) -> bool:
    wanted = _values(filters)
    return set(wanted) <= {"type", "event"} and OWN_TYPE in wanted.get("type", {OWN_TYPE})


def _values(filters: Any) -> dict[str, set[str]]:
    """Filters as clients write them: each a list, or an object whose keys count. What has another form means nothing of ours."""
    try:
        given = json_of(filters) if isinstance(filters, str) else filters
        return {str(key): set(map(str, values)) for key, values in (given or {}).items()}
    except (ValueError, AttributeError, TypeError):
        return {"": set()}
