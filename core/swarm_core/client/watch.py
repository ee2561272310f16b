"""The cluster's content as a stream that never ends: list, mark, stream, resume.

`ClusterWatch.updates` gives, for as long as it is read:

- `Listed`: everything there is; forget what you knew;
- `Changed`: what one commit changed;
- `Lost`: the stream broke; what you know is old from now on (the next try follows by itself);
- `Resumed`: the stream is back and goes on where it broke; what was missed follows as `Changed`.

Rules:
- The watch is opened first and its mark awaited, then the content is listed: nothing falls between the two. Some changes
  may therefore be given twice or after a newer state; whoever keeps objects ignores those with an older version.
- A stream resumes from the newest version surely seen. When the peer refuses (compacted, overflown, another cluster
  behind the socket) the content is listed anew.
- Docker's managers leave the version out of messages of batches and followers; then the objects' own versions serve,
  which are never newer than the commit that carried them. Kinds that an old engine does not know are left out.
- What is computed when objects are listed and in no event (a node's `manager_status`) is given with `Listed` alone:
  `client.managers` asks for it.
- Nothing is queued here: what is not read stays with the peer, whose queue is bounded.
"""

import random
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum
from typing import Any

from google.protobuf.message import Message

from swarm_core.api import volume_failures
from swarm_core.api.kinds import NOUNS
from swarm_core.api.proto import objects_pb2, watch_pb2
from swarm_core.client.calls import Calls, opened
from swarm_core.client.control import Control
from swarm_core.client.errors import NO_LEADER, CallFailed, Unreachable
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.clock import Clock

# Extensions cannot be listed, and of the resources that they describe nothing is known that could be shown by itself.
KINDS: tuple[type[Message], ...] = tuple(
    kind for kind in NOUNS if kind not in (objects_pb2.Extension, objects_pb2.Resource)
)
MIRRORED: tuple[type[Message], ...] = (*KINDS, objects_pb2.Resource)
"""What a copy of the cluster holds. Of resources those that tell of volumes alone; they come after the volumes, which decide which are listed."""
_ALL_ACTIONS = watch_pb2.WATCH_ACTION_CREATE | watch_pb2.WATCH_ACTION_UPDATE | watch_pb2.WATCH_ACTION_REMOVE
_RETRY_CEILING_S = 3.0


class Action(Enum):
    CREATED = "created"
    UPDATED = "updated"
    REMOVED = "removed"


_ACTIONS = {
    watch_pb2.WATCH_ACTION_CREATE: Action.CREATED,
    watch_pb2.WATCH_ACTION_UPDATE: Action.UPDATED,
    watch_pb2.WATCH_ACTION_REMOVE: Action.REMOVED,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One object created, updated (as it is now) or removed (as it last was)."""

    action: Action
    object: Any


@dataclass(frozen=True, slots=True)
class Listed:
    objects: tuple[Any, ...]
    version: int


@dataclass(frozen=True, slots=True)
class Changed:
    changes: tuple[Change, ...]
    version: int


@dataclass(frozen=True, slots=True)
class Lost:
    reason: str
    is_refusal: bool = False
    """The peer answered and said no (permission, protocol); the same will most likely happen again."""


@dataclass(frozen=True, slots=True)
class Resumed:
    version: int


Update = Listed | Changed | Lost | Resumed


class ClusterWatch:
    """One reader's watch. Read `updates` under `contextlib.aclosing`, once."""

    def __init__(
        self, calls: Calls, *, clock: Clock, rng: random.Random, kinds: Iterable[type[Message]] = KINDS
    ) -> None:
        self._calls = calls
        self._control = Control(calls)
        self._clock = clock
        self._backoff = Backoff(rng, ceiling_s=_RETRY_CEILING_S)
        self._kinds = tuple(kinds)
        self._seen: int | None = None
        self._cluster_id = ""

    async def updates(self) -> AsyncGenerator[Update]:
        """The stream of the module's text; it ends only with its reader."""
        while True:
            was_resuming = self._seen is not None
            try:
                async with aclosing(self._session()) as session:
                    async for update in session:
                        yield update
                lost = Lost("the manager ended the stream")
            except Unreachable as error:
                lost = Lost(str(error))
            except CallFailed as error:
                is_outage = error.code == "UNAVAILABLE"
                lost = Lost(str(error), is_refusal=not is_outage)
                if not is_outage:
                    self._seen = None
            yield lost
            if was_resuming and self._seen is None:
                continue
            await self._clock.sleep(self._backoff.failed())

    async def _session(self) -> AsyncGenerator[Update]:
        request = watch_pb2.WatchRequest()
        for kind in self._kinds:
            # A resource is watched by the kind that its extension gives it, not by the wire's word.
            noun = volume_failures.KIND if kind is objects_pb2.Resource else NOUNS[kind]
            request.entries.add(kind=noun, action=_ALL_ACTIONS)
        if self._seen is not None:
            request.resume_from.index = self._seen
        async with opened(self._calls.stream("Watch.Watch", request)) as stream:
            async for _mark in stream:
                break
            else:
                return
            if self._seen is not None and await self._is_same_cluster():
                yield Resumed(self._seen)
            else:
                yield await self._list()
            self._backoff.succeeded()
            async for message in stream:
                yield self._changed(message)

    async def _is_same_cluster(self) -> bool:
        try:
            clusters = await self._control.find(objects_pb2.Cluster)
        except CallFailed as error:
            # Of the watch itself this code may say that the peer does not resume it.
            if error.code != NO_LEADER:
                raise
            raise Unreachable(str(error)) from None
        return any(cluster.id == self._cluster_id for cluster in clusters)

    async def _list(self) -> Listed:
        objects: list[Any] = []
        for kind in self._kinds:
            try:
                objects += await self._find(kind, objects)
            except CallFailed as error:
                if error.code != "UNIMPLEMENTED":
                    raise
        self._seen = max((item.meta.version.index for item in objects), default=0)
        for item in objects:
            if isinstance(item, objects_pb2.Cluster):
                self._cluster_id = item.id
        return Listed(tuple(objects), self._seen)

    async def _find(self, kind: type[Message], found: list[Any]) -> list[Any]:
        if kind is objects_pb2.Resource:
            return await self._control.volume_failures(
                item for item in found if isinstance(item, objects_pb2.Volume)
            )
        return await self._control.find(kind)

    def _changed(self, message: watch_pb2.WatchMessage) -> Changed:
        changes = []
        newest = message.version.index
        is_shared = len(message.events) > 1
        for event in message.events:
            which = event.object.WhichOneof("Object")
            if which is None:
                continue
            item = getattr(event.object, which)
            if is_shared:
                # A part keeps its whole message in memory; one task must not keep a thousand others.
                item, part = type(item)(), item
                item.CopyFrom(part)
            if not message.version.index:
                newest = max(newest, item.meta.version.index)
            changes.append(Change(_ACTIONS.get(event.action, Action.UPDATED), item))
        self._seen = max(self._seen or 0, newest)
        return Changed(tuple(changes), self._seen)
