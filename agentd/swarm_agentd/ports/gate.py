"""The gate: where other nodes of the cluster come in to the tasks of this one (docs/design/ports.md P.7).

Rules
1. It leads to tasks of this node that take connections, to their published ports, and nowhere else. Whom a connection is for is said by task
   and target port, never by an address.
2. Who does not prove to be of the cluster within GREETING_S is cut off. GREETINGS_MAX may be at it at once.
3. The answer YES is given when the task has taken the connection; until then nothing is lost, and the other node tries another task.
4. It is open while a task of this node takes connections.
"""

import asyncio
from contextlib import ExitStack
from typing import cast

from swarm_core.api.proto.types_pb2 import PortConfig
from swarm_core.runtime import transports
from swarm_core.runtime.tasks import Group

from swarm_agentd.ports.connections import Connections
from swarm_agentd.ports.datagrams import FramedWay, LocalWay, tie
from swarm_agentd.ports.limits import BACKLOG, GREETING_S, GREETINGS_MAX
from swarm_agentd.ports.pipe import Side, keep_alive
from swarm_agentd.ports.reach import Reach, Unreachable
from swarm_agentd.ports.words import GREETING_BYTES_MAX, NO, YES, Greeting, Malformed, heard


class Gate:
    """`open` listens, `close` stops that and cuts off who has yet to greet. Connections begin in `group`."""

    def __init__(self, reach: Reach, connections: Connections, group: Group) -> None:
        self._reach, self._connections, self._group = reach, connections, group
        self._server: asyncio.Server | None = None
        self._visitors: set[asyncio.Transport] = set()

    @property
    def is_open(self) -> bool:
        return self._server is not None

    async def open(self, port: int) -> None:
        """Listen on all addresses of the machine. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Visitor(self), None, port, backlog=BACKLOG, reuse_address=True, start_serving=False
        )
        for sock in self._server.sockets:
            keep_alive(sock)
        await self._server.start_serving()

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for transport in list(self._visitors):
            transport.abort()

    def may_enter(self, transport: asyncio.Transport) -> bool:
        """Count somebody who begins to greet."""
        if self._server is None:  # it was accepted while the gate was closed
            return False
        if len(self._visitors) >= GREETINGS_MAX:
            self._connections.refused("gate")
            return False
        self._visitors.add(transport)
        return True

    def has_greeted(self, transport: asyncio.Transport) -> None:
        """Somebody is done with it, well or not."""
        self._visitors.discard(transport)

    def understood(self, data: bytes) -> Greeting | None:
        """See `words.heard`."""
        return heard(data, self._reach.node_id, self._reach.keys)

    def lead(self, greeting: Greeting, transport: asyncio.Transport) -> None:
        """Lead a connection that has proven itself to its task."""
        if (held := self._connections.begin()) is None:
            self._connections.refused("gate")
            transport.abort()
            return
        if greeting.protocol == PortConfig.UDP:
            self._lead_datagrams(greeting, transport, held)
            return
        visitor = Side()
        visitor.connection_made(transport)
        transport.set_protocol(visitor)
        self._connections.keep(visitor.reset, held)
        work = self._lead_connection(greeting, visitor, transport, held)
        self._group.spawn(work, name="connection at the gate")

    async def _lead_connection(
        self, greeting: Greeting, visitor: Side, transport: asyncio.Transport, held: ExitStack
    ) -> None:
        task = Side()
        with ExitStack() as undo:
            undo.callback(held.close)
            undo.callback(visitor.reset)
            try:
                sock = await self._reach.local(greeting.task_id, (greeting.protocol, greeting.target), held)
                undo.callback(sock.close)
                await asyncio.get_running_loop().create_connection(lambda: task, sock=sock)
            except (Unreachable, OSError):
                refuse(transport)
                return
            undo.pop_all()
            transport.write(YES)
            visitor.join(task, held.close)

    def _lead_datagrams(self, greeting: Greeting, transport: asyncio.Transport, held: ExitStack) -> None:
        try:
            number = self._reach.local_number(greeting.task_id, (greeting.protocol, greeting.target))
            task = LocalWay(number)
        except (Unreachable, OSError):
            refuse(transport)
            held.close()
            return
        visitor = FramedWay()
        visitor.connection_made(transport)
        self._connections.keep(tie(visitor, task, held.close), held)
        transport.set_protocol(visitor)
        transport.write(YES)
        transport.resume_reading()


def refuse(transport: asyncio.Transport) -> None:
    """Say that the task takes no connections."""
    transport.write(NO)
    transports.close(transport)


class _Visitor(asyncio.Protocol):
    """A connection that has yet to say what it wants."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._transport: asyncio.Transport | None = None
        self._heard = b""
        self._limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop has classes of its own
        self._transport = transport
        if not self._gate.may_enter(transport):
            transport.abort()
            return
        self._limit = asyncio.get_running_loop().call_later(GREETING_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        assert transport is not None
        self._heard += data
        try:
            if len(self._heard) > GREETING_BYTES_MAX:
                raise Malformed("too long")
            greeting = self._gate.understood(self._heard)
        except Malformed:
            transport.abort()
            return
        if greeting is not None:
            transport.pause_reading()
            self._finish()
            self._gate.lead(greeting, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish()

    def _finish(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
        if self._transport is not None:
            self._gate.has_greeted(self._transport)
