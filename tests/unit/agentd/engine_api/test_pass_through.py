"""Requests that the local engine answers, with an engine of bytes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from swarm_agentd.engine_api.local_engine import LocalEngine
from swarm_agentd.engine_api.pass_through import PassThrough
from swarm_core.engines.client import EngineClient
from swarm_core.http.routes import Routes
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.http_face import WAIT_S, ask, ask_raw, connected, face_at, parse

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def engine_that(script: Script, tmp_path: Path) -> AsyncIterator[Path]:
    """The socket of a face whose engine answers each connection with `script`, and then closes it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other end is gone: the script has no more to say
        finally:
            writer.close()

    server = await asyncio.start_unix_server(answer, tmp_path / "engine")
    engine = EngineClient(f"unix://{tmp_path / 'engine'}")
    try:
        async with asyncio.timeout(WAIT_S), face_before(engine, tmp_path) as path:
            yield path
    finally:
        await engine.close()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def face_before(engine: EngineClient | None, tmp_path: Path) -> AsyncIterator[Path]:
    routes = Routes(PassThrough(LocalEngine(engine, SystemClock())).routes())
    async with face_at(tmp_path / "face", routes) as path:
        yield path


def answering(raw: bytes, heads: list[bytes] | None = None) -> Script:
    """An engine that says `raw` to whatever it is asked; the heads of requests are added to `heads`."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heads is not None:
            heads.append(head)
        writer.write(raw)

    return script


async def test_a_request_goes_as_it_came_and_so_does_the_answer(tmp_path: Path) -> None:
    """Path with version, query and headers pass; the face's own headers replace the engine's (docs/design/engine-api.md E8.1)."""
    heads: list[bytes] = []
    raw = (
        b"HTTP/1.1 418 I'm a teapot\r\nServer: Docker/20 (linux)\r\nApi-Version: 1.41\r\nX-Docker-Container-Path-Stat: e30=\r\n"
        b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b!"
    )
    async with engine_that(answering(raw, heads), tmp_path) as path:
        answer = await ask(
            path,
            "GET",
            "/v1.41/containers/a%2Fb/archive?path=%2Fetc&x=a%20b",
            X_Registry_Auth="geheim",
            Te="x",
        )
    assert heads[0].startswith(b"GET /v1.41/containers/a%2Fb/archive?path=%2Fetc&x=a%20b HTTP/1.1\r\n")
    assert b"X-Registry-Auth: geheim\r\n" in heads[0]
    assert b"Te: x" not in heads[0]
    assert (answer.status, answer.body) == (418, b"\x1f\x8b!")
    assert answer.headers["x-docker-container-path-stat"] == "e30="
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["server"] == "Docker/1.2.3 (linux)"
    assert answer.headers["api-version"] == "1.47"


async def test_a_head_is_asked_and_answered_without_a_body(tmp_path: Path) -> None:
    """HEAD of an archive passes with its length and no body (docs/design/engine-api.md E8.1)."""
    heads: list[bytes] = []
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-Docker-Container-Path-Stat: x\r\n\r\n"
    async with engine_that(answering(raw, heads), tmp_path) as path:
        answer = await ask(path, "HEAD", "/containers/x/archive?path=/")
    assert heads[0].startswith(b"HEAD ")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "1234")


async def test_pieces_go_on_as_they_come_both_ways(tmp_path: Path) -> None:
    """Nothing of a body is held back until the rest is there (docs/design/engine-api.md E8.2)."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while (size := int(await reader.readline(), 16)) > 0:
            piece = await reader.readexactly(size + 2)
            writer.write(b"%x\r\n%s" % (size, piece))
        writer.write(b"0\r\n\r\n")

    async with engine_that(echo, tmp_path) as path, connected(path) as (reader, writer):
        writer.write(
            b"POST /build HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        for piece in (b"one", b"three"):
            chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
            writer.write(chunk)
            assert await reader.readexactly(len(chunk)) == chunk
        writer.write(b"0\r\n\r\n")
        assert await reader.read() == b"0\r\n\r\n"
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_large_body_passes_whole(tmp_path: Path) -> None:
    """Bodies have no limit on their way to the engine (docs/design/engine-api.md E8.2)."""
    size = 40 << 20

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Content-Length: %d\r\n" % size in head
        left = size
        while left and (piece := await reader.read(1 << 20)):
            left -= len(piece)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%02d" % (left == 0))

    async with engine_that(count, tmp_path) as path:
        assert (await ask(path, "POST", "/images/load", bytes(size))).body == b"01"


async def test_a_client_that_waits_is_told_to_send(tmp_path: Path) -> None:
    """`Expect: 100-continue` is answered on the way to the engine (docs/design/engine-api.md E8.2)."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(5)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)

    async with engine_that(take, tmp_path) as path, connected(path) as (reader, writer):
        writer.write(
            b"PUT /containers/x/archive HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
        )
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"bytes")
        assert (await reader.read()).endswith(b"\r\n\r\nbytes")


async def test_when_a_client_goes_away_the_engine_learns_of_it(tmp_path: Path) -> None:
    """A stream that nobody reads is ended at the engine (docs/design/engine-api.md E8.3)."""
    ended = asyncio.Event()

    async def follow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nline\r\n")
        assert await reader.read() == b""
        ended.set()

    async with engine_that(follow, tmp_path) as path:
        async with connected(path) as (reader, writer):
            writer.write(b"GET /containers/x/logs?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"line")
        await ended.wait()


@pytest.mark.parametrize(
    "target", ["/images/search?term=x", "/v1.41/volumes/create", "/build", "/distribution/a/b/json"]
)
async def test_what_is_the_engines_reaches_it(tmp_path: Path, target: str) -> None:
    """Searches, volumes, builds and look-ups in registries are the engine's (docs/design/engine-api.md E8.1)."""
    heads: list[bytes] = []
    async with engine_that(
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", heads), tmp_path
    ) as path:
        assert (await ask(path, "GET", target)).json == {}
    assert heads[0].startswith(f"GET {target} HTTP/1.1\r\n".encode())


async def test_an_answer_that_breaks_off_is_broken_off(tmp_path: Path) -> None:
    """Half an answer of the engine is not made a whole one (docs/design/engine-api.md E8.3)."""
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nline\r\n"
    async with engine_that(answering(raw), tmp_path) as path, connected(path) as (reader, writer):
        writer.write(b"GET /events2 HTTP/1.1\r\nHost: x\r\n\r\n".replace(b"/events2", b"/containers/x/logs"))
        got = await reader.read()
    assert b"line" in got
    assert not got.endswith(b"0\r\n\r\n")


# -- without an engine --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target", "answer"),
    [
        ("GET", "/v1.41/containers/json?all=1", []),
        ("GET", "/images/json", []),
        ("GET", "/plugins", []),
        ("GET", "/volumes", {"Volumes": [], "Warnings": None}),
        ("POST", "/containers/prune", {"ContainersDeleted": None, "SpaceReclaimed": 0}),
    ],
)
async def test_without_an_engine_lists_are_empty(
    tmp_path: Path, method: str, target: str, answer: object
) -> None:
    """A node that runs no containers has none to show (docs/design/engine-api.md E8.4)."""
    async with face_before(None, tmp_path) as path:
        found = await ask(path, method, target)
    assert (found.status, found.json) == (200, answer)


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("/containers/x/json", "No such container: x"),
        ("/images/a/b:c/json", "No such image: a/b:c"),
        ("/volumes/x", "get x: no such volume"),
        ("/plugins/x/json", 'plugin "x" not found'),
        ("/exec/x/json", "No such exec instance: x"),
    ],
)
async def test_without_an_engine_nothing_is_found(tmp_path: Path, target: str, text: str) -> None:
    """`docker inspect` goes on to services and nodes only after 404 (docs/design/engine-api.md E8.4)."""
    async with face_before(None, tmp_path) as path:
        found = await ask(path, "GET", target)
    assert (found.status, found.message) == (404, text)


@pytest.mark.parametrize(
    "target", ["/containers/create", "/exec/x/start", "/session", "/images/create", "/auth"]
)
async def test_without_an_engine_the_rest_is_refused_in_a_sentence(tmp_path: Path, target: str) -> None:
    """What needs an engine says what is missing, before any upgrade (docs/design/engine-api.md E8.4)."""
    async with face_before(None, tmp_path) as path:
        found = await ask(path, "POST", target, Connection="Upgrade", Upgrade="tcp")
    assert (found.status, found.message) == (503, "This node has no container engine.")


@pytest.mark.parametrize("target", ["/containers/json", "/containers/x/attach"])
async def test_an_engine_that_is_away_is_named(tmp_path: Path, target: str) -> None:
    """Where an engine should be and nobody answers, the answer says so (docs/design/engine-api.md E8.4)."""
    engine = EngineClient(f"unix://{tmp_path}/nobody")
    async with face_before(engine, tmp_path) as path:
        found = await ask(path, "POST" if target.endswith("attach") else "GET", target)
        assert found.status == 503
        assert f"the container engine at unix://{tmp_path}/nobody does not answer" in found.message
    await engine.close()


# -- hijacked connections -----------------------------------------------------------------------

UPGRADED = (
    b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
    b"Api-Version: 1.41\r\n\r\n"
)
EXEC = (
    b"POST /v1.41/exec/x/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
    b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
)
ATTACH = (
    b"POST /containers/x/attach?stdin=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
)


@pytest.mark.parametrize("request_bytes", [EXEC, ATTACH], ids=["exec", "attach"])
async def test_an_upgraded_connection_is_bytes_with_two_ends(tmp_path: Path, request_bytes: bytes) -> None:
    """Bytes pass both ways, those glued to the head too; the client's last byte is told and the engine's still come
    (docs/design/engine-api.md E8.5, E8.6)."""
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        heads.append(head + await reader.readexactly(length))
        writer.write(UPGRADED + b"glued")
        assert await reader.readexactly(5) == b"\x00ping"
        writer.write(b"pong")
        rest = await reader.read()
        writer.write(b"after your end: " + rest)

    async with engine_that(talk, tmp_path) as path, connected(path) as (reader, writer):
        writer.write(request_bytes)
        head = await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(5) == b"glued"
        writer.write(b"\x00ping")
        assert await reader.readexactly(4) == b"pong"
        writer.write(b"last")
        writer.write_eof()
        assert await reader.read() == b"after your end: last"
    assert head.startswith(b"HTTP/1.1 101 UPGRADED\r\n")
    assert b"Api-Version: 1.47\r\n" in head
    assert b"Upgrade: tcp\r\n" in heads[0]
    assert heads[0].startswith(request_bytes.partition(b"\r\n")[0])
    assert heads[0].endswith(b"{}" if request_bytes is EXEC else b"\r\n\r\n")


async def test_a_websocket_passes_as_bytes(tmp_path: Path) -> None:
    """What follows a request for a websocket at once is not lost (docs/design/engine-api.md E8.5)."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        writer.write(await reader.readexactly(6))

    async with engine_that(talk, tmp_path) as path, connected(path) as (reader, writer):
        writer.write(
            b"GET /containers/x/attach/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfr\x81\x00me"
        )
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.read() == b"fr\x81\x00me"


async def test_an_error_before_the_upgrade_ends_the_connection(tmp_path: Path) -> None:
    """A refused exec is plain HTTP, and no other request goes that way to the engine (docs/design/engine-api.md E8.7)."""
    raw = b'HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"message": "x"}'
    closed = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        while await reader.read(100):
            pass
        closed.set()

    async with engine_that(refuse, tmp_path) as path:
        answer = await ask_raw(path, EXEC)
        await closed.wait()
    assert (answer.status, answer.message) == (409, "x")


async def test_who_does_not_read_is_not_drowned(tmp_path: Path) -> None:
    """An engine that writes faster than its client reads is held back (docs/design/engine-api.md E8.8)."""
    sent, blocked = [0], asyncio.Event()
    piece, most = bytes(1 << 16), 64 << 20

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(UPGRADED)
        while sent[0] < most:
            writer.write(piece)
            sent[0] += len(piece)
            waiting = asyncio.ensure_future(writer.drain())
            # The loop has gone round often without anybody taking more.
            for _ in range(1000):
                await asyncio.sleep(0)
                if waiting.done():
                    break
            else:
                blocked.set()
            await waiting

    async with engine_that(flood, tmp_path) as path, connected(path) as (reader, writer):
        writer.write(ATTACH)
        await reader.readuntil(b"\r\n\r\n")
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await blocked.wait()
        assert sent[0] < most
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        total = 0
        while got := await reader.read(1 << 20):
            total += len(got)
    assert total == most


@pytest.mark.parametrize("who", ["client", "engine"])
async def test_a_broken_end_ends_the_other(tmp_path: Path, who: str) -> None:
    """When one end is gone the other is closed, and nothing stays (docs/design/engine-api.md E8.3)."""
    ended = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(UPGRADED)
        await writer.drain()
        if who == "engine":
            writer.transport.abort()
        else:
            await reader.read()
        ended.set()

    async with engine_that(talk, tmp_path) as path, connected(path) as (reader, writer):
        writer.write(ATTACH)
        await reader.readuntil(b"\r\n\r\n")
        if who == "client":
            writer.transport.abort()
        else:
            assert await reader.read() == b""
        await ended.wait()


async def test_after_a_hijacked_connection_the_face_goes_on(tmp_path: Path) -> None:
    """A hijacked connection holds nothing of the server when it has ended (docs/design/engine-api.md E8.3)."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(UPGRADED if b"attach" in head else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    async with engine_that(talk, tmp_path) as path:
        for _ in range(20):
            assert (await ask_raw(path, ATTACH)).status == 101
        assert parse(await _raw(path)).json == []


async def _raw(path: Path) -> bytes:
    async with connected(path) as (reader, writer):
        writer.write(b"GET /containers/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return await reader.read()
