"""Where events come from: the cluster's Watch service, while this node's manager serves, and the engine beside the node
(docs/design/engine-api-json.md 14.12)."""

import logging
from contextlib import aclosing
from typing import Any, Final, Protocol

from swarm_core.api.json_text import json_of
from swarm_core.api.proto.watch_pb2 import (
    WATCH_ACTION_CREATE,
    WATCH_ACTION_REMOVE,
    WATCH_ACTION_UPDATE,
    WatchRequest,
)
from swarm_core.api.timestamps import NS_PER_S
from swarm_core.engine_json import event as event_json
from swarm_core.engines.client import EngineClient
from swarm_core.engines.errors import EngineAway
from swarm_core.http.errors import HttpError
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

from swarm_agentd.engine_api.events import Events
from swarm_agentd.engine_api.managers import LocalManagers

_log = logging.getLogger(__name__)
RETRY_S: Final = 1.0
_REQUEST: Final = WatchRequest(
    entries=[
        WatchRequest.WatchEntry(
            kind=kind,
            action=WATCH_ACTION_CREATE | WATCH_ACTION_UPDATE | WATCH_ACTION_REMOVE,  # type: ignore[arg-type]
        )
        for kind in event_json.KINDS
    ],
    include_old_object=True,
)


async def feed(events: Events, managers: LocalManagers, engine: EngineClient | None, clock: Clock) -> None:
    """Bring events from both until cancelled."""
    async with Group() as group:
        group.spawn(_of_the_cluster(events, managers, clock), name="events of the cluster")
        if engine is not None:
            group.spawn(_of_the_engine(events, engine, clock), name="events of the engine")


async def _of_the_cluster(events: Events, managers: LocalManagers, clock: Clock) -> None:
    """A stream that ends, with the manager or the connection, is begun anew; what happens meanwhile is not told, as in Docker."""
    while True:
        try:
            async with managers.calls() as calls:
                stream: Any = calls.stream("Watch.Watch", _REQUEST)
                async with aclosing(stream):
                    async for message in stream:
                        for each in message.events:
                            if (told := event_json.to_json(each, clock.wall_ns())) is not None:
                                events.tell(told)
        except HttpError as error:
            _log.debug("no events of the cluster for now: %s", error)
        await clock.sleep(RETRY_S)


class _Lines(Protocol):
    """What an answer's content offers."""

    async def readline(self) -> bytes: ...


async def _of_the_engine(events: Events, engine: EngineClient, clock: Clock) -> None:
    """One stream without filters, begun anew where it broke off."""
    since_ns = clock.wall_ns()
    while True:
        target = f"/events?since={since_ns // NS_PER_S}.{since_ns % NS_PER_S:09d}"
        try:
            async with engine.request("GET", target) as answer:
                if answer.status == 200:
                    since_ns = await _relay(events, answer.content, since_ns)
        except (EngineAway, ValueError) as error:
            _log.debug("no events of the engine for now: %s", error)
        await clock.sleep(RETRY_S)


async def _relay(events: Events, lines: _Lines, since_ns: int) -> int:
    """Tell what comes; the time from which to go on."""
    while data := await lines.readline():
        told = json_of(data)
        if isinstance(told, dict):
            since_ns = max(since_ns, int(told.get("timeNano") or 0) + 1)
            if told.get("scope") != "swarm":  # of a swarm of its own, which is not ours
                events.tell(told)
    return since_ns
