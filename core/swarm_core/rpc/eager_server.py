"""grpcio's server on asyncio, made to take calls that come together together.

By itself it asks its core for one call, waits for that across two threads, and only then asks for the next: calls that
come together pay for the way one after the other, and what they write reaches the log in small entries. This one has
CALLS_AHEAD asked for at any time. Its serving loop still takes one after the other, in the order of asking, and that is
the order in which the core hands calls over.

grpcio has no public place for this. A grpcio that does not ask in the way of 1.85 serves as it does by itself.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from swarm_core.rpc.grpcio import grpc

CALLS_AHEAD = 32
_cygrpc: Any = grpc._cython.cygrpc  # type: ignore[attr-defined]
_Plain: Any = _cygrpc.AioServer
Call = asyncio.Task[Any]


class _Eager(_Plain):  # type: ignore[misc]
    """`_make_request_call_future` is asked at the start and for each call that was taken."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._ahead: deque[Call] = deque()

    def _make_request_call_future(self, method: bytes | None) -> Call:
        ask = super()._make_request_call_future
        if method is not None:  # the one method that it was registered for; we register none
            return ask(method)  # type: ignore[no-any-return]
        while len(self._ahead) < CALLS_AHEAD:
            call: Call = ask(None)
            call.add_done_callback(_look_at)
            self._ahead.append(call)
        return self._ahead.popleft()

    async def _start_shutting_down(self) -> None:
        await super()._start_shutting_down()
        # What nobody took is let go of, which cancels it: the end would wait for it.
        self._ahead.clear()


def _look_at(call: Call) -> None:
    """At its end a server fails what it was asked for, and nobody may be left who waits for that."""
    if not call.cancelled():
        call.exception()


def eager_server(options: Sequence[tuple[str, Any]], calls_max: int) -> grpc.aio.Server:
    """A server of grpcio that is not started yet."""
    # Its class cannot be passed in.
    _cygrpc.AioServer = _Eager
    try:
        return grpc.aio.server(options=options, maximum_concurrent_rpcs=calls_max)
    finally:
        _cygrpc.AioServer = _Plain
