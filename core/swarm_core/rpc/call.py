"""One call under way on the server: what its adapter reads and writes, and what its connection tells it.

Rules
1. Nothing is kept without bound. The client may replace what it sent once the handler has taken it, and a handler that
   writes waits while the client, or the line to it, takes no more.
2. A call ends once: with an answer, a failure, its deadline, or the client. What comes afterwards is dropped, and a
   handler that still works on it is cancelled.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from swarm_core.rpc import headers
from swarm_core.rpc.caller import Caller, Peer
from swarm_core.rpc.errors import Code, Internal, RpcFailure
from swarm_core.rpc.framing import MessageReader, framed
from swarm_core.rpc.h2.connection import Connection
from swarm_core.rpc.h2.frames import Code as H2Code
from swarm_core.rpc.headers import Head

# So many bytes of a stream may wait for its handler before the client is held up, beside what its window lets through.
_WAITING_BYTES = 65_536


class Wire(Protocol):
    """The connection, as its calls use it."""

    core: Connection

    def sent(self, size: int) -> bool:
        """So much was given to the core. True: wait for `room` before giving more."""

    async def room(self) -> None:
        """Return when the transport takes more."""

    def answered(self, call: "Call", size: int) -> None:
        """The call is over with an answer of so many bytes, which was given to the core."""

    def ended(self, call: "Call") -> None:
        """The call is over in another way."""


class Call:
    """See the module. `caller` is who makes it, as far as this server has judged that."""

    __slots__ = (
        "_arrived", "_has_begun", "_has_ended", "_held", "_is_over", "_loop", "_messages", "_reader", "_waiting",
        "_wire", "_writable", "caller", "deadline", "head", "kept", "peer", "served", "stream", "task", "timer",
    )  # fmt: skip

    def __init__(self, wire: Wire, stream: int, served: "Served", head: Head, peer: Peer, limit: int) -> None:
        self.stream = stream
        self.served = served
        self.head = head
        self.peer = peer
        self.caller: Caller | None = None
        self.kept = b""  # its request, while it waits to begin
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.deadline = None if head.timeout_s is None else self._loop.time() + head.timeout_s
        self._wire = wire
        self._reader = MessageReader(limit)
        self._messages: deque[bytes] = deque()
        self._waiting = self._held = 0
        self._arrived: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._has_begun = self._has_ended = self._is_over = False

    # for adapters

    @property
    def metadata(self) -> headers.Metadata:
        return self.head.metadata

    @property
    def is_over(self) -> bool:
        return self._is_over

    def time_remaining(self) -> float | None:
        """Seconds until the caller's deadline; None when it set none."""
        return None if self.deadline is None else max(0.0, self.deadline - self._loop.time())

    async def requests(self) -> AsyncIterator[bytes]:
        """The messages of the client, to its end."""
        while True:
            while self._messages:
                message = self._messages.popleft()
                self._taken(len(message))
                yield message
            if self._has_ended:
                return
            self._arrived = self._loop.create_future()
            try:
                await self._arrived
            finally:
                self._arrived = None

    async def write(self, message: bytes) -> None:
        """Send one message of a stream; returns when the next one may be made."""
        if self._is_over:
            raise asyncio.CancelledError
        core = self._wire.core
        self._begin()
        is_through = core.send(self.stream, framed(message))
        if not is_through:
            self._writable = self._loop.create_future()
        must_wait = self._wire.sent(len(message))
        if self._writable is not None:
            try:
                await self._writable
            finally:
                self._writable = None
        elif must_wait:
            await self._wire.room()

    def answer(self, message: bytes) -> None:
        """Send the only message, and end well."""
        if not self._is_over:
            self._wire.core.answer(self.stream, headers.HEAD, framed(message), headers.DONE)
            self._close()
            self._wire.answered(self, len(message))

    def finish(self) -> None:
        """End a stream of messages well."""
        if not self._is_over:
            if self._has_begun:
                self._wire.core.send(self.stream, b"", headers.DONE)
            else:
                self._wire.core.respond(self.stream, headers.NOTHING, ended=True)
            self._end()

    def fail(self, code: Code, text: str, metadata: headers.Pairs = ()) -> None:
        """End with a status other than OK."""
        if not self._is_over:
            if self._writable is not None:
                # What waits for a client that does not read would be in the way of the status.
                self._wire.core.give_up(self.stream, H2Code.CANCEL)
            elif self._has_begun:
                self._wire.core.send(self.stream, b"", headers.failed(code, text, metadata))
            else:
                self._wire.core.respond(self.stream, headers.refused(code, text, metadata), ended=True)
            self._end()

    # for the connection

    def take(self, data: bytes, ended: bool) -> None:
        """A piece of the request. One that is refused ends the call."""
        try:
            messages = self._reader.feed(data)
            if ended and not self._reader.is_between:
                raise Internal("the request was cut off inside a message")
            if not self.served.client_streaming and len(self._messages) + len(messages) > 1:
                raise Internal("the call takes one request and got more")
        except RpcFailure as failure:
            self.end_with(failure.code, failure.message)
            return
        self._messages.extend(messages)
        self._waiting += sum(map(len, messages))
        if self._waiting > _WAITING_BYTES:
            self._held += len(data)
        else:
            self._wire.core.consumed(self.stream, len(data))
        self._has_ended = ended
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    @property
    def has_part(self) -> bool:
        """Whether anything of the request is here."""
        return bool(self._messages) or not self._reader.is_between

    def sole_request(self) -> bytes:
        """The message of a call that has exactly one, once the client has ended. Raises RpcFailure."""
        if not self._messages:
            raise Internal("the call has no request")
        message = self._messages.popleft()
        self._taken(len(message))
        return message

    def written(self) -> None:
        """All that was queued has gone out."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def expire(self) -> None:
        """The caller's deadline is over."""
        self.end_with(Code.DEADLINE_EXCEEDED, "Deadline Exceeded")

    def end_with(self, code: Code, text: str) -> None:
        """Fail the call from outside of its handler."""
        self.fail(code, text)
        self._cancel()

    def lost(self) -> None:
        """The client has given up, or is gone."""
        if not self._is_over:
            self._end()
            self._cancel()

    # inside

    def _begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._wire.core.respond(self.stream, headers.HEAD)

    def _taken(self, size: int) -> None:
        self._waiting -= size
        if self._held and self._waiting <= _WAITING_BYTES:
            self._wire.core.consumed(self.stream, self._held)
            self._held = 0
            self._wire.sent(0)

    def _end(self) -> None:
        self._close()
        self._wire.ended(self)

    def _close(self) -> None:
        self._is_over = True
        self._messages.clear()
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _cancel(self) -> None:
        # A cancelled task keeps the error, and the error's frames this call: it must not be kept in turn.
        task, self.task = self.task, None
        if task is not None:
            task.cancel()


@dataclass(frozen=True, slots=True)
class Served:
    """One method, as a connection serves it. `admit` judges the caller by the headers alone and raises RpcFailure; `serve` gets the
    request of a call that has one, and None where the client sends a stream."""

    path: str
    client_streaming: bool
    admit: Callable[[Call], Caller | None]
    serve: Callable[[Call, bytes | None], Coroutine[Any, Any, None]]
