"""The answering end of a link (see `link`): messages in order, calls side by side.

Rules: only managers get this far; each call is judged like one over gRPC. What comes while nothing waits is taken at once, without
a turn of the loop. Messages that wait are bounded: a peer that sends faster than we take is not read meanwhile. When the
connection ends, so do its calls. A stream waits while its items are not read.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from google.protobuf.message import Message

from swarm_core.api.names import MANAGER_ROLE
from swarm_core.api.tolerant import reader
from swarm_core.rpc import adapter
from swarm_core.rpc.adapter import Method
from swarm_core.rpc.authorization import Metadata
from swarm_core.rpc.caller import Caller, Peer
from swarm_core.rpc.errors import Code, PermissionDenied, RpcFailure, Unimplemented
from swarm_core.rpc.link import Kind, Link, LinkLost, LinkRefusal, pack_refusal, unpack_call
from swarm_core.runtime.tasks import Group

_log = logging.getLogger(__name__)
_ONLY_MANAGERS = frozenset({MANAGER_ROLE})
_WAITING_MAX = 8192


@dataclass(frozen=True, slots=True)
class LinkService:
    """What links are served with. `message` takes one message and the length of its sender's ticks in seconds; when it gives
    something to wait for, the message is taken after that. Its RpcFailure is the answer to the next ping. Calls are for the
    leader alone: `leads` says whether this manager is that. `authorize` gives who calls, and raises PermissionDenied."""

    message: Callable[[bytes, float], Awaitable[None] | None]
    leads: Callable[[], bool]
    methods: Mapping[str, Method]
    authorize: Callable[[frozenset[str], Peer, Metadata], Caller]
    plain: tuple[type[Exception], ...]

    def admits(self, peer: Peer) -> bool:
        """Whether the other end of a connection is a manager of this cluster."""
        try:
            self.authorize(_ONLY_MANAGERS, peer, ())
        except PermissionDenied:
            return False
        return True

    async def call(self, body: bytes, peer: Peer) -> bytes:
        """The answer, encoded. Raises what the call ends with."""
        method, request, caller = self._admitted(body, peer, is_stream=False)
        return adapter.encoded(await method.call(request, caller))

    async def stream(self, body: bytes, peer: Peer) -> AsyncIterator[bytes]:
        """The messages of a stream, encoded. Raises what it ends with."""
        method, request, caller = self._admitted(body, peer, is_stream=True)
        async with aclosing(method.call(request, caller)) as messages:
            async for message in messages:
                yield adapter.encoded(message)

    def _admitted(self, body: bytes, peer: Peer, *, is_stream: bool) -> tuple[Method, Message, Caller]:
        """Raises LinkRefusal, RpcFailure, and ValueError where the call is malformed."""
        path, metadata, request = unpack_call(body)
        if not self.leads():
            raise LinkRefusal(Code.UNAVAILABLE, "this manager does not lead the cluster", not_done=True)
        method = self.methods.get(path)
        if method is None or method.client_streaming or method.server_streaming is not is_stream:
            raise Unimplemented(f"{path} is not served here")
        caller = self.authorize(method.roles, peer, metadata)
        return method, reader(method.request)(request), caller

    def refusal(self, error: Exception) -> bytes:
        """What the other end is told of a failure."""
        code, text = adapter.status_of(error, "a call over a link", self.plain)
        return pack_refusal(code, text, not_done=bool(getattr(error, "not_done", False)))


class _Waiting(NamedTuple):
    """A frame whose turn has not come, or (`taking`) a message that is being taken."""

    kind: int
    number: int
    body: bytes
    taking: Awaitable[None] | None = None

    def asks_as(self, number: int) -> bool:
        """Whether it is the call or stream of that number."""
        return self.number == number and self.kind in (Kind.CALL, Kind.STREAM)


class LinkServer(Link):
    """One connection. `run` serves it until it ends."""

    def __init__(self, service: LinkService, peer: Peer) -> None:
        super().__init__()
        self._service = service
        self._peer = peer
        self._ordered: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._group: Group | None = None
        self._is_taking = False
        self._refusal: RpcFailure | None = None
        self._has_ended = False
        self._writable = asyncio.Event()
        self._writable.set()

    def frame_received(self, kind: int, number: int, body: bytes) -> None:
        if kind == Kind.CANCEL:
            self._cancel(number)
            return
        taking = None
        if self._group is not None and not self._ordered and not self._is_taking:
            taking = self._take(self._group, kind, number, body)
            if taking is None:
                return
        self._ordered.append(_Waiting(kind, number, body, taking))
        if len(self._ordered) > _WAITING_MAX and self.transport is not None:
            self.transport.pause_reading()
        self._arrived.set()

    def _cancel(self, number: int) -> None:
        """End a call or a stream, also one whose turn has not come."""
        # Taken out here: a task that is cancelled before its first step does not come to do that.
        task = self._calls.pop(number, None)
        if task is not None:
            task.cancel()
        else:
            self._ordered = deque(one for one in self._ordered if not one.asks_as(number))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, _: Exception | None) -> None:
        self._has_ended = True
        self._arrived.set()

    async def run(self) -> None:
        try:
            async with Group() as group:
                await self._take_all(group)
                self._group = None
                group.cancel_all()
        finally:
            self._group = None
            self.abort()

    async def _take_all(self, group: Group) -> None:
        self._group = group
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            self._is_taking = True
            while self._ordered:
                kind, number, body, taking = self._ordered.popleft()
                taking = taking or self._take(group, kind, number, body)
                if taking is not None:
                    await self._taken(taking)
            self._is_taking = False
            if self._has_ended:
                return
            if self.transport is not None and not self.transport.is_closing():
                self.transport.resume_reading()

    def _take(self, group: Group, kind: int, number: int, body: bytes) -> Awaitable[None] | None:
        """Begin what a frame asks for; what is to be waited for before the next one, if anything."""
        if kind == Kind.MESSAGE:
            try:
                return self._service.message(body, number / 1e6)
            except RpcFailure as failure:
                self._refusal = failure
        elif kind == Kind.PING:
            refusal, self._refusal = self._refusal, None
            self._answer_ping(number, refusal)
        elif kind == Kind.CALL:
            work = self._answer(number, partial(self._service.call, body, self._peer))
            self._calls[number] = group.spawn(work, name="call over a link")
        elif kind == Kind.STREAM:
            work = self._answer(number, partial(self._send_all, number, body))
            self._calls[number] = group.spawn(work, name="stream over a link")
        return None

    async def _taken(self, taking: Awaitable[None]) -> None:
        try:
            await taking
        except RpcFailure as failure:
            self._refusal = failure

    def _answer_ping(self, number: int, refusal: RpcFailure | None) -> None:
        if refusal is None:
            self._tell(Kind.PONG, number, b"")
        else:
            self._tell(Kind.REFUSAL, number, pack_refusal(refusal.code, refusal.message, not_done=True))

    async def _send_all(self, number: int, body: bytes) -> bytes:
        """Send the items of a stream; nothing is left for its answer."""
        async with aclosing(self._service.stream(body, self._peer)) as items:  # type: ignore[type-var]
            async for item in items:
                self._tell(Kind.ITEM, number, item)
                await self._writable.wait()
        return b""

    async def _answer(self, number: int, answering: Callable[[], Awaitable[bytes]]) -> None:
        try:
            kind, answer = Kind.ANSWER, await answering()
        except ValueError as error:
            _log.warning("a call of %s is malformed: %s", self._peer.remote_addr, error)
            kind, answer = Kind.REFUSAL, pack_refusal(Code.INTERNAL, str(error), not_done=True)
        except Exception as error:  # noqa: BLE001 - every failure becomes a status, which tells bugs apart
            kind, answer = Kind.REFUSAL, self._service.refusal(error)
        finally:
            self._calls.pop(number, None)
        self._tell(kind, number, answer)

    def _tell(self, kind: Kind, number: int, body: bytes) -> None:
        try:
            self.write(kind, number, body)
        except LinkLost as lost:
            _log.debug("an answer for %s is lost: %s", self._peer.remote_addr, lost)
