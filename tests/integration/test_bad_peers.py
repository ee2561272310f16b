"""Garbage, half handshakes and idle crowds at the control socket and the remote API: clients go on, nothing is lost.

A client works all the while, and must be answered.
"""

import asyncio
import contextlib
import random
import resource
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import psutil
import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.api.proto.control_pb2 import ListNodesRequest
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_testkit.daemons import Daemon, daemon, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.xdist_group("bad-peers")]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PATIENCE_S = 60.0
CROWD = 2000
Place = tuple[str, Daemon]


@pytest.fixture(scope="module")
def node() -> Iterator[Daemon]:
    with daemon() as node:
        wait_until(lambda: "the node is ready" in node.log.read_text(), what="the node")
        yield node


@pytest.fixture(params=["control socket", "remote API"])
def place(request: pytest.FixtureRequest, node: Daemon) -> Iterator[Place]:
    """Where to misbehave; the processes there must be the same afterwards, and hold no more files than before."""
    before = (node.pid, node.manager_pid())
    yield request.param, node
    assert (node.pid, node.manager_pid()) == before, node.tail()
    assert "Traceback" not in node.log.read_text()


async def dial(
    place: Place, context: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    kind, node = place
    name = "swarm-manager" if context else None
    if kind == "control socket":
        return await asyncio.open_unix_connection(str(node.socket), ssl=context, server_hostname=name)
    return await asyncio.open_connection("127.0.0.1", node.port, ssl=context, server_hostname=name)


def believing(*protocols: str) -> ssl.SSLContext:
    """TLS as a client that asks no questions."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


@asynccontextmanager
async def working_client(node: Daemon) -> AsyncIterator[None]:
    """A client that writes and reads all the while; at the end every acknowledged write must be there."""
    written: list[str] = []
    begun, over = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        async with await Connection.open(node.socket) as connection:
            control = Control(connection)
            while not over.is_set():
                spec = specs_pb2.ConfigSpec(data=b"x")
                spec.annotations.name = f"w{random.getrandbits(60):x}"
                async with asyncio.timeout(PATIENCE_S):
                    await control.create(objects_pb2.Config, spec)
                written.append(spec.annotations.name)
                begun.set()
                await asyncio.sleep(0.01)
            held = {item.spec.annotations.name for item in await control.find(objects_pb2.Config)}
            assert held.issuperset(written)

    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        async with asyncio.timeout(PATIENCE_S):
            await begun.wait()
        try:
            yield
        finally:
            over.set()


async def is_hung_up(reader: asyncio.StreamReader) -> bool:
    """Whether the other side ends the connection in the end."""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        async with asyncio.timeout(PATIENCE_S):
            while await reader.read(65536):
                pass
    return True


async def send(
    place: Place, data: bytes, context: ssl.SSLContext | None = None, *, until_hung_up: bool = True
) -> None:
    """Send, and wait until the other side has had enough."""
    reader, writer = await dial(place, context)
    try:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            writer.write(data)
            await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        if until_hung_up:
            assert await is_hung_up(reader)
    finally:
        writer.transport.abort()


def frame(kind: int, flags: int, stream: int, payload: bytes, *, length: int | None = None) -> bytes:
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


RNG = random.Random(7)
SETTINGS = frame(4, 0, 0, b"")
PLAIN = {
    "random bytes": RNG.randbytes(20_000),
    "zeros": bytes(20_000),
    "plain HTTP": b"GET /info HTTP/1.1\r\nHost: x\r\n\r\n",
    "gRPC without TLS": PREFACE + SETTINGS,
    "a TLS record without end": b"\x16\x03\x01\xff\xff" + RNG.randbytes(100),
    "half a greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + RNG.randbytes(40),
    "nothing": b"",
}
INSIDE = {
    "random bytes": RNG.randbytes(20_000),
    "plain HTTP": b"GET /info HTTP/1.1\r\nHost: x\r\n\r\n",
    "an oversized frame": PREFACE + SETTINGS + frame(0, 0, 1, bytes(100), length=0xFFFFFF),
    "data without a call": PREFACE + SETTINGS + frame(0, 0, 1, bytes(100)),
    "headers of garbage": PREFACE + SETTINGS + frame(1, 4, 1, RNG.randbytes(500)),
    "a flood of pings": PREFACE + SETTINGS + frame(6, 0, 0, bytes(8)) * 20_000,
    "a flood of settings": PREFACE + SETTINGS * 20_000,
    "a flood of resets": PREFACE + SETTINGS + b"".join(frame(3, 0, n, bytes(4)) for n in range(1, 20_001, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
async def test_garbage_before_tls(place: Place, name: str) -> None:
    """What is no TLS handshake is hung up on, however often it comes."""
    async with working_client(place[1]):
        await asyncio.gather(*(send(place, PLAIN[name]) for _ in range(20)))


@pytest.mark.parametrize("name", INSIDE)
async def test_garbage_within_tls(place: Place, name: str) -> None:
    """What is no gRPC inside TLS, or far too much of it, harms no other connection."""
    async with working_client(place[1]):
        await asyncio.gather(
            *(send(place, INSIDE[name], believing("h2"), until_hung_up=False) for _ in range(10))
        )


async def test_another_protocol(place: Place) -> None:
    """A TLS client that speaks no HTTP/2 gets nowhere."""
    async with working_client(place[1]):
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            await send(place, b"GET / HTTP/1.1\r\n\r\n", believing("http/1.1"))


async def test_calls_of_garbage(node: Daemon) -> None:
    """Well-formed calls with bodies that are none are answered with a failure."""
    import grpc

    async with working_client(node), await Connection.open(node.socket) as connection:
        for path in ("Control/CreateService", "Control/ListTasks", "Watch/Watch", "Dispatcher/Session", "Nosuch/Thing", "Control/Nosuch"):  # fmt: skip
            call = connection._channel.unary_unary(f"/docker.swarmkit.v1.{path}", None, None)
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                await call(RNG.randbytes(1000), timeout=PATIENCE_S)
            assert failure.value.code().name in (
                "INTERNAL",
                "UNIMPLEMENTED",
                "UNKNOWN",
                "PERMISSION_DENIED",
            ), path


async def test_an_idle_crowd(place: Place) -> None:
    """Thousands of connections that say nothing, or one byte now and then, keep nobody from working; then they are gone."""
    allow_files(CROWD + 500)
    _, node = place
    manager = psutil.Process(node.manager_pid())
    before = manager.num_fds()
    crowd: list[asyncio.StreamWriter] = []
    try:
        async with working_client(node):
            for _ in range(CROWD // 50):
                for _, writer in await asyncio.gather(*(dial(place) for _ in range(50))):
                    crowd.append(writer)
            for writer in crowd[::2]:
                writer.write(b"\x16")
            async with await Connection.open(node.socket) as connection:
                await connection.call("Control.ListNodes", ListNodesRequest(), timeout=PATIENCE_S)
    finally:
        for writer in crowd:
            writer.transport.abort()
    await until(lambda: manager.num_fds() <= before + 20)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.05)


def allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


async def test_slow_handshakes(place: Place) -> None:
    """A handshake that comes byte by byte is given up after its time, and others do not wait for it."""
    hello = ssl_hello()

    async def dribble() -> None:
        reader, writer = await dial(place)
        try:
            with contextlib.suppress(ConnectionError):
                for byte in hello[:20]:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(0.05)
            assert await is_hung_up(reader)
        finally:
            writer.transport.abort()

    async with working_client(place[1]):
        await asyncio.gather(*(dribble() for _ in range(50)))


def ssl_hello() -> bytes:
    """The first message of a TLS client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    shaking = believing("h2").wrap_bio(incoming, outgoing, server_hostname="x")
    with contextlib.suppress(ssl.SSLWantReadError):
        shaking.do_handshake()
    return outgoing.read()
