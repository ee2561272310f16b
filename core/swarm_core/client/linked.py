"""A connection to this node's own manager for who asks it all the time: unary calls go over a link (`rpc.link`), at a fraction of a call's cost.

Rules (docs/design/rpc.md 9.5)
1. A manager that speaks no links, as one of another make, is asked over gRPC. So is one that does not lead: it passes calls on.
2. A call that may have been taken is not made again.
3. A link that is lost is dialled again by the next call, which goes over gRPC where that fails.
4. A server stream goes over a link of its own, so that who reads it slowly holds up nobody else; streams both ways are gRPC's.
5. What the manager tells of changes (docs/design/store.md 1.11) is believed while the link is open: it ends with the manager.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from swarm_core.api.store_versions import COUNT, LEADS, LIFE, PLACE_OF, Versions
from swarm_core.api.tolerant import reader
from swarm_core.client.connection import Connection, descriptor_of
from swarm_core.client.errors import CallFailed, Unreachable
from swarm_core.rpc import link
from swarm_core.rpc.link import LinkClient, LinkLost, LinkRefusal, NotSpoken
from swarm_core.runtime.shared_numbers import SharedNumbers

_log = logging.getLogger(__name__)


class _NotDone(Exception):
    """A stream that has not begun, and may be asked for over gRPC."""


class LinkedConnection:
    """Made by `open`, implements `calls.Calls`."""

    def __init__(self, connection: Connection, path: Path, store_versions: Path | None = None) -> None:
        self._connection, self._path, self._store_versions = connection, path, store_versions
        self._told: SharedNumbers | None = None
        self._methods: dict[str, tuple[str, Callable[[bytes], Any]]] = {}
        self._link: LinkClient | None = None
        self._streaming: set[LinkClient] = set()
        self._speaks_links = True
        self._dialling = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path, store_versions: Path | None = None) -> LinkedConnection:
        """Reach the manager behind the control socket at `path`, which tells of changes in the file `store_versions`. Raises Unreachable and
        UntrustedManager."""
        return cls(await Connection.open(path), path, store_versions)

    @property
    def is_linked(self) -> bool:
        """Whether calls go over a link now."""
        return self._link is not None and self._link.is_open

    def versions(self, kinds: Iterable[type[Message]]) -> Versions | None:
        """Which objects of these kinds the manager has at this moment. None where it does not tell, or does not lead."""
        told = self._told
        if told is None or not self.is_linked or not told[LEADS]:
            return None
        return (told[LIFE], *(told[PLACE_OF[kind]] for kind in kinds))

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        """The answer of one unary call. Raises CallFailed or Unreachable."""
        found = await self._opened()
        if found is None:
            return await self._connection.call(method, request, timeout=timeout)
        path, read = self._method(method)
        try:
            async with asyncio.timeout(timeout):
                return read(await found.call(path, request.SerializeToString(), ()))
        except TimeoutError:
            text = f"the manager at {self._path} did not answer {method} within {timeout:g} s"
            raise CallFailed("DEADLINE_EXCEEDED", text) from None
        except LinkRefusal as refusal:
            if not refusal.not_done:
                raise CallFailed(refusal.code.name, refusal.message) from None
        except LinkLost as lost:
            if lost.was_sent:
                raise Unreachable(f"the connection to the manager at {self._path} was lost") from None
        return await self._connection.call(method, request, timeout=timeout)

    async def stream(self, method: str, request: Message) -> AsyncIterator[Any]:
        """See `calls.Calls`."""
        found = await self._dialled() if self._speaks_links else None
        if found is not None:
            self._streaming.add(found)
            try:
                async with aclosing(self._streamed(found, method, request)) as messages:  # type: ignore[type-var]
                    async for message in messages:
                        yield message
                return
            except _NotDone:
                pass
            finally:
                self._streaming.discard(found)
                found.abort()
        async with aclosing(self._connection.stream(method, request)) as messages:  # type: ignore[type-var]
            async for message in messages:
                yield message

    async def _streamed(self, over: LinkClient, method: str, request: Message) -> AsyncIterator[Any]:
        """The messages that come over a link. Raises _NotDone where the stream has not begun, CallFailed, Unreachable."""
        path, read = self._method(method)
        try:
            async with aclosing(over.stream(path, request.SerializeToString())) as items:  # type: ignore[type-var]
                async for item in items:
                    yield read(item)
        except LinkRefusal as refusal:
            if refusal.not_done:
                raise _NotDone from None
            raise CallFailed(refusal.code.name, refusal.message) from None
        except LinkLost as lost:
            if not lost.was_sent:
                raise _NotDone from None
            raise Unreachable(f"the connection to the manager at {self._path} was lost") from None

    def both_ways(self, method: str, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """See `calls.Calls`."""
        return self._connection.both_ways(method, requests)

    async def close(self) -> None:
        """End every call and the connections."""
        self._speaks_links = False
        for one in (self._link, *self._streaming):
            if one is not None:
                one.abort()
        self._forget_told()
        await self._connection.close()

    def _method(self, name: str) -> tuple[str, Callable[[bytes], Any]]:
        """The path of a method and what reads its answers."""
        found = self._methods.get(name)
        if found is None:
            method = descriptor_of(name)
            path = f"/{method.containing_service.full_name}/{method.name}"
            found = self._methods[name] = path, reader(GetMessageClass(method.output_type))
        return found

    async def _opened(self) -> LinkClient | None:
        """The link; None where there is none to be had."""
        if not self.is_linked and self._speaks_links:
            async with self._dialling:
                if not self.is_linked and self._speaks_links:
                    self._link = await self._dialled()
                    if self._link is not None:
                        self._listen()
        return self._link

    async def _dialled(self) -> LinkClient | None:
        try:
            return await link.dial_local(self._path)
        except NotSpoken:
            self._speaks_links = False
        except OSError as error:
            _log.debug("no link to the manager at %s: %s", self._path, error)
        return None

    def _listen(self) -> None:
        """Hear of changes from the manager that was just dialled."""
        self._forget_told()
        if self._store_versions is None:
            return
        try:
            self._told = SharedNumbers.read(self._store_versions, COUNT)
        except (OSError, ValueError) as error:
            _log.debug("the manager tells of no changes in %s: %s", self._store_versions, error)

    def _forget_told(self) -> None:
        told, self._told = self._told, None
        if told is not None:
            told.close()
