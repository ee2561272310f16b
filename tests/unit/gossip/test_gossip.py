"""The meeting point of Docker Engines (docs/design/manager.md 5.9), without engines: what is read, what is answered, what is refused."""

import asyncio
import random
from typing import Any

import pytest
from swarm_core.gossip import exchange
from swarm_core.gossip.exchange import Member, message
from swarm_core.gossip.lzw import decompressed
from swarm_core.gossip.meeting_point import MeetingPoint
from swarm_core.gossip.msgpack import Malformed, Reader, written
from swarm_testkit.free_ports import free_port
from swarm_testkit.manual_clock import ManualClock

KEY, OTHER = bytes(range(16)), bytes(range(1, 17))


def member(name: str, *, incarnation: int = 1, state: int = 0) -> Member:
    fields: dict[bytes, Any] = {
        b"Name": name.encode(), b"Addr": b"\x0a\x00\x00\x01", b"Port": 7946, b"Meta": None,
        b"Incarnation": incarnation, b"State": state, b"Vsn": b"\x01\x05\x02\x02\x05\x04",
    }  # fmt: skip
    return Member(name.encode(), incarnation, state == 0, fields)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        127,
        128,
        70_000,
        2**63,
        -1,
        -300,
        b"",
        b"x" * 31,
        b"x" * 32,
        b"x" * 70_000,
        [1, [b"a"]],
        {b"a": {b"b": [None]}},
    ],
)
def test_values_are_read_as_they_were_written(value: Any) -> None:
    """Each form, short and long; what follows is left."""
    reader = Reader(written(value) + b"rest")
    assert reader.value() == value and reader.rest() == b"rest"


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\xc4\x01a", b"a"), (b"\xd9\x01a", b"a"), (b"\xcc\xff", 255), (b"\xcd\x01\x00", 256), (b"\xce\x00\x01\x00\x00", 65536),
        (b"\xd0\xff", -1), (b"\xd1\xff\xfe", -2), (b"\xe0", -32), (b"\xde\x00\x01\xa1k\x01", {b"k": 1}), (b"\xdc\x00\x01\xc3", [True]),
    ],
)  # fmt: skip
def test_forms_that_others_write(data: bytes, value: Any) -> None:
    """The newer form of texts and bytes, and numbers of every size."""
    assert Reader(data).value() == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\xa5abc",
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\x81\x01\x01",
        b"\x91" * 20 + b"\x01",
    ],
)
def test_what_is_no_message(data: bytes) -> None:
    """It is refused, and nothing is read past its end."""
    with pytest.raises(Malformed):
        Reader(data).value()


def test_any_bytes_are_read_or_refused() -> None:
    """Random bytes never raise anything else."""
    rng = random.Random(7)
    for _ in range(3_000):
        data = rng.randbytes(rng.randint(0, 40))
        for read in (_value, _text):
            try:
                read(data)
            except Malformed:
                pass


def _value(data: bytes) -> None:
    Reader(data).value()


def _text(data: bytes) -> None:
    decompressed(data, 1_000)


def compressed(text: bytes) -> bytes:
    """LZW as the other side writes it: the twin of what is tested, written from the letters up."""
    out, held, bits = bytearray(), 0, 0

    def put(code: int, width: int) -> None:
        nonlocal held, bits
        bits |= code << held
        held += width
        while held >= 8:
            out.append(bits & 0xFF)
            bits, held = bits >> 8, held - 8

    table = {bytes([letter]): letter for letter in range(256)}
    put(256, 9)
    width, following, current = 9, 258, b""
    for at in range(len(text)):
        letter = text[at : at + 1]
        if current + letter in table:
            current += letter
            continue
        put(table[current], width)
        if following < 4096:
            table[current + letter] = following
            following += 1
            if following > 1 << width and width < 12:
                width += 1
        current = letter
    if current:
        put(table[current], width)
        following += 1
        if following > 1 << width and width < 12:
            width += 1
    put(257, width)
    put(0, 7)
    return bytes(out)


@pytest.mark.parametrize(
    "text",
    [b"", b"a", b"aaaa" * 50, bytes(range(256)) * 3, random.Random(3).randbytes(9_000), b"abcabcd" * 2_000],
)
def test_compressed_texts(text: bytes) -> None:
    """Short, repeating and random ones, past every width of codes; too long ones are refused."""
    assert decompressed(compressed(text), len(text)) == text
    if text:
        with pytest.raises(Malformed, match="longer than allowed"):
            decompressed(compressed(text), len(text) - 1)


async def exchanged(port: int, members: list[Member], key: bytes = KEY) -> list[str] | None:
    """The names in the answer; None when there is none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(message(members, key, bytes(12)))
    answer = await reader.read()
    writer.close()
    if not answer:
        return None
    header, body = answer[: exchange.HEADER_BYTES], answer[exchange.HEADER_BYTES :]
    assert exchange.length(header) == len(body)
    return [one.name.decode() for one in exchange.read(header, body, [OTHER, key]).members]


async def test_who_joins_is_told_of_those_before() -> None:
    """5.9.1, 5.9.3: each hears of the others and not of itself; who left, or was not heard of for long, is not told any more."""
    clock, port = ManualClock(), free_port()
    server = await MeetingPoint(clock, random.Random(1), lambda: [OTHER, KEY]).serve("127.0.0.1", port)
    async with server:
        assert await exchanged(port, [member("a")]) == []
        assert await exchanged(port, [member("b")]) == ["a"]
        assert await exchanged(port, [member("c"), member("a", incarnation=2, state=3)]) == ["b"]
        # An older word of one that left does not bring it back over a newer one.
        assert await exchanged(port, [member("d", incarnation=5)]) == ["b", "c"]
        assert await exchanged(port, [member("b"), member("d", incarnation=4, state=2)]) == ["c"]
        assert await exchanged(port, [member("e")]) == ["b", "c", "d"]
        await clock.advance(200)
        assert await exchanged(port, [member("c")]) == ["b", "d", "e"]
        await clock.advance(200)
        assert await exchanged(port, [member("f")]) == ["c"]


async def test_strangers_get_no_answer() -> None:
    """5.9.2: without a key of the cluster, or with a message that is none."""
    port = free_port()
    server = await MeetingPoint(ManualClock(), random.Random(1), lambda: [KEY]).serve("127.0.0.1", port)
    async with server:
        assert await exchanged(port, [member("a")], key=OTHER) is None
        for data in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x0a\xff\xff\xff\xff" + bytes(40),
            b"\x0a\x00\x00\x00\x20" + bytes(32),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            assert await reader.read() == b""
            writer.close()
        assert await exchanged(port, [member("b")]) == []
