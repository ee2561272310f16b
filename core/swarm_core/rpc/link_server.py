"""The answering end of a link (see `link`): messages in order, calls side by side.

Rules: only managers get this far; each call is judged like one over gRPC. Messages that wait are bounded: a peer that
sends faster than we take is not read meanwhile. When the connection ends, so do its calls.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from swarm_core.api.names import MANAGER_ROLE
from swarm_core.api.tolerant import reader
from swarm_core.rpc import adapter
from swarm_core.rpc.adapter import Method
from swarm_core.rpc.authorization import Authorizer
from swarm_core.rpc.caller import Peer
from swarm_core.rpc.errors import Code, PermissionDenied, RpcFailure, Unimplemented
from swarm_core.rpc.link import Kind, Link, LinkLost, LinkRefusal, pack_refusal, unpack_call
from swarm_core.runtime.tasks import Group

_log = logging.getLogger(__name__)
_ONLY_MANAGERS = frozenset({MANAGER_ROLE})
_WAITING_MAX = 8192


@dataclass(frozen=True, slots=True)
class LinkService:
    """What links are served with. `message` takes one message and the length of its sender's ticks in seconds; its RpcFailure is the answer to the next ping. Calls are for
    the leader alone: `leads` says whether this manager is that."""

    message: Callable[[bytes, float], Awaitable[None]]
    leads: Callable[[], bool]
    methods: Mapping[str, Method]
    authorizer: Authorizer
    plain: tuple[type[Exception], ...]

    def admits(self, peer: Peer) -> bool:
        """Whether the other end of a connection is a manager of this cluster."""
        try:
            self.authorizer.authorize(_ONLY_MANAGERS, peer, ())
        except PermissionDenied:
            return False
        return True

    async def call(self, body: bytes, peer: Peer) -> bytes:
        """The answer, encoded. Raises what the call ends with."""
        path, metadata, request = unpack_call(body)
        if not self.leads():
            raise LinkRefusal(Code.UNAVAILABLE, "this manager does not lead the cluster", not_done=True)
        method = self.methods.get(path)
        if method is None or method.client_streaming or method.server_streaming:
            raise Unimplemented(f"{path} is not served here")
        caller = self.authorizer.authorize(method.roles, peer, metadata)
        return adapter.encoded(await method.call(reader(method.request)(request), caller))

    def refusal(self, error: Exception) -> bytes:
        """What the other end is told of a failure."""
        code, text = adapter.status_of(error, "a call over a link", self.plain)
        return pack_refusal(code, text, not_done=bool(getattr(error, "not_done", False)))


class LinkServer(Link):
    """One connection. `run` serves it until it ends."""

    def __init__(self, service: LinkService, peer: Peer) -> None:
        super().__init__()
        self._service = service
        self._peer = peer
        self._ordered: deque[tuple[int, int, bytes]] = deque()
        self._arrived = asyncio.Event()
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._group: Group | None = None
        self._has_ended = False

    def frame_received(self, kind: int, number: int, body: bytes) -> None:
        if kind == Kind.CANCEL:
            task = self._calls.get(number)
            if task is not None:
                task.cancel()
            return
        self._ordered.append((kind, number, body))
        if len(self._ordered) > _WAITING_MAX and self.transport is not None:
            self.transport.pause_reading()
        self._arrived.set()

    def connection_lost(self, _: Exception | None) -> None:
        self._has_ended = True
        self._arrived.set()

    async def run(self) -> None:
        try:
            async with Group() as group:
                self._group = group
                await self._take_all(group)
                group.cancel_all()
        finally:
            self.abort()

    async def _take_all(self, group: Group) -> None:
        refusal: RpcFailure | None = None
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._ordered:
                kind, number, body = self._ordered.popleft()
                if kind == Kind.MESSAGE:
                    refusal = await self._take_message(body, number / 1e6) or refusal
                elif kind == Kind.PING:
                    self._answer_ping(number, refusal)
                    refusal = None
                elif kind == Kind.CALL:
                    task = group.spawn(self._answer(number, body), name="call over a link")
                    self._calls[number] = task
            if self._has_ended:
                return
            if self.transport is not None and not self.transport.is_closing():
                self.transport.resume_reading()

    async def _take_message(self, body: bytes, tick_s: float) -> RpcFailure | None:
        try:
            await self._service.message(body, tick_s)
        except RpcFailure as failure:
            return failure
        return None

    def _answer_ping(self, number: int, refusal: RpcFailure | None) -> None:
        if refusal is None:
            self._tell(Kind.PONG, number, b"")
        else:
            self._tell(Kind.REFUSAL, number, pack_refusal(refusal.code, refusal.message, not_done=True))

    async def _answer(self, number: int, body: bytes) -> None:
        try:
            kind, answer = Kind.ANSWER, await self._service.call(body, self._peer)
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
