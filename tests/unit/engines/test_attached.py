"""Output in frames, and connections that became bytes, with an engine that is two lines of a test."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.engines.attached import WAITING_BYTES_MAX, Attached, Frames, Pieces
from swarm_core.engines.errors import EngineAway, EngineGarbage, EngineRefused, EngineSilent

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]
UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n"


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=30)), max_size=8), st.integers(1, 50))
def test_frames_are_read_however_they_are_cut(said: list[tuple[int, bytes]], size: int) -> None:
    """Each stream's bytes in order, whole."""
    heard = {1: b"", 2: b""}

    def hear(stream: int, data: bytes) -> None:
        heard[stream] += data

    frames = Frames(hear, has_terminal=False)
    whole = b"".join(frame(stream, data) for stream, data in said)
    for at in range(0, len(whole), size):
        frames.feed(whole[at : at + size])
    for stream in heard:
        assert heard[stream] == b"".join(data for number, data in said if number == stream)


def test_a_terminal_has_no_frames() -> None:
    """All of it is the first stream's."""
    heard: list[tuple[int, bytes]] = []
    Frames(lambda stream, data: heard.append((stream, data)), has_terminal=True).feed(b"as it is")
    assert heard == [(1, b"as it is")]


def test_what_is_in_no_frames_is_refused() -> None:
    """Text where a frame's head is due."""
    with pytest.raises(ValueError, match="in no frames"):
        Frames(lambda stream, data: None, has_terminal=False).feed(b"plain text")


async def test_an_engine_that_gives_no_connection_is_given_up() -> None:
    """It has the time of a call: whoever waits has given the terminal away (N3.2)."""

    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with attached_to(nothing) as (attached, _):
        with pytest.raises(EngineSilent, match=r"did not answer within 0\.05 s"):
            await attached.begun(0.05)


@asynccontextmanager
async def attached_to(answer: Answer) -> AsyncIterator[tuple[Attached, list[tuple[int, bytes]]]]:
    heard: list[tuple[int, bytes]] = []
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found = answer(reader, writer)
        if asyncio.iscoroutine(found):
            await found
        writer.close()
        done.set()

    with TemporaryDirectory(prefix="fe-") as directory:
        path = Path(directory) / "s"
        server = await asyncio.start_unix_server(serve, path)
        attached = Attached(
            f"unix://{path}", lambda stream, data: heard.append((stream, data)), has_terminal=False
        )
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: attached, str(path))
            yield attached, heard
        finally:
            attached.close()
            server.close()
            await done.wait()


async def test_bytes_go_both_ways_and_each_way_ends_by_itself() -> None:
    """What is sent comes back in a frame after the end of the input."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(UPGRADED)
        writer.write(frame(2, b"err"))
        writer.write(frame(1, await reader.read()))
        await writer.drain()

    async with attached_to(echo) as (attached, heard):
        await attached.begun()
        await attached.send(b"typed")
        await attached.send(b"")
        await attached.ended()
        assert {stream: b"".join(data for n, data in heard if n == stream) for stream in (1, 2)} == {
            1: b"typed",
            2: b"err",
        }


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (b'HTTP/1.1 409 Conflict\r\n\r\n{"message":"it is paused"}', EngineRefused, "it is paused"),
        (b"HTTP/1.1 500 Oops\r\n\r\nplain words", EngineRefused, "plain words"),
        (b"\x00\x01 what is this\r\n\r\n", EngineGarbage, "answered no HTTP"),
        (UPGRADED + b"no frames here", EngineGarbage, "in no frames"),
        (b"", EngineAway, "it ended the connection"),
    ],
)
async def test_what_is_no_connection_is_an_error(answer: bytes, error: type[Exception], text: str) -> None:
    """The engine's sentence where it has one."""
    async with attached_to(lambda reader, writer: writer.write(answer)) as (attached, _):
        with pytest.raises(error, match=text):
            await attached.begun()
            await attached.ended()


async def test_output_that_nobody_takes_is_not_read() -> None:
    """The engine waits; taken piece by piece it is whole."""
    size, sent = 64 * WAITING_BYTES_MAX, asyncio.Event()
    finished = asyncio.Event()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(UPGRADED + frame(1, b"a" * size))
        sent.set()
        await writer.drain()
        writer.close()
        finished.set()

    with TemporaryDirectory(prefix="fe-") as directory:
        path = Path(directory) / "s"
        server = await asyncio.start_unix_server(pour, path)
        pieces = Pieces(f"unix://{path}", has_terminal=False)
        await asyncio.get_running_loop().create_unix_connection(lambda: pieces, str(path))
        await pieces.begun()
        await sent.wait()
        first = await anext(found := pieces.pieces())
        assert not finished.is_set()
        taken = len(first[1])
        async for stream, data in found:
            assert stream == 1
            taken += len(data)
        assert taken == size
        await finished.wait()
        server.close()
