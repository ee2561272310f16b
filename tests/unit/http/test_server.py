"""The server of an HTTP face, met with bytes."""

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from swarm_core.http.errors import Conflict, RefusedCall
from swarm_core.http.exchange import Exchange, Limits, empty_answer, json_answer
from swarm_core.http.routes import Route, Routes
from swarm_core.http.server import Face
from swarm_core.http.version import NEWEST, Version
from swarm_testkit.http_face import WAIT_S, Answer, ask, ask_raw, connected, face_at, parse

HEADERS = {
    "server": "Docker/1.2.3 (linux)",
    "api-version": str(NEWEST),
    "ostype": "linux",
    "docker-experimental": "false",
}


async def echo(exchange: Exchange) -> web.Response:
    """What the server made of a request."""
    seen = {"version": str(exchange.version), "path": exchange.path, **exchange.parameters}
    return json_answer({**seen, "query": dict(exchange.query)})


async def take(exchange: Exchange) -> web.Response:
    return json_answer(await exchange.read_json())


async def fail(exchange: Exchange) -> web.Response:
    raise RefusedCall("UNKNOWN", "update out of sequence")


async def conflict(exchange: Exchange) -> web.Response:
    raise Conflict("service web already exists")


async def break_down(exchange: Exchange) -> web.Response:
    raise ConnectionRefusedError("a mistake of ours with secret words")


async def break_off(exchange: Exchange) -> web.StreamResponse:
    response = web.StreamResponse()
    await exchange.start(response)
    await response.write(b"half")
    raise RuntimeError("in the middle")


async def nothing(exchange: Exchange) -> web.Response:
    return empty_answer()


async def flags(exchange: Exchange) -> web.Response:
    return json_answer([exchange.loose_flag("loose"), exchange.strict_flag("strict")])


ROUTES = Routes(
    [
        Route("GET", "/things", echo),
        Route("GET", "/things/{id}", echo),
        Route("GET", "/images/{name:.*}/json", echo),
        Route("POST", "/things/create", take),
        Route("POST", "/things/{id}", fail),
        Route("PUT", "/things/{id}", conflict),
        Route("GET", "/broken", break_down),
        Route("GET", "/half", break_off),
        Route("GET", "/nothing", nothing),
        Route("GET", "/flags", flags),
    ]
)


@pytest.fixture
async def face(tmp_path: Path) -> Any:
    async with face_at(tmp_path / "s", ROUTES) as path:
        yield path


async def test_a_path_with_and_without_a_version_leads_to_the_same_route(face: Path) -> None:
    """Without a version a client speaks the newest one (docs/design/engine-api.md E3.1, E3.4)."""
    bare, old = await ask(face, "GET", "/things?a=1&b=&a=2"), await ask(face, "GET", "/v1.25/things/x%2Fy")
    assert bare.status == old.status == 200
    assert bare.json == {"version": str(NEWEST), "path": "/things", "query": {"a": "1", "b": ""}}
    assert old.json == {"version": "1.25", "path": "/things/x%2Fy", "id": "x/y", "query": {}}
    assert bare.headers["content-type"] == "application/json"
    assert bare.body.endswith(b"}\n")
    assert HEADERS.items() <= bare.headers.items()


async def test_a_parameter_may_take_slashes(face: Path) -> None:
    """Names of images have slashes (docs/design/engine-api.md E4.2)."""
    assert (await ask(face, "GET", "/images/a/b:c/json")).json["name"] == "a/b:c"
    assert (await ask(face, "GET", "/things/a/b")).status == 404


@pytest.mark.parametrize(
    ("version", "text"),
    [
        ("1.23", "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"),
        ("1.48", "client version 1.48 is too new. Maximum supported API version is 1.47"),
        ("1.100", "client version 1.100 is too new. Maximum supported API version is 1.47"),
        ("1..2", "'1..2' is no API version"),
    ],
)  # fmt: skip
async def test_versions_out_of_range_are_refused_in_dockers_words(
    face: Path, version: str, text: str
) -> None:
    """A version that is too old or too new is refused; the answer says which ones go (docs/design/engine-api.md E3.2)."""
    answer = await ask(face, "GET", f"/v{version}/things")
    assert (answer.status, answer.message) == (400, text)
    assert answer.headers["api-version"] == str(NEWEST)
    assert "docker-experimental" not in answer.headers


async def test_the_newest_version_is_asked_at_each_request(tmp_path: Path) -> None:
    """What an engine behind us can do may change while we serve (docs/design/engine-api.md E3.3)."""
    now = [Version(1, 30)]
    async with face_at(tmp_path / "s", ROUTES, Face("x", newest=lambda: now[0])) as path:
        assert (await ask(path, "GET", "/v1.31/things")).status == 400
        now[0] = Version(1, 31)
        answer = await ask(path, "GET", "/v1.31/things")
        assert (answer.status, answer.headers["api-version"]) == (200, "1.31")


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/nowhere"),
        ("PATCH", "/things"),
        ("HEAD", "/things"),
        ("GET", "/v1.41"),
        ("GET", "/vx/things"),
    ],
)
async def test_an_unknown_path_or_method_is_no_page(face: Path, method: str, target: str) -> None:
    """A wrong method is 404 too, also HEAD where GET goes; the answer tells no version (docs/design/engine-api.md E4.3)."""
    answer = await ask(face, method, target)
    assert answer.status == 404
    assert "api-version" not in answer.headers
    if method != "HEAD":
        assert answer.message == "page not found"


async def test_options_are_answered_everywhere(face: Path) -> None:
    """OPTIONS is 200 and empty on every path (docs/design/engine-api.md E4.3)."""
    answer = await ask(face, "OPTIONS", "/v1.30/nowhere")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("target", "clean"),
    [("//things", "/things"), ("/things//x?q=%20", "/things/x?q=%20"), ("/a/../things/", "/things/"), ("/./things", "/things")],
)  # fmt: skip
async def test_a_path_that_is_not_clean_leads_to_the_clean_one(face: Path, target: str, clean: str) -> None:
    """Empty parts, `.` and `..` are answered with 301 (docs/design/engine-api.md E4.4)."""
    answer = await ask(face, "GET", target)
    assert (answer.status, answer.headers["location"]) == (301, clean)


async def test_an_error_has_its_status_and_sentence(face: Path) -> None:
    """Errors are JSON with one exact Content-Type and the usual headers (docs/design/engine-api.md E2.1)."""
    refused, taken = await ask(face, "POST", "/things/x"), await ask(face, "PUT", "/things/x")
    assert (refused.status, refused.message) == (
        500,
        "rpc error: code = Unknown desc = update out of sequence",
    )
    assert (taken.status, taken.message) == (409, "service web already exists")
    for answer in (refused, taken):
        assert answer.headers["content-type"] == "application/json"
        assert HEADERS.items() <= answer.headers.items()


async def test_a_mistake_of_ours_is_told_in_the_log_alone(
    face: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a handler raises is 500 `internal error`, and the server goes on (docs/design/engine-api.md E2.4)."""
    answer = await ask(face, "GET", "/broken")
    assert (answer.status, answer.message) == (500, "internal error")
    assert "a mistake of ours" in caplog.text
    assert (await ask(face, "GET", "/things")).status == 200


async def test_a_response_that_has_begun_is_broken_off(face: Path) -> None:
    """An error in the middle ends the connection without the end of the body (docs/design/engine-api.md E2.5)."""
    async with asyncio.timeout(WAIT_S), connected(face) as (reader, writer):
        writer.write(b"GET /half HTTP/1.1\r\nHost: x\r\n\r\n")
        raw = await reader.read()
    assert b"half" in raw
    assert not raw.endswith(b"0\r\n\r\n")


async def test_a_client_that_is_gone_is_no_mistake(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is told in the log of an answer that could not be written to its end; nor twice of one that was broken off."""
    written = asyncio.Event()

    async def write(exchange: Exchange) -> web.StreamResponse:
        response = web.StreamResponse()
        await exchange.start(response)
        assert exchange.request.transport is not None
        exchange.request.transport.abort()
        written.set()
        await response.write(b"to nobody")
        return response

    routes = Routes([Route("GET", "/x", write), Route("GET", "/off", break_off)])
    async with face_at(tmp_path / "s", routes):
        for target in (b"/x", b"/off"):
            with suppress(ConnectionError):
                async with asyncio.timeout(WAIT_S), connected(tmp_path / "s") as (reader, writer):
                    writer.write(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                    await reader.read()
    assert written.is_set()
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert told == ["Handler for GET /off failed"]


async def test_success_without_a_body_says_so(face: Path) -> None:
    """An empty answer has a length and no type (docs/design/engine-api.md E4.5)."""
    answer = await ask(face, "GET", "/nothing")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")
    assert "content-type" not in answer.headers


@pytest.mark.parametrize(
    ("query", "loose"),
    [("", False), ("loose=", False), ("loose=%200%20", False), ("loose=False", False), ("loose=none", False),
     ("loose=No", False), ("loose=1", True), ("loose=yes", True), ("loose=nonsense", True)],
)  # fmt: skip
async def test_most_booleans_are_read_loosely(face: Path, query: str, loose: bool) -> None:
    """Five words are false, all else is true (docs/design/engine-api.md E4.6)."""
    assert (await ask(face, "GET", f"/flags?{query}")).json == [loose, False]


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("T", True), ("True", True), ("f", False), ("FALSE", False)]
)
async def test_some_booleans_are_read_strictly(face: Path, text: str, value: bool) -> None:
    """Go's words for booleans are taken, others refused (docs/design/engine-api.md E4.6)."""
    assert (await ask(face, "GET", f"/flags?strict={text}")).json == [False, value]
    refused = await ask(face, "GET", "/flags?strict=yes")
    assert refused.status == 400
    assert refused.message.startswith("invalid value for strict: yes: ")


JSON = {"Content_Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, "\xc3\xa4"]}', {"a": [1, "ä"]}),
        (b" null \n", None),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b"", {}),
    ],
)
async def test_a_body_is_json(face: Path, body: bytes, value: object) -> None:
    """A body is one JSON value; none at all means an object without fields (docs/design/engine-api.md E4.7)."""
    assert (await ask(face, "POST", "/things/create", body, **JSON)).json == value


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{", "invalid JSON: "),
        (b"{} {}", "unexpected content after JSON"),
        (b"NaN", "invalid JSON: invalid character 'N'"),
        (b" ", "invalid JSON: got EOF while reading request body"),
        (b"[" * 100_000, "invalid JSON: exceeded max depth"),
        (b"9" * 5000, "invalid JSON: "),
    ],
)
async def test_what_is_no_json_is_refused(face: Path, body: bytes, text: str) -> None:
    """A malformed body is 400 with a sentence (docs/design/engine-api.md E4.7)."""
    answer = await ask(face, "POST", "/things/create", body, **JSON)
    assert answer.status == 400
    assert answer.message.startswith(text)


async def test_an_empty_body_in_chunks_is_refused(face: Path) -> None:
    """A chunked body without a byte is no JSON (docs/design/engine-api.md E4.7)."""
    answer = await ask(face, "POST", "/things/create", b"0\r\n\r\n", Transfer_Encoding="chunked", **JSON)
    assert (answer.status, answer.message) == (400, "invalid JSON: got EOF while reading request body")


async def test_a_body_says_that_it_is_json_from_1_42_on(face: Path) -> None:
    """Another Content-Type is refused, but not to older clients (docs/design/engine-api.md E4.8)."""
    new = await ask(face, "POST", "/v1.42/things/create", b"{}", Content_Type="text/plain")
    assert (new.status, new.message) == (
        400,
        "unsupported Content-Type header (text/plain): must be 'application/json'",
    )
    assert (await ask(face, "POST", "/v1.42/things/create", b"{}")).status == 400
    assert (
        await ask(face, "POST", "/v1.42/things/create", b"{}", Content_Type="application/json; charset=utf-8")
    ).status == 200
    assert (await ask(face, "POST", "/v1.41/things/create", b"{}")).status == 200


async def test_a_client_that_waits_is_told_to_send_its_body(face: Path) -> None:
    """`Expect: 100-continue` is answered before the body is read (docs/design/engine-api.md E4.9)."""
    async with asyncio.timeout(WAIT_S), connected(face) as (reader, writer):
        writer.write(
            b"POST /v1.41/things/create HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n"
        )
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b'{"a":1}')
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b'\r\n\r\n{"a":1}\n')


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large_is_refused(tmp_path: Path, chunked: bool) -> None:
    """A body has a limit, announced or not (docs/design/engine-api.md E4.10)."""
    async with face_at(tmp_path / "s", ROUTES, limits=Limits(body_bytes_max=1000)) as path:
        body = b'"' + b"x" * 2000 + b'"'
        sent = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n" if chunked else body
        extra = {"Transfer_Encoding": "chunked"} if chunked else {}
        answer = await ask(path, "POST", "/things/create", sent, **JSON, **extra)
        assert (answer.status, answer.message) == (400, "request body too large")


async def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    """A body has a time (docs/design/engine-api.md E4.10)."""
    async with face_at(tmp_path / "s", ROUTES, limits=Limits(body_s=0.05)) as path:
        request = b"POST /v1.41/things/create HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{"
        answer = await ask_raw(path, request)
        assert (answer.status, answer.message) == (400, "the request's body did not come in time")


@pytest.mark.parametrize("sent", [b"", b"GET /things HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_a_head_that_does_not_come_is_not_waited_for(tmp_path: Path, sent: bytes) -> None:
    """A connection without a whole head ends (docs/design/engine-api.md E4.10)."""
    async with face_at(tmp_path / "s", ROUTES, limits=Limits(head_s=0.05)) as path:
        async with asyncio.timeout(WAIT_S), connected(path) as (reader, writer):
            writer.write(sent)
            assert await reader.read() == b""


async def test_one_connection_too_many_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is told so, others go on, and there is room again when one ends (docs/design/engine-api.md E4.14)."""
    request = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    async with face_at(tmp_path / "s", ROUTES, limits=Limits(connections_max=2)) as path:
        async with asyncio.timeout(WAIT_S), AsyncExitStack() as kept:
            first, second = [await kept.enter_async_context(connected(path)) for _ in range(2)]
            for reader, writer in (first, second):
                writer.write(request)
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
            async with connected(path) as (reader, _):
                refused = parse(await reader.read())
            assert (refused.status, refused.message) == (503, "too many connections")
            second[1].close()
            has_room = False
            while not has_room:
                async with connected(path) as (reader, writer):
                    with suppress(ConnectionError, asyncio.IncompleteReadError):
                        writer.write(request)
                        has_room = (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
            first[1].write(request)
            assert (await first[0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
    assert "clients have more than 2 connections open; others are refused" in caplog.messages


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"nonsense token=geheim\r\n\r\n", b"GET / HTTP/1.1\r\ntoken geheim\r\n\r\n",
     b"POST /things/create HTTP/1.1\r\nContent-Length: geheim\r\n\r\n", b"GET /things HTTP/1.1\r\nX-Long: geheim" + b"x" * (1 << 20) + b"\r\n\r\n"],
)  # fmt: skip
async def test_what_is_no_http_is_answered_and_not_logged(
    face: Path, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Bytes that are no request are 400, and none of them reaches the log (docs/design/engine-api.md E4.11)."""
    caplog.set_level(logging.DEBUG)
    answer = await ask_raw(face, sent)
    assert (answer.status, answer.headers["server"]) == (400, HEADERS["server"])
    assert b"geheim" not in answer.body
    assert "geheim" not in caplog.text
    assert (await ask(face, "GET", "/things")).status == 200


@pytest.mark.parametrize("version", ["0.9", "2.0"])
async def test_other_versions_of_http_are_refused(face: Path, version: str) -> None:
    """In the version that is spoken, whatever the client wrote (docs/design/engine-api.md E4.11)."""
    request = f"GET /v1.41/things/x HTTP/{version}\r\nHost: x\r\n\r\n".encode()
    async with asyncio.timeout(WAIT_S), connected(face) as (reader, writer):
        writer.write(request)
        raw = await reader.read()
    assert raw.startswith(b"HTTP/1.1 505 ")
    assert parse(raw).body == b"505 HTTP Version Not Supported"


async def test_a_long_header_is_taken(face: Path) -> None:
    """Credentials of registries are long (docs/design/engine-api.md E4.10)."""
    assert (await ask(face, "GET", "/things", X_Registry_Auth="x" * 100_000)).status == 200


async def test_a_handler_whose_client_goes_away_is_cancelled(tmp_path: Path) -> None:
    """Nothing is worked on for nobody (docs/design/engine-api.md E4.12)."""
    began, ended = asyncio.Event(), asyncio.Event()

    async def wait(exchange: Exchange) -> web.Response:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError("nobody wakes it")

    async with (
        face_at(tmp_path / "s", Routes([Route("GET", "/wait", wait)])) as path,
        asyncio.timeout(WAIT_S),
    ):
        async with connected(path) as (_, writer):
            writer.write(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
            await began.wait()
        await ended.wait()


async def test_the_end_lets_requests_end_and_cancels_the_rest(tmp_path: Path) -> None:
    """A request that runs is answered; one that would run for ever is cancelled (docs/design/engine-api.md E4.13)."""
    began, go_on, stays = asyncio.Event(), asyncio.Event(), asyncio.Event()
    answers: list[Answer] = []
    cancelled = asyncio.Event()

    async def finish(exchange: Exchange) -> web.Response:
        began.set()
        await go_on.wait()
        return json_answer("done")

    async def stay(exchange: Exchange) -> web.Response:
        stays.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError("nobody wakes it")

    async def ask_one(path: Path) -> None:
        answers.append(await ask(path, "GET", "/finish"))

    routes = Routes([Route("GET", "/finish", finish), Route("GET", "/stay", stay)])
    async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as group:
        async with face_at(tmp_path / "s", routes, limits=Limits(stop_s=0.5)) as path:
            _reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"GET /stay HTTP/1.1\r\nHost: x\r\n\r\n")
            group.create_task(ask_one(path))
            await began.wait()
            await stays.wait()
            go_on.set()
        await cancelled.wait()
        writer.close()
    assert answers[0].json == "done"
    assert not path.exists()
