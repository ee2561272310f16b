"""One connection to the server: bytes between asyncio and the HTTP/2 core, requests to the handlers.

Rules
1. What one read brings is answered with one write, as far as handlers answer at once. Writes of waiting handlers are
   collected for one turn of the loop; what the only call of a connection sends need not wait for others.
2. A caller is judged by its headers, before anything it sends is kept or decoded.
3. While the other end does not take what is written, it is not read; while much of what it asked for waits for it, no
   further call of it begins.
4. What the other end does wrong is counted and ends its connection; it is no line of the log.
"""

import asyncio
import functools
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from swarm_core.rpc import framing, headers
from swarm_core.rpc.call import Call, Served
from swarm_core.rpc.caller import Peer
from swarm_core.rpc.eager import Runners
from swarm_core.rpc.errors import Code, RpcFailure
from swarm_core.rpc.h2.bounds import MEMBERS, Bounds
from swarm_core.rpc.h2.connection import Connection
from swarm_core.rpc.h2.fields import Fields
from swarm_core.rpc.h2.frames import Code as H2Code
from swarm_core.rpc.refusals import Refusals
from swarm_core.runtime import transports
from swarm_core.runtime.waiting import turn

# So much is given to the core before it is written, and a handler that gives more lets the others have a turn.
_FLUSH_BYTES = 65_536
_BROKEN = "connections that broke the rules of HTTP/2"
_FAILURES: dict[int | None, str] = {
    H2Code.NO_ERROR: "connections whose client did not answer",
    H2Code.ENHANCE_YOUR_CALM: "connections that asked for too much",
}
_CLOSING = "the server is shutting down"


class Book(Protocol):
    """Who counts the calls of a connection."""

    def call_begins(self, connection: "ServerConnection") -> bool:
        """False when there is no room for it."""

    def call_ended(self, connection: "ServerConnection") -> None: ...


@dataclass(frozen=True, slots=True)
class Service:
    """What all connections of a server share."""

    methods: Mapping[str, Served]
    runners: Runners
    refusals: Refusals


@dataclass(frozen=True, slots=True)
class Terms:
    """How one peer is served: its bounds, the largest request, who counts its calls, and who is told when it is gone."""

    bounds: Bounds
    request_bytes: int
    book: Book
    gone: "Callable[[ServerConnection], None]"


class ServerConnection(asyncio.Protocol):
    """See the module. The transport's handshake is over when this is made."""

    def __init__(self, service: Service, peer: Peer, terms: Terms) -> None:
        self.peer = peer
        self.host = peer.remote_addr.rpartition(":")[0]
        self._service = service
        self._terms = terms
        self._loop = asyncio.get_running_loop()
        self.core = Connection(self, terms.bounds, self._loop.time)
        self._transport: asyncio.Transport | None = None
        self._calls: dict[int, Call] = {}
        self._waiting: deque[Call] = deque()  # requests that begin once the client has taken some answers
        self._fresh: list[Call] = []  # calls of this read whose deadlines are not watched yet
        self._queued_max = terms.bounds.queued_bytes // 4
        self._unsent = 0
        self._is_reading = False
        self._is_flushing = False
        self._flush_is_due = False
        self._is_paused = False
        self._resumed = asyncio.Event()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._is_reading = True
        try:
            self.core.receive(data)
        finally:
            self._is_reading = False
        self._flush()
        if self._fresh:
            self._watch_deadlines()

    def eof_received(self) -> bool:
        # Nobody reads what would follow; a polite end of TLS would wait for an answer that never comes.
        self.abort()
        return False

    def pause_writing(self) -> None:
        self._is_paused = True
        self._resumed.clear()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._is_paused = False
        self._resumed.set()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._flush_soon()

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        self._resumed.set()
        if self.core.has_failed:
            self._service.refusals.count(_FAILURES.get(self.core.failure_code, _BROKEN))
        self._lose_calls()
        self._waiting.clear()
        self._terms.gone(self)
        # The core knows its receiver: together they would wait for the collector.
        self.core = _nobodys_core()

    # what the core tells

    def request(self, stream: int, fields: Fields, ended: bool) -> None:
        head = fields.parsed
        if head is None:
            head = fields.parsed = headers.read(fields.pairs)
        if type(head) is headers.Refusal:
            self._service.refusals.count(f"calls with a wrong {head.reason}")
            self.core.respond(stream, head.block, ended=True)
            return
        served = self._service.methods.get(head.path)
        if served is None:
            self._refuse(stream, Code.UNIMPLEMENTED, _unknown(head.path))
            return
        if not self._terms.book.call_begins(self):
            self._refuse(stream, Code.RESOURCE_EXHAUSTED, "too many calls at once")
            return
        call = Call(self, stream, served, head, self.peer, self._terms.request_bytes)
        self._calls[stream] = call
        try:
            call.caller = served.admit(call)
        except RpcFailure as failure:
            self._service.refusals.count("calls of callers who may not make them")
            call.fail(failure.code, failure.message)
            return
        if call.deadline is not None:
            self._fresh.append(call)
        if served.client_streaming:
            if ended:
                call.take(b"", True)
            self._begin(call, None)
        elif ended:
            self.data(stream, b"", True)

    def data(self, stream: int, data: bytes, ended: bool) -> None:
        call = self._calls.get(stream)
        if call is None:
            return
        if ended and not call.served.client_streaming and not call.has_part:
            message = framing.whole(data, self._terms.request_bytes)
            if message is not None:
                self.core.consumed(stream, len(data))
                self._begin(call, message)
                return
        call.take(data, ended)
        if ended and not call.served.client_streaming and not call.is_over:
            try:
                self._begin(call, call.sole_request())
            except RpcFailure as failure:
                call.fail(failure.code, failure.message)

    def reset(self, stream: int, code: int) -> None:
        call = self._calls.get(stream)
        if call is not None:
            call.lost()

    def writable(self, stream: int) -> None:
        call = self._calls.get(stream)
        if call is not None:
            call.written()

    # for calls

    def sent(self, size: int) -> bool:
        self._unsent += size
        # The only call's first message of a turn need not wait for others; the next ones are collected.
        if len(self._calls) == 1 and not (self._is_reading or self._flush_is_due):
            self._flush()
        self._flush_soon()
        return self._is_paused or self._unsent >= _FLUSH_BYTES

    async def room(self) -> None:
        self._flush()
        if self._is_paused:
            await self._resumed.wait()
        else:
            await turn()

    def answered(self, call: Call, size: int) -> None:
        self._unsent += size
        self._forget(call)
        # Another handler could only add to it while another call is under way.
        if self._calls or self._is_reading or self._is_flushing:
            self._flush_soon()
        else:
            self._flush()

    def ended(self, call: Call) -> None:
        self._forget(call)
        self._flush_soon()

    # for the listener

    @property
    def is_at_work(self) -> bool:
        return bool(self._calls)

    def tick(self) -> None:
        """Called about once a second."""
        self.core.tick()
        self._flush()

    def give_way(self) -> None:
        """Take no new calls, and close once those under way have ended."""
        self.core.shut_down()
        self._flush()

    def end(self) -> None:
        """Fail the calls under way, and close."""
        for call in list(self._calls.values()):
            call.end_with(Code.UNAVAILABLE, _CLOSING)
        self.core.shut_down()
        self._flush()
        if self._transport is not None:
            transports.close(self._transport)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # inside

    def _begin(self, call: Call, message: bytes | None) -> None:
        if message is not None and (self._waiting or self._is_congested()):
            call.kept = message
            self._waiting.append(call)
        else:
            call.task = self._service.runners.start(call.served.serve(call, message))

    def _forget(self, call: Call) -> None:
        del self._calls[call.stream]
        self._terms.book.call_ended(self)

    def _is_congested(self) -> bool:
        return self._is_paused or self._unsent >= _FLUSH_BYTES or self.core.queued > self._queued_max

    def _begin_waiting(self) -> None:
        while self._waiting and not self._is_congested():
            call = self._waiting.popleft()
            if not call.is_over:
                call.task = self._service.runners.start(call.served.serve(call, call.kept))

    def _refuse(self, stream: int, code: Code, text: str) -> None:
        self.core.respond(stream, headers.refused(code, text), ended=True)

    def _watch_deadlines(self) -> None:
        for call in self._fresh:
            if not call.is_over and call.deadline is not None:
                call.timer = self._loop.call_at(call.deadline, call.expire)
        self._fresh.clear()

    def _flush_soon(self) -> None:
        if not (self._is_reading or self._flush_is_due):
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        if self._is_flushing:
            return
        self._is_flushing = True
        try:
            while True:
                self._write_out()
                if not self._waiting or self._is_congested():
                    break
                self._begin_waiting()
        finally:
            self._is_flushing = False

    def _write_out(self) -> None:
        self._unsent = 0
        transport = self._transport
        if transport is None:
            return
        while not self._is_paused and (output := self.core.take_output()):
            if not transport.is_closing():
                transport.write(output)
        if self.core.is_over:
            transports.close(transport)
        if self.core.has_failed and self._calls:
            self._lose_calls()

    def _lose_calls(self) -> None:
        for call in list(self._calls.values()):
            call.lost()


def _unknown(path: str) -> str:
    service, _, method = path.removeprefix("/").rpartition("/")
    return f"unknown method {method[:100]} for service {service[:100]}"


class _Nobody:
    """Hears of a connection that is gone: nothing."""

    def request(self, stream: int, fields: Fields, ended: bool) -> None: ...

    def data(self, stream: int, data: bytes, ended: bool) -> None: ...

    def reset(self, stream: int, code: int) -> None: ...

    def writable(self, stream: int) -> None: ...


@functools.cache
def _nobodys_core() -> Connection:
    """For whoever still speaks of a stream when the connection is gone: it knows none."""
    return Connection(_Nobody(), MEMBERS, lambda: 0.0)
