"""gRPC's rules on the wire (docs/design/rpc.md 9.2 and 9.3), frame by frame."""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from swarm_core.api.limits import REQUEST_BYTES_MAX
from swarm_core.api.proto import control_pb2, logbroker_pb2, watch_pb2
from swarm_core.ca import tls
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Aborted
from swarm_core.rpc.framing import framed
from swarm_core.rpc.server import ControlServer, Services, serve_control
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.raw_http2 import RawClient, raw_client
from swarm_testkit.refusing import Refusing
from swarm_testkit.trust import LOCAL, control_server, make_authority

AUTHORITY = make_authority()
CONTROL = control_pb2.DESCRIPTOR.services_by_name["Control"]
LOG_BROKER = logbroker_pb2.DESCRIPTOR.services_by_name["LogBroker"]
GET = "/docker.swarmkit.v1.Control/GetNode"
LIST = "/docker.swarmkit.v1.Control/ListNodes"
WATCH = "/docker.swarmkit.v1.Watch/Watch"
PUBLISH = "/docker.swarmkit.v1.LogBroker/PublishLogs"


class Handlers:
    """A call that answers at once, one that waits, a stream that is fed by the test, and one that reads."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.entered = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.sent = 0
        self.size = 1_000
        self.read: list[str] = []
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def get_node(self, request: control_pb2.GetNodeRequest, caller: Caller) -> bytes:
        return control_pb2.GetNodeResponse().SerializeToString()

    async def list_nodes(self, request: object, caller: Caller) -> control_pb2.ListNodesResponse:
        self.entered.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return control_pb2.ListNodesResponse()

    async def watch(self, request: watch_pb2.WatchRequest, caller: Caller) -> AsyncIterator[bytes]:
        try:
            for _ in range(request.resume_from.index):
                self.sent += 1
                yield bytes(self.size)
            if request.include_old_object:
                raise Aborted("no more of this")
        except GeneratorExit:
            self.cancelled.set()
            raise

    async def publish_logs(self, requests: AsyncIterator[Any], caller: Caller) -> Any:
        self.entered.set()
        try:
            await self.may_read.wait()
            async for message in requests:
                self.read.append(message.subscription_id)
                if message.close:
                    break
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return logbroker_pb2.PublishLogsResponse()


def services_of(handlers: Handlers) -> Services:
    services = Services()
    for service in (CONTROL, watch_pb2.DESCRIPTOR.services_by_name["Watch"], LOG_BROKER):
        services.add(service, handlers, Refusing(service, handlers))
    return services


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


@asynccontextmanager
async def talking(handlers: Handlers, directory: Path) -> AsyncIterator[tuple[RawClient, ControlServer]]:
    path = directory / "c.sock"
    async with control_server(AUTHORITY, services_of(handlers), path) as server:
        async with raw_client(path, tls.client_context(AUTHORITY.root.certificate)) as client:
            yield client, server


def log(name: str, *, close: bool = False) -> bytes:
    return framed(logbroker_pb2.PublishLogsMessage(subscription_id=name, close=close).SerializeToString())


def watching(count: int, *, fail: bool = False) -> bytes:
    request = watch_pb2.WatchRequest(include_old_object=fail)
    request.resume_from.index = count
    return framed(request.SerializeToString())


async def test_a_unary_call(handlers: Handlers, tmp_path: Path) -> None:
    """Head, message, status: two blocks and one message, whether the request comes in one piece or byte by byte."""
    async with talking(handlers, tmp_path) as (client, _):
        client.request(1, GET, framed(b""))
        client.request(3, GET, None, ended=False)
        request = framed(control_pb2.GetNodeRequest(node_id="n").SerializeToString())
        for byte in request[:-1]:
            client.data(3, bytes([byte]))
        client.data(3, request[-1:], ended=True)
        client.request(5, GET, framed(b""), ended=False)
        client.data(5, b"", ended=True)
        for stream in (1, 3, 5):
            answer = await client.answer(stream)
            assert (answer.status, answer.blocks, answer.messages) == ("0", 2, [b""])
            assert answer.fields[":status"] == "200"
            assert answer.fields["content-type"] == "application/grpc"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/docker.swarmkit.v1.Control/GetNobody", "GetNobody"),
        ("/docker.swarmkit.v1.Nothing/GetNode", "docker.swarmkit.v1.Nothing"),
        ("/", "unknown"),
    ],
)
async def test_unknown_paths(handlers: Handlers, tmp_path: Path, path: str, text: str) -> None:
    """What nobody serves is UNIMPLEMENTED, in one block without a message."""
    async with talking(handlers, tmp_path) as (client, _):
        client.request(1, path, framed(b""))
        answer = await client.answer(1)
        assert (answer.status, answer.blocks, answer.ended) == ("12", 1, True)
        assert text in answer.text


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ((b"content-type", b"text/plain"), {":status": "415"}),
        ((b":method", b"GET"), {":status": "405"}),
        ((b"grpc-encoding", b"gzip"), {"grpc-status": "12", "grpc-accept-encoding": "identity"}),
        ((b"grpc-timeout", b"soon"), {"grpc-status": "13"}),
        ((b"a-bin", b"*"), {"grpc-status": "13"}),
    ],
)
async def test_wrong_headers(
    handlers: Handlers, tmp_path: Path, pair: tuple[bytes, bytes], expected: dict[str, str]
) -> None:
    """Headers that are no call's are answered before anything is read, are counted, and the connection goes on."""
    async with talking(handlers, tmp_path) as (client, server):
        client.request(1, GET, None, pair, ended=False)
        answer = await client.answer(1)
        assert expected.items() <= answer.fields.items()
        client.request(3, GET, framed(b""))
        assert (await client.answer(3)).status == "0"
        assert server.listener.refusals.total.total() == 1


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([b""], "13"),
        ([framed(b"")[:3]], "13"),
        ([framed(b"abc")[:-1]], "13"),
        ([framed(b"") * 2], "13"),
        ([framed(b""), framed(b"")], "13"),
        ([b"\1\0\0\0\0"], "12"),
        ([b"\0" + (REQUEST_BYTES_MAX + 1).to_bytes(4, "big")], "8"),
    ],
    ids=["none", "half a head", "half a message", "two", "two pieces", "compressed", "too large"],
)
async def test_wrong_requests(handlers: Handlers, tmp_path: Path, pieces: list[bytes], status: str) -> None:
    """A unary call takes exactly one plain message within the limit; anything else is a status, and the connection goes on."""
    async with talking(handlers, tmp_path) as (client, _):
        client.request(1, GET, None, ended=False)
        for piece in pieces[:-1]:
            client.data(1, piece)
        client.data(1, pieces[-1], ended=True)
        assert (await client.answer(1)).status == status
        client.request(3, GET, framed(b""))
        assert (await client.answer(3)).status == "0"


async def test_too_large_is_refused_before_it_is_sent(handlers: Handlers, tmp_path: Path) -> None:
    """The length is enough: the client is told, and told to stop, while it has sent five bytes."""
    async with talking(handlers, tmp_path) as (client, _):
        client.request(1, GET, b"\0\xff\xff\xff\xff", ended=False)
        answer = await client.answer(1)
        assert (answer.status, answer.ended) == ("8", True)
        await client.until(lambda: client.peek(1).reset == 0)


async def test_the_largest_request(handlers: Handlers, tmp_path: Path) -> None:
    """A message of the limit's size gets through a window that is smaller."""
    async with talking(handlers, tmp_path) as (client, _):
        head = control_pb2.GetNodeRequest(node_id="x" * (REQUEST_BYTES_MAX - 10)).SerializeToString()
        data = framed(head)
        client.request(1, GET, None, ended=False)
        for at in range(0, len(data), 60_000):
            # No more than a fresh window holds is under way: what was taken is granted again.
            client.data(1, data[at : at + 60_000], ended=at + 60_000 >= len(data))
            client.send(b"\0\0\x08\x06\0\0\0\0\0" + at.to_bytes(8, "big"))
            await client.until(lambda at=at: at.to_bytes(8, "big") in client.pongs)
        assert (await client.answer(1)).status == "0"


async def test_a_deadline(handlers: Handlers, tmp_path: Path) -> None:
    """Without a word of the client: the handler is cancelled at the deadline and the caller told. Before it, nothing happens."""
    async with talking(handlers, tmp_path) as (client, _):
        client.request(1, LIST, framed(b""), (b"grpc-timeout", b"50m"))
        answer = await client.answer(1)
        assert answer.status == "4"
        await handlers.cancelled.wait()
        handlers.gate.set()
        client.request(3, LIST, framed(b""), (b"grpc-timeout", b"1H"))
        assert (await client.answer(3)).status == "0"


async def test_the_deadline_of_a_request_that_never_ends(handlers: Handlers, tmp_path: Path) -> None:
    """It counts from the headers on."""
    async with talking(handlers, tmp_path) as (client, _):
        client.request(1, GET, None, (b"grpc-timeout", b"20m"), ended=False)
        client.request(3, PUBLISH, None, (b"grpc-timeout", b"20m"), ended=False)
        assert (await client.answer(1)).status == "4"
        assert (await client.answer(3)).status == "4"
        await handlers.cancelled.wait()


@pytest.mark.parametrize("path", [LIST, PUBLISH])
async def test_a_reset_cancels(handlers: Handlers, tmp_path: Path, path: str) -> None:
    """The client's reset cancels the handler, whatever it waits for."""
    async with talking(handlers, tmp_path) as (client, _):
        client.request(1, path, framed(b""), ended=path == LIST)
        await handlers.entered.wait()
        client.reset(1)
        async with asyncio.timeout(40):
            await handlers.cancelled.wait()


@pytest.mark.parametrize("path", [LIST, PUBLISH])
async def test_a_request_and_its_reset_in_one_read(handlers: Handlers, tmp_path: Path, path: str) -> None:
    """A handler that has just made its first step is cancelled like any other."""
    async with talking(handlers, tmp_path) as (client, _):
        client.request(1, GET, framed(b""))
        await client.answer(1)
        client.request(3, path, framed(b""), ended=path == LIST)
        client.reset(3)
        async with asyncio.timeout(40):
            await handlers.entered.wait()
            await handlers.cancelled.wait()


async def test_a_lost_connection_cancels(handlers: Handlers, tmp_path: Path) -> None:
    """All handlers of a connection that is gone are cancelled."""
    async with talking(handlers, tmp_path) as (client, server):
        client.request(1, LIST, framed(b""))
        await handlers.entered.wait()
        client._writer.transport.abort()
        async with asyncio.timeout(40):
            await handlers.cancelled.wait()
            while server.listener.connections:
                await asyncio.sleep(0.005)


async def test_a_server_stream(handlers: Handlers, tmp_path: Path) -> None:
    """Messages, then the status; without messages one block is enough; a failure after messages ends with its status."""
    async with talking(handlers, tmp_path) as (client, _):
        client.request(1, WATCH, watching(3))
        client.request(3, WATCH, watching(0))
        client.request(5, WATCH, watching(2, fail=True))
        client.request(7, WATCH, watching(0, fail=True))
        seen = [await client.answer(stream) for stream in (1, 3, 5, 7)]
        assert [(answer.status, len(answer.messages), answer.blocks) for answer in seen] == [
            ("0", 3, 2), ("0", 0, 1), ("10", 2, 2), ("10", 0, 1),
        ]  # fmt: skip
        assert seen[2].text == "no more of this"


async def test_a_client_stream(handlers: Handlers, tmp_path: Path) -> None:
    """Messages in any cuts; the answer comes at the client's end."""
    async with talking(handlers, tmp_path) as (client, _):
        client.request(1, PUBLISH, None, ended=False)
        for byte in log("a") + log("b"):
            client.data(1, bytes([byte]))
        client.data(1, log("c") + log("d"))
        client.data(1, b"", ended=True)
        answer = await client.answer(1)
        assert (answer.status, handlers.read) == ("0", ["a", "b", "c", "d"])


async def test_an_answer_before_the_client_has_ended(handlers: Handlers, tmp_path: Path) -> None:
    """The client hears the answer, and that it may stop; what it sends nevertheless breaks nothing."""
    async with talking(handlers, tmp_path) as (client, _):
        client.request(1, PUBLISH, log("a", close=True), ended=False)
        answer = await client.answer(1)
        assert (answer.status, answer.ended) == ("0", True)
        await client.until(lambda: client.peek(1).reset == 0)
        client.data(1, log("late"))
        client.request(3, GET, framed(b""))
        assert (await client.answer(3)).status == "0"


async def test_malformed_messages_of_a_client_stream(handlers: Handlers, tmp_path: Path) -> None:
    """The call fails and its handler, which waits for more, is cancelled."""
    async with talking(handlers, tmp_path) as (client, _):
        client.request(1, PUBLISH, log("a"), ended=False)
        await handlers.entered.wait()
        client.data(1, b"\1\0\0\0\0")
        assert (await client.answer(1)).status == "12"
        async with asyncio.timeout(40):
            await handlers.cancelled.wait()


async def test_a_handler_that_does_not_read_holds_its_client_up(handlers: Handlers, tmp_path: Path) -> None:
    """What is sent to it and not taken is bounded by the window; once it reads everything gets through."""
    handlers.may_read.clear()
    async with talking(handlers, tmp_path) as (client, _):
        message = logbroker_pb2.PublishLogsMessage(subscription_id="x" * 15_000).SerializeToString()
        client.request(1, PUBLISH, None, ended=False)
        await client.until(lambda: 4 in client.settings)
        window, sent = client.settings[4], 0
        granted = window
        # A well-behaved client: no more than what was granted.
        data = framed(message)
        while sent + len(data) <= granted:
            client.data(1, data)
            sent += len(data)
        client.send(b"\0\0\x08\x06\0\0\0\0\0" + bytes(8))
        await client.until(lambda: client.pongs)
        assert client.granted(1) <= 65_536 + 2 * len(data)
        handlers.may_read.set()
        await client.until(lambda: client.granted(1) >= window // 2)
        client.data(1, b"", ended=True)
        assert (await client.answer(1)).status == "0"
        assert len(handlers.read) == sent // len(data)


async def test_a_client_that_grants_no_window_stops_the_stream(handlers: Handlers, tmp_path: Path) -> None:
    """A handler makes no more messages than fit into what the client takes; then it goes on to the end."""
    handlers.size = 10_000
    async with talking(handlers, tmp_path) as (client, _):
        client.request(1, WATCH, watching(100))
        await client.until(lambda: len(client.peek(1).data) == 65_535)
        assert handlers.sent <= 8
        client.request(3, GET, None)
        client.grant(0, 10_000_000)
        client.grant(1, 10_000_000)
        answer = await client.answer(1)
        assert (answer.status, len(answer.messages)) == ("0", 100)


async def test_a_client_that_does_not_read_stops_the_stream(handlers: Handlers, tmp_path: Path) -> None:
    """Windows without end are no reason to keep everything in memory: the line's own buffers are the bound."""
    handlers.size = 50_000
    async with talking(handlers, tmp_path) as (client, _):
        client.grant(0, 2**31 - 1 - 65_535)
        client.send(b"\0\0\x06\x04\0\0\0\0\0\0\x04\x7f\xff\xff\xff")  # the initial window: the largest
        client.request(1, GET, framed(b""))
        await client.answer(1)
        client.pause()
        client.request(3, WATCH, watching(2_000))
        before = -1
        async with asyncio.timeout(40):
            while not handlers.sent or before != handlers.sent:
                before = handlers.sent
                await asyncio.sleep(0.1)
        assert 0 < handlers.sent < 400  # 20 MB
        client.resume()
        answer = await client.answer(3)
        assert (answer.status, handlers.sent) == ("0", 2_000)


async def test_a_fast_reader_does_not_keep_others_waiting(handlers: Handlers, tmp_path: Path) -> None:
    """A stream that never has to wait still lets others have a turn."""
    handlers.size = 20_000
    async with talking(handlers, tmp_path) as (client, _):
        client.grant(0, 2**31 - 1 - 65_535)
        client.send(b"\0\0\x06\x04\0\0\0\0\0\0\x04\x7f\xff\xff\xff")
        client.request(1, WATCH, watching(5_000))
        await client.until(lambda: client.peek(1).data)
        client.request(3, GET, framed(b""))
        assert (await client.answer(3)).status == "0"
        assert not client.peek(1).ended
        assert (await client.answer(1)).status == "0"


async def test_metadata_and_trailers(tmp_path: Path) -> None:
    """Binary metadata come decoded, with padding or without; a failure's own metadata go out with its status."""

    class Failure(Exception):
        plain = True
        not_done = True

    class Handler:
        async def get_node(self, request: object, caller: Caller) -> bytes:
            raise Failure("ä%")

    services, handler = Services(), Handler()
    services.add(CONTROL, handler, Refusing(CONTROL, handler))
    path = tmp_path / "c.sock"
    async with control_server(AUTHORITY, services, path):
        async with raw_client(path, tls.client_context(AUTHORITY.root.certificate)) as client:
            client.request(
                1,
                GET,
                framed(b""),
                (b"a-bin", base64.b64encode(b"\xff")),
                (b"a-bin", base64.b64encode(b"\xfe").rstrip(b"=")),
            )
            answer = await client.answer(1)
    assert (answer.status, answer.text) == ("2", "ä%")
    assert answer.fields["swarmtui-not-done"] == "true"


async def test_broken_clients_are_counted(
    handlers: Handlers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no HTTP/2 ends the connection with one reason in the counters, and not a line in the log."""
    with caplog.at_level(logging.DEBUG):
        async with talking(handlers, tmp_path) as (good, server):
            for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100):
                async with raw_client(
                    tmp_path / "c.sock", tls.client_context(AUTHORITY.root.certificate), begin=garbage
                ) as client:
                    await client.closed()
            good.request(1, GET, framed(b""))
            assert (await good.answer(1)).status == "0"
            async with asyncio.timeout(40):
                while server.listener.refusals.total["connections that broke the rules of HTTP/2"] < 2:
                    await asyncio.sleep(0.005)
    assert [record for record in caplog.records if record.name != "asyncio"] == []


async def test_unread_answers_and_then_the_end(
    handlers: Handlers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Asking for much, reading nothing and leaving makes no traceback, and nothing is left behind."""
    handlers.size = 100_000
    with caplog.at_level(logging.WARNING):
        async with talking(handlers, tmp_path) as (client, server):
            client.pause()
            for stream in range(1, 401, 2):
                client.request(stream, WATCH, watching(50))
            await client.drain()
            async with asyncio.timeout(40):
                while not handlers.sent:
                    await asyncio.sleep(0.005)
            client._writer.transport.abort()
            async with asyncio.timeout(40):
                while server.listener.connections:
                    await asyncio.sleep(0.005)
    assert caplog.records == []


async def test_a_polite_end(handlers: Handlers, tmp_path: Path) -> None:
    """A server that ends takes no new calls, and lets the one under way be answered."""
    path = tmp_path / "c.sock"
    ending = asyncio.Event()

    async def serve() -> None:
        context = tls.local_context(AUTHORITY.manager())
        async with serve_control(services_of(handlers), path, context, LOCAL, SystemClock(), grace_s=30):
            await ending.wait()

    async with asyncio.timeout(40), asyncio.TaskGroup() as group:
        serving = group.create_task(serve())
        while not path.exists():
            await asyncio.sleep(0.005)
        async with raw_client(path, tls.client_context(AUTHORITY.root.certificate)) as client:
            client.request(1, LIST, framed(b""))
            await handlers.entered.wait()
            ending.set()
            await client.until(lambda: client.goaway is not None)
            assert client.goaway == 0
            await client.until(lambda: client.last_stream == 1)
            client.request(3, GET, framed(b""))
            handlers.gate.set()
            assert (await client.answer(1)).status == "0"
            await client.closed()
            assert client.peek(3).blocks == 0
        await serving
    assert not path.exists()


async def test_the_grace_is_over(handlers: Handlers, tmp_path: Path) -> None:
    """A call that takes longer than the grace is cancelled, and its client told that the server is gone."""
    path = tmp_path / "c.sock"
    async with control_server(AUTHORITY, services_of(handlers), path):
        opening = raw_client(path, tls.client_context(AUTHORITY.root.certificate))
        client = await opening.__aenter__()
        client.request(1, LIST, framed(b""))
        client.request(3, PUBLISH, None, ended=False)
        await handlers.entered.wait()
    assert handlers.cancelled.is_set()
    assert [(await client.answer(stream)).status for stream in (1, 3)] == ["14", "14"]
    await opening.__aexit__(None, None, None)
