"""One published TCP port on this node: whoever connects is led to a task of the service, on whatever node it is."""

import asyncio
import logging
import socket
from contextlib import ExitStack

from swarm_core.api.proto.endpoints_pb2 import Backend
from swarm_core.runtime.tasks import Group

from swarm_agentd.ports.connections import Connections, Search
from swarm_agentd.ports.limits import BACKLOG, CONNECTIONS_MAX
from swarm_agentd.ports.pipe import Side, keep_alive
from swarm_agentd.ports.reach import Reach, Unreachable
from swarm_agentd.ports.table import RouteKey
from swarm_agentd.ports.tasks import Target

_log = logging.getLogger(__name__)


class TcpPort:
    """`open` listens, `close` stops that; connections go on until they end by themselves. They begin in `group`."""

    def __init__(
        self, key: RouteKey, search: Search, reach: Reach, connections: Connections, group: Group
    ) -> None:
        self._key = key
        self._search, self._reach = search, reach
        self._connections, self._group = connections, group
        self._server: asyncio.Server | None = None
        self._count = 0

    async def open(self, host: str | None) -> None:
        """Listen on all addresses of the machine, or on one. Raises OSError."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Side(made=self._accept),
            host,
            self._key[1],
            backlog=BACKLOG,
            reuse_address=True,
            start_serving=False,  # so that it can be closed if this is cancelled from here on
        )
        for sock in self._server.sockets:
            keep_alive(sock)
        await self._server.start_serving()

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _accept(self, client: Side) -> None:
        if self._server is None:  # it was accepted while the port was closed
            client.reset()
            return
        held = self._connections.begin() if self._count < CONNECTIONS_MAX else None
        if held is None:
            self._connections.refused(f"published port {self._key[1]}/tcp")
            client.reset()
            return
        self._count += 1
        held.callback(self._end)
        self._connections.keep(client.reset, held)
        self._group.spawn(self._lead(client, held), name=f"connection to port {self._key[1]}")

    def _end(self) -> None:
        self._count -= 1

    async def _lead(self, client: Side, held: ExitStack) -> None:
        async def way(backend: Backend, target: Target) -> tuple[socket.socket, ExitStack]:
            """A socket to the task, and what is to be closed when the connection has ended."""
            if not self._reach.is_local(backend):
                place = self._search.table.place(backend.node_id)
                return await self._reach.through_gate(backend, place, target), ExitStack()
            counted = ExitStack()
            try:
                return await self._reach.local(backend.task_id, target, counted), counted
            except BaseException:
                counted.close()
                raise

        with ExitStack() as undo:
            undo.callback(held.close)
            undo.callback(client.reset)
            try:
                backend, (sock, counted) = await self._search.first(self._key, way)
            except Unreachable:
                return
            self._search.table.answered(backend.task_id)
            held.callback(self._search.table.count, backend.task_id, -1)
            held.push(counted)
            undo.callback(sock.close)
            task = Side()
            try:
                await asyncio.get_running_loop().create_connection(lambda: task, sock=sock)
            except OSError as error:
                _log.warning("a connection to port %d was lost at its beginning: %s", self._key[1], error)
                return
            undo.pop_all()
            client.join(task, held.close)
