"""Output as it happens: logs, attached containers and programs, and the connection that becomes bytes.

Without a terminal output comes in frames: the stream's number, three zeros, the length in four bytes, the bytes.
"""

import asyncio
import struct
from collections.abc import Callable

from aiohttp import web

from swarm_testkit.fake_engines.engine import FakeEngine
from swarm_testkit.fake_engines.objects import Container, Record, stamp
from swarm_testkit.fake_engines.refusal import Refusal
from swarm_testkit.fake_engines.running import END, Exec
from swarm_testkit.fake_engines.server import Answer, Call, Spent, answer_empty, head_fields

_RAW = "application/vnd.docker.raw-stream"


def framed(stream: int, data: bytes, *, has_terminal: bool) -> bytes:
    return data if has_terminal else struct.pack(">BxxxL", stream, len(data)) + data


class Hijacked(asyncio.Protocol):
    """A client's connection as bytes. Input goes to `feed`, its end to `feed_end`."""

    def __init__(self, http: web.RequestHandler) -> None:
        self._http = http
        self.transport: asyncio.Transport | None = None
        self.gone = asyncio.Event()
        self.feed: Callable[[bytes], None] = lambda data: None
        self.feed_end: Callable[[], None] = lambda: None

    def data_received(self, data: bytes) -> None:
        self.feed(data)

    def eof_received(self) -> bool:
        self.feed_end()
        return True

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def end(self) -> None:
        """No more output."""
        if self.transport is not None:
            self.transport.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.transport = None
        self.gone.set()
        self._http.connection_lost(exc)


def hijack(call: Call) -> Hijacked:
    """Take the client's connection and send the head that says so."""
    request = call.request
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client has gone")
    protocol = Hijacked(request.protocol)
    protocol.transport = transport
    upgrades = "upgrade" in request.headers.get("Connection", "").lower() or "Upgrade" in request.headers
    first = "HTTP/1.1 101 UPGRADED" if upgrades else "HTTP/1.1 200 OK"
    fields = {"Content-Type": _RAW, **head_fields(call.engine)}
    if upgrades:
        fields |= {"Connection": "Upgrade", "Upgrade": "tcp"}
    lines = [first, *(f"{name}: {value}" for name, value in fields.items())]
    transport.set_protocol(protocol)
    protocol.write("\r\n".join(lines).encode() + b"\r\n\r\n")
    protocol.transport.resume_reading()
    return protocol


async def attach(call: Call) -> Answer:
    """POST /containers/{name}/attach"""
    one = call.engine.container(call.words["name"])
    early = _early(call)
    client = hijack(call)
    wanted = _wanted(call)

    def hear(stream: int, data: bytes) -> None:
        if stream == END:
            client.end()
        elif stream in wanted:
            client.write(framed(stream, data, has_terminal=one.has_terminal))

    if call.flag("logs"):
        for _, stream, line in one.log:
            hear(stream, line)
    if not call.flag("stream"):
        client.end()
        return Spent()
    if call.flag("stdin") and one.config.get("OpenStdin"):
        _feed_container(client, one)
        if early:
            client.feed(early)
    forget = call.engine.running.listen(one, hear)
    call.engine.tell_of(one, "attach")
    try:
        await client.gone.wait()
    finally:
        forget()
    return Spent()


def _feed_container(client: Hijacked, one: Container) -> None:
    waiting: list[bytes | None] = []

    def deliver() -> None:
        while waiting and one.program is not None:
            data = waiting.pop(0)
            if data is not None:
                one.program.feed(data)
            elif one.config.get("StdinOnce"):
                one.program.feed_end()

    def feed(data: bytes) -> None:
        waiting.append(data)
        deliver()

    def feed_end() -> None:
        waiting.append(None)
        deliver()

    one.on_start = deliver
    client.feed, client.feed_end = feed, feed_end


def _early(call: Call) -> bytes:
    """What came behind the request before its connection was taken."""
    return bytes(call.request.protocol._message_tail)


def _wanted(call: Call) -> tuple[int, ...]:
    return tuple(number for number, name in ((1, "stdout"), (2, "stderr")) if call.flag(name))


async def start_exec(call: Call) -> Answer:
    """POST /exec/{id}/start"""
    run = exec_of(call.engine, call.words["id"])
    body = await call.body()
    if run.program is not None:
        raise Refusal(409, f"Error: Exec command {run.id} has already run")
    if not run.container.is_up:
        raise Refusal(409, f"Container {run.container.id} is not running")
    if body.get("Detach"):
        call.engine.running.start_exec(run)
        return answer_empty(200)
    early = _early(call)
    client = hijack(call)
    has_terminal = bool(run.body.get("Tty"))

    def hear(stream: int, data: bytes) -> None:
        if stream == END:
            client.end()
        else:
            client.write(framed(stream, data, has_terminal=has_terminal))

    run.listeners.append(hear)
    call.engine.running.start_exec(run)
    if run.body.get("AttachStdin") and (program := run.program) is not None:
        client.feed, client.feed_end = program.feed, program.feed_end
        if early:
            client.feed(early)
    await client.gone.wait()
    return Spent()


def exec_of(engine: FakeEngine, id_: str) -> Exec:
    if id_ not in engine.running.execs:
        raise Refusal(404, f"No such exec instance: {id_}")
    return engine.running.execs[id_]


async def logs(call: Call) -> Answer:
    """GET /containers/{name}/logs"""
    one = call.engine.container(call.words["name"])
    wanted = _wanted(call)
    if not wanted:
        raise Refusal(400, "Bad parameters: you must choose at least one stream")
    records = [record for record in one.log if _is_since(record, call)]
    if (tail := call.query.get("tail", "all")) != "all":
        records = records[len(records) - int(tail) :] if int(tail) < len(records) else records
    response = web.StreamResponse(headers=head_fields(call.engine))
    response.headers["Content-Type"] = (
        _RAW if one.has_terminal else "application/vnd.docker.multiplexed-stream"
    )
    heard: asyncio.Queue[Record] = asyncio.Queue()
    forget = call.engine.running.listen(
        one, lambda stream, data: heard.put_nowait((int(call.engine.now() * 1e9), stream, data))
    )
    try:
        await response.prepare(call.request)
        for record in records:
            if record[1] in wanted:
                await response.write(_shown(record, call, one))
        while call.flag("follow") and one.is_up:
            record = await heard.get()
            if record[1] == END:
                break
            if record[1] in wanted:
                await response.write(_shown(record, call, one))
    finally:
        forget()
    return response


def _is_since(record: Record, call: Call) -> bool:
    since = float(call.query.get("since") or 0)
    return record[0] >= since * 1e9


def _shown(record: Record, call: Call, one: Container) -> bytes:
    at_ns, stream, line = record
    if call.flag("timestamps"):
        line = stamp(at_ns / 1e9).encode() + b" " + line
    return framed(stream, line, has_terminal=one.has_terminal)
