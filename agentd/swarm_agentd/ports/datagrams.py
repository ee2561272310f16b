"""Ways for datagrams to one task: a socket on this node, or a connection to another node's gate that carries them with their lengths.

Datagrams may be lost, and are, where whoever is next does not take them: nothing waits for room.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from swarm_core.api.proto.types_pb2 import PortConfig

from swarm_agentd.ports import sockets
from swarm_agentd.ports.limits import BUFFER_BYTES, DATAGRAM_BYTES_MAX
from swarm_agentd.ports.reach import LOOPBACK
from swarm_agentd.ports.words import FRAME

_READS_MAX = 64
"""Datagrams that are taken at once before others have their turn."""


def _nothing(_: bytes = b"") -> None:
    """Nobody listens yet."""


class LocalWay:
    """To a UDP port of this node. `got` is called with each answer, `lost` once when the port is closed."""

    def __init__(self, number: int) -> None:
        self.got: Callable[[bytes], None] = _nothing
        self.lost: Callable[[], None] = _nothing
        self._loop = asyncio.get_running_loop()
        host, family = LOOPBACK[0]
        if sockets.is_free_in(
            family, PortConfig.UDP, number
        ):  # then the task listens in the other family alone
            host, family = LOOPBACK[1]
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect((host, number))
        self._loop.add_reader(self._socket.fileno(), self._read)
        self._is_closed = False

    def send(self, data: bytes) -> None:
        if self._is_closed:
            return
        try:
            self._socket.send(data)
        except BlockingIOError:
            return
        except OSError:
            self._lose()

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _read(self) -> None:
        for _ in range(_READS_MAX):
            if self._is_closed:
                return
            try:
                data = self._socket.recv(DATAGRAM_BYTES_MAX)
            except BlockingIOError:
                return
            except OSError:  # the kernel was told that nobody listens there
                self._lose()
                return
            self.got(data)

    def _lose(self) -> None:
        self.close()
        self.lost()


class FramedWay(asyncio.Protocol):
    """Datagrams over a connection between two nodes, each after its length. `got` and `lost` as above."""

    def __init__(self) -> None:
        self.got: Callable[[bytes], None] = _nothing
        self.lost: Callable[[], None] = _nothing
        self._transport: asyncio.Transport | None = None
        self._heard = bytearray()

    def send(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > BUFFER_BYTES:
            return
        transport.write(FRAME.pack(len(data)) + data)

    def close(self) -> None:
        self.lost = _nothing
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop has classes of its own
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        heard = self._heard
        heard += data
        start = 0
        while len(heard) - start >= FRAME.size:
            (length,) = FRAME.unpack_from(heard, start)
            end = start + FRAME.size + length
            if end > len(heard):
                break
            self.got(bytes(heard[start + FRAME.size : end]))
            start = end
        del heard[:start]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost()


Way = LocalWay | FramedWay


def tie(one: Way, other: Way, ended: Callable[[], None]) -> Callable[[], None]:
    """What comes from one goes to the other; the end of one is the end of both. `ended` is called once. The result ends both."""
    is_ended = False

    def end() -> None:
        nonlocal is_ended
        if not is_ended:
            is_ended = True
            one.close()
            other.close()
            ended()

    one.got, other.got = other.send, one.send
    one.lost = other.lost = end
    return end
