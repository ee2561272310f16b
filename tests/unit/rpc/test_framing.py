"""gRPC's messages in a stream of bytes (docs/design/rpc.md 9.2)."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.rpc.errors import Code, RpcFailure
from swarm_core.rpc.framing import MessageReader, framed, whole

LIMIT = 1_000
MESSAGES = st.lists(st.binary(max_size=40), max_size=6)


@given(MESSAGES, st.lists(st.integers(0, 300), max_size=12))
def test_any_cuts(messages: list[bytes], cuts: list[int]) -> None:
    """Messages come out whole and in order, wherever the bytes were cut."""
    data = b"".join(map(framed, messages))
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    reader, found = MessageReader(LIMIT), []
    for begin, end in itertools.pairwise(places):
        found += reader.feed(data[begin:end])
    assert found == messages
    assert reader.is_between


@given(MESSAGES)
def test_byte_by_byte(messages: list[bytes]) -> None:
    """The same one byte at a time; in between the reader knows that something is missing."""
    reader, found = MessageReader(LIMIT), []
    for message in messages:
        data = framed(message)
        for byte in data[:-1]:
            assert not reader.feed(bytes([byte]))
            assert not reader.is_between
        found += reader.feed(data[-1:])
    assert found == messages


def test_too_large_is_refused_by_its_length_alone() -> None:
    """Not one byte of such a message has to come."""
    reader = MessageReader(LIMIT)
    with pytest.raises(RpcFailure) as refused:
        reader.feed(framed(bytes(LIMIT + 1))[:5])
    assert refused.value.code is Code.RESOURCE_EXHAUSTED
    assert MessageReader(LIMIT).feed(framed(bytes(LIMIT))) == [bytes(LIMIT)]


@pytest.mark.parametrize("flag", [1, 2, 255])
def test_compressed_is_refused(flag: int) -> None:
    """Whatever says that it is not plain."""
    with pytest.raises(RpcFailure) as refused:
        MessageReader(LIMIT).feed(bytes([flag, 0, 0, 0, 1]))
    assert refused.value.code is Code.UNIMPLEMENTED


@given(st.binary(max_size=30))
def test_the_short_way_agrees(data: bytes) -> None:
    """What `whole` gives is what the reader gives; whatever it leaves alone is not exactly one message."""
    for piece in (data, framed(data), framed(data) + b"x", framed(data)[:-1]):
        message = whole(piece, LIMIT)
        reader = MessageReader(LIMIT)
        try:
            found = reader.feed(piece)
        except RpcFailure:
            assert message is None
            continue
        assert ([message] if message is not None else None) == (
            found if len(found) == 1 and reader.is_between else None
        )
