"""One published UDP port on this node.

Rules (docs/design/ports.md P.6)
1. Datagrams of one client make a session, which leads to one task. It ends after SESSION_IDLE_S without any. There are SESSIONS_MAX of
   them; a new one then takes the place of the one that was idle longest.
2. When the task of a session takes no more, the next datagram begins a session with another task. Answers that are still under way from the
   old one reach the client.
3. An answer leaves from the address that the client wrote to.
"""

import asyncio
import socket
import struct
from collections import OrderedDict, deque
from contextlib import ExitStack
from dataclasses import dataclass, field

from swarm_core.api.proto.endpoints_pb2 import Backend
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

from swarm_agentd.ports.connections import Connections, Search
from swarm_agentd.ports.datagrams import FramedWay, LocalWay, Way
from swarm_agentd.ports.limits import (
    DATAGRAM_BYTES_MAX,
    SESSION_IDLE_S,
    SESSION_WAITING_MAX,
    SESSIONS_MAX,
)
from swarm_agentd.ports.reach import Reach, Unreachable
from swarm_agentd.ports.table import RouteKey
from swarm_agentd.ports.tasks import Target

_READS_MAX = 64
_IP_PKTINFO = 8
_INFO_4, _INFO_6 = struct.Struct("=I4s4s"), struct.Struct("=16sI")
_ANCILLARY_BYTES = socket.CMSG_SPACE(max(_INFO_4.size, _INFO_6.size))
Address = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class _Client:
    """Who wrote, and how an answer finds the way back: the socket, and which of the machine's addresses it leaves from."""

    index: int
    address: Address
    info: bytes


@dataclass(eq=False, slots=True)
class _Session:
    client: _Client
    used_at: float
    held: ExitStack
    way: Way | None = None
    backend: Backend | None = None
    waiting: deque[bytes] = field(default_factory=lambda: deque(maxlen=SESSION_WAITING_MAX))


class UdpPort:
    """`open` listens, `close` ends every session. Sessions begin in `group`; `sweep` is to be called now and then."""

    def __init__(
        self,
        key: RouteKey,
        search: Search,
        reach: Reach,
        connections: Connections,
        group: Group,
        clock: Clock,
    ) -> None:
        self._key = key
        self._search, self._reach = search, reach
        self._connections, self._group, self._clock = connections, group, clock
        self._sockets: list[socket.socket] = []
        self._sessions: OrderedDict[_Client, _Session] = OrderedDict()
        self._retired: list[_Session] = []

    async def open(self, host: str | None) -> None:
        """Listen on all addresses of the machine, or on one. Raises OSError."""
        loop = asyncio.get_running_loop()
        try:
            for family, address in _addresses(host, self._key[1]):
                self._sockets.append(_bound(family, address))
        except OSError:
            self.close()
            raise
        for index, sock in enumerate(self._sockets):
            loop.add_reader(sock.fileno(), self._read, index)

    def close(self) -> None:
        for sock in self._sockets:
            asyncio.get_running_loop().remove_reader(sock.fileno())
            sock.close()
        self._sockets.clear()
        for session in [*self._sessions.values(), *self._retired]:
            _end(session)
        self._sessions.clear()
        self._retired.clear()

    def sweep(self) -> None:
        """End sessions that are idle, and those that were left behind."""
        for session in self._retired:
            _end(session)
        self._retired.clear()
        idle_since = self._clock.monotonic() - SESSION_IDLE_S
        while self._sessions and (oldest := next(iter(self._sessions.values()))).used_at <= idle_since:
            self._drop(oldest)

    def _read(self, index: int) -> None:
        for _ in range(_READS_MAX):
            if not self._sockets:
                return
            try:
                data, ancillary, _, address = self._sockets[index].recvmsg(
                    DATAGRAM_BYTES_MAX, _ANCILLARY_BYTES
                )
            except OSError:  # nothing there, or word of an answer that did not arrive
                return
            info = next((bytes(item) for level, kind, item in ancillary if _is_info(level, kind)), b"")
            self._take(_Client(index, tuple(address), info), data)

    def _take(self, client: _Client, data: bytes) -> None:
        session = self._sessions.get(client)
        if session is not None and not self._goes_on(session):
            del self._sessions[client]
            self._retired.append(session)
            session = None
        if session is None and (session := self._begin(client)) is None:
            return
        self._touch(session)
        if session.way is not None:
            session.way.send(data)
        else:
            session.waiting.append(data)

    def _begin(self, client: _Client) -> _Session | None:
        if len(self._sessions) >= SESSIONS_MAX:
            self._drop(next(iter(self._sessions.values())))
        held = self._connections.begin()
        if held is None:
            self._connections.refused(f"published port {self._key[1]}/udp")
            return None
        session = _Session(client, self._clock.monotonic(), held)
        self._sessions[client] = session
        self._group.spawn(self._lead(session), name=f"session at port {self._key[1]}")
        return session

    def _goes_on(self, session: _Session) -> bool:
        backend = session.backend
        if backend is None:
            return True
        if self._reach.is_local(backend) and (target := self._search.table.target(self._key)) is not None:
            return self._reach.tasks.number(backend.task_id, target) is not None
        return self._search.table.has(self._key, backend.task_id)

    def _touch(self, session: _Session) -> None:
        session.used_at = self._clock.monotonic()
        if self._sessions.get(session.client) is session:
            self._sessions.move_to_end(session.client)

    async def _lead(self, session: _Session) -> None:
        try:
            backend, way = await self._search.first(self._key, self._way)
        except Unreachable:
            self._drop(session)
            return
        session.held.callback(self._search.table.count, backend.task_id, -1)
        session.held.callback(way.close)
        if self._sessions.get(session.client) is not session:  # it was dropped meanwhile
            session.held.close()
            return
        session.backend, session.way = backend, way
        way.got = lambda data: self._answer(session, data)
        way.lost = lambda: self._lost(session)
        while session.waiting:
            way.send(session.waiting.popleft())

    async def _way(self, backend: Backend, target: Target) -> Way:
        try:
            if self._reach.is_local(backend):
                return LocalWay(self._reach.local_number(backend.task_id, target))
            place = self._search.table.place(backend.node_id)
            sock = await self._reach.through_gate(backend, place, target)
            _, way = await asyncio.get_running_loop().create_connection(FramedWay, sock=sock)
        except OSError as error:
            raise Unreachable(str(error)) from None
        return way

    def _answer(self, session: _Session, data: bytes) -> None:
        if not self._sockets:
            return
        self._touch(session)
        if session.backend is not None:
            self._search.table.answered(session.backend.task_id)
        client = session.client
        try:
            self._sockets[client.index].sendmsg([data], _from_address(client), 0, client.address)
        except OSError:
            return  # a datagram that cannot be sent is lost

    def _lost(self, session: _Session) -> None:
        if session.backend is not None:
            self._search.table.avoid(session.backend.task_id, self._clock.monotonic())
        self._drop(session)

    def _drop(self, session: _Session) -> None:
        if self._sessions.get(session.client) is session:
            del self._sessions[session.client]
        _end(session)


def _end(session: _Session) -> None:
    session.held.close()


def _addresses(host: str | None, port: int) -> list[tuple[socket.AddressFamily, Address]]:
    if host is None:
        everywhere = [(socket.AF_INET, ("0.0.0.0", port)), (socket.AF_INET6, ("::", port))]  # noqa: S104 - it is published
        return [(family, address) for family, address in everywhere if _has(family)]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return [(family, (host, port))]


def _has(family: socket.AddressFamily) -> bool:
    try:
        socket.socket(family, socket.SOCK_DGRAM).close()
    except OSError:
        return False
    return True


def _bound(family: socket.AddressFamily, address: Address) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _is_info(level: int, kind: int) -> bool:
    return (level, kind) in ((socket.IPPROTO_IP, _IP_PKTINFO), (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO))


def _from_address(client: _Client) -> list[tuple[int, int, bytes]]:
    if len(client.info) == _INFO_4.size:
        _, _, written_to = _INFO_4.unpack(client.info)
        info = _INFO_4.pack(0, written_to, b"\0" * 4)
        return [(socket.IPPROTO_IP, _IP_PKTINFO, info)]
    if len(client.info) == _INFO_6.size:
        return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, client.info)]
    return []
