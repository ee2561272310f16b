"""The Docker Engine's API as its clients call it (docs/design/engines.md N3)."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from swarm_core.engines import api as module
from swarm_core.engines.api import CALLS_MAX, EngineApi
from swarm_core.engines.client import EngineClient
from swarm_core.engines.errors import (
    EngineAway,
    EngineError,
    EngineGarbage,
    EngineRefused,
    EngineSilent,
    EngineUnfit,
)
from swarm_testkit.engine_bytes import PING, Script, json_answer, listening, saying
from swarm_testkit.http_face import WAIT_S


@asynccontextmanager
async def engine_that(script: Script, tmp_path: Path) -> AsyncIterator[EngineApi]:
    async with listening(script, tmp_path / "e"):
        api = EngineApi(EngineClient(f"unix://{tmp_path / 'e'}", keeps_connections=True))
        try:
            async with asyncio.timeout(WAIT_S):
                yield api
        finally:
            await api.close()


def ping(version: str) -> bytes:
    return PING.replace(b"1.43", version.encode())


@pytest.mark.parametrize(
    ("theirs", "spoken"), [("1.43", "1.43"), ("1.24", "1.24"), ("1.99", "1.47"), ("2.0", "1.47")]
)
async def test_the_newest_version_that_both_know(theirs: str, spoken: str, tmp_path: Path) -> None:
    """Each call names that version; it is asked for once (N3.1)."""
    heads: list[str] = []
    answers = {"/_ping": ping(theirs), f"/v{spoken}/info": json_answer(b"{}")}
    async with engine_that(saying(answers, heads), tmp_path) as api:
        assert await api.get("/info") == {}
        assert await api.get("/info") == {}
        assert str(api.version) == spoken
    assert [head.split()[1] for head in heads] == ["/_ping", f"/v{spoken}/info", f"/v{spoken}/info"]


async def test_an_engine_whose_ping_says_no_version(tmp_path: Path) -> None:
    """It is asked for its version (N3.1)."""
    answers = {
        "/_ping": PING.replace(b"Api-Version: 1.43\r\n", b""),
        "/version": json_answer(b'{"ApiVersion": "1.30"}'),
    }
    async with engine_that(saying(answers), tmp_path) as api:
        assert str(await api.agree()) == "1.30"


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        ({"/_ping": ping("1.23")}, EngineUnfit, "speaks API version 1.23; at least 1.24 is needed"),
        ({"/_ping": ping("new")}, EngineGarbage, "the API version 'new', which is none"),
        ({"/_ping": json_answer(b"hello")}, EngineGarbage, "something else than an engine's ping"),
        ({"/_ping": json_answer(b'{"message": "not now"}', 503)}, EngineRefused, "not now"),
        ({"/_ping": json_answer(b"", 500)}, EngineRefused, "status 500"),
        ({}, EngineAway, "does not answer"),
    ],
)
async def test_what_no_version_comes_of(
    answers: dict[str, bytes], error: type[Exception], words: str, tmp_path: Path
) -> None:
    """Too old, nonsense, another server, an error, a closed connection: each is told apart (N3.1)."""
    async with engine_that(saying(answers), tmp_path) as api:
        with pytest.raises(error, match=words):
            await api.agree()


@pytest.mark.parametrize("oldest", ["1.48", "2.0"])
async def test_an_engine_that_speaks_newer_versions_only(oldest: str, tmp_path: Path) -> None:
    """An engine whose oldest version is newer than ours cannot be spoken with (N3.1)."""
    async with engine_that(saying({}), tmp_path) as api:
        with pytest.raises(EngineUnfit, match=f"speaks API version {oldest} and newer; ours is 1.47"):
            api.refuse_too_new(oldest)
        api.refuse_too_new("1.47")
        api.refuse_too_new("")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "answered no JSON"),
        (b"[" * 100_000, "answered no JSON"),
        (b"[]", "answered JSON of another form: list where a dict is due"),
        (b"null", "answered JSON of another form: NoneType where a dict is due"),
    ],
)
async def test_garbage(body: bytes, words: str, tmp_path: Path) -> None:
    """What is not what the call gives is garbage (N3.3)."""
    answers = {"/_ping": PING, "/v1.43/info": json_answer(body)}
    async with engine_that(saying(answers), tmp_path) as api:
        with pytest.raises(EngineGarbage, match=words):
            await api.get_object("/info")


async def test_text_that_is_no_utf8(tmp_path: Path) -> None:
    """It is read with replacement characters, and null is an empty list (N3.3)."""
    answers = {
        "/_ping": PING,
        "/v1.43/info": json_answer(b'{"Name": "a\xff"}'),
        "/v1.43/images/json": json_answer(b"null"),
    }
    async with engine_that(saying(answers), tmp_path) as api:
        assert await api.get_object("/info") == {"Name": "a\ufffd"}
        assert await api.get_list("/images/json") == []


async def test_an_answer_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than an engine can have to say is not read to its end (N3.3)."""
    monkeypatch.setattr(module, "ANSWER_BYTES_MAX", 1 << 20)

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with engine_that(endless, tmp_path) as api:
        with pytest.raises(EngineGarbage, match="more than 1 MiB"):
            await api.agree()


async def test_an_engine_that_hangs(tmp_path: Path) -> None:
    """A call that is to end is given up when its time has passed (N3.2)."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(PING)
        await reader.read()  # takes what comes, and never answers

    async with engine_that(script, tmp_path) as api:
        await api.agree()
        with pytest.raises(EngineSilent, match=r"did not answer within 0\.05 s"):
            await api.get("/info", timeout=0.05)


async def test_calls_wait_their_turn(tmp_path: Path) -> None:
    """No more than CALLS_MAX run at once, and all come to an end (N3.2)."""
    running = most = 0
    full = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal running, most
        while head := await reader.readuntil(b"\r\n\r\n"):
            if head.startswith(b"GET /_ping"):
                writer.write(PING)
                continue
            running += 1
            most = max(most, running)
            if running == CALLS_MAX:
                full.set()
            await full.wait()
            running -= 1
            writer.write(json_answer(b"1"))

    async with engine_that(script, tmp_path) as api:
        await api.agree()
        assert await asyncio.gather(*(api.get("/info") for _ in range(2 * CALLS_MAX))) == [1] * (
            2 * CALLS_MAX
        )
    assert most == CALLS_MAX


async def test_what_people_ask_waits_for_none_of_the_rest(tmp_path: Path) -> None:
    """With every turn taken by lists of a slow engine a question is answered all the same (N3.2)."""
    slow, asked = asyncio.Event(), asyncio.Event()
    waiting = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting
        while head := await reader.readuntil(b"\r\n\r\n"):
            if head.startswith(b"GET /_ping"):
                writer.write(PING)
                continue
            if b"/containers/" in head.splitlines()[0]:
                waiting += 1
                if waiting == CALLS_MAX:
                    asked.set()
                await slow.wait()
            writer.write(json_answer(b"1"))

    async with engine_that(script, tmp_path) as api, asyncio.TaskGroup() as group:
        people = api.beside(1)
        for _ in range(2 * CALLS_MAX):
            group.create_task(api.get("/containers/json"))
        await asked.wait()
        assert await people.get("/info") == 1
        slow.set()


async def test_queries_and_bodies(tmp_path: Path) -> None:
    """Filters are JSON, booleans 1 and 0, lists repeat, None is left out; a body of JSON says that it is JSON (N3.4)."""
    heads: list[str] = []
    path = "/v1.43/images/a%2520b/x"
    async with engine_that(saying({"/_ping": PING, path: json_answer(b"")}, heads), tmp_path) as api:
        query = {
            "all": True,
            "v": False,
            "n": 3,
            "filters": {"id": ["a", "b"]},
            "t": ["x", "y&z"],
            "none": None,
        }
        assert await api.post("/images/a%20b/x", query, headers={"X-Registry-Auth": "geheim"}) is None
    assert heads[1].startswith(
        f"POST {path}?all=1&v=0&n=3&filters=%7B%22id%22%3A%5B%22a%22%2C%22b%22%5D%7D&t=x&t=y%26z HTTP/1.1\r\n"
    )
    assert "X-Registry-Auth: geheim\r\n" in heads[1]


@pytest.mark.parametrize("text", ["a b+c", "ä/ß?", "%41&=#", "0-_.~", '["x\\n"]\n'])
async def test_what_is_sent_is_read_back(text: str, tmp_path: Path) -> None:
    """Whatever a value holds is one value of its name on the other side (N3.4)."""
    async with engine_that(saying({"/_ping": PING}), tmp_path) as api:
        await api.agree()
        target = api.target("/containers/json", {text: text, "filters": {"id": [text]}})
    assert parse_qsl(urlsplit(target).query, strict_parsing=True) == [
        (text, text),
        ("filters", json.dumps({"id": [text]}, separators=(",", ":"))),
    ]


async def test_lines(tmp_path: Path) -> None:
    """Lines come as they are written, however they are cut, and the last one without its end too (N3.5)."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(PING)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for piece in (b'{"a"', b': 1}\r\n{"b": 2}\n\n{', b'"c": 3}'):
            writer.write(piece)
            await writer.drain()

    async with engine_that(script, tmp_path) as api, aclosing(api.lines("GET", "/events")) as lines:
        assert [line async for line in lines] == [b'{"a": 1}', b'{"b": 2}', b'{"c": 3}']


async def test_a_stream_that_is_refused(tmp_path: Path) -> None:
    """An error in place of a stream is the engine's error (N3.5)."""
    answers = {
        "/_ping": PING,
        "/v1.43/containers/x/logs": json_answer(b'{"message": "No such container: x"}', 404),
    }
    async with engine_that(saying(answers), tmp_path) as api:
        with pytest.raises(EngineRefused, match="No such container: x") as caught:
            async with api.open("GET", "/containers/x/logs"):
                raise AssertionError("nothing is opened")
    assert caught.value.status == 404


_CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'5\r\n{"a":\r\n3\r\n 1}\r\n0\r\n\r\n'
)
_PIECES = (
    b"\r\n",
    b"\0",
    b"9" * 20,
    b"Content-Encoding: gzip\r\n",
    b"Content-Length: 3\r\n",
    b"HTTP/1.1 101 X\r\n\r\n",
    b"\xff",
)


async def test_answers_that_were_tampered_with(tmp_path: Path) -> None:
    """Whatever bytes come in place of an answer, they are read or the failure is one of an engine (N3.3)."""
    rng = random.Random(7)
    raw, outcomes = b"", set[str]()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)

    async with listening(script, tmp_path / "e"):
        client = EngineClient(f"unix://{tmp_path / 'e'}")
        api = EngineApi(client)
        for turn in range(400):
            raw = PING if not turn else _tampered(rng)
            try:
                await (api.get_object("/info") if turn else api.agree())
                outcomes.add("read")
            except EngineError as error:
                outcomes.add(type(error).__name__)
        await api.close()
    assert outcomes >= {"read", "EngineGarbage", "EngineAway"}


def _tampered(rng: random.Random) -> bytes:
    raw = bytearray(rng.choice((_CHUNKED, json_answer(b'{"a": 1}'))))
    for _ in range(rng.randint(0, 3)):
        at = rng.randrange(len(raw))
        match rng.randrange(4):
            case 0:
                raw[at] = rng.randrange(256)
            case 1:
                del raw[at : at + rng.randint(1, 9)]
            case 2:
                raw[at:at] = rng.choice(_PIECES)
            case _:
                del raw[at + 1 :]
        raw = raw or bytearray(b"x")
    return bytes(raw)
