"""Protobuf's wire format by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.proto.types_pb2 import Version
from swarm_core.api.wire import (
    DELIMITED,
    FIXED32,
    FIXED64,
    VARINT,
    delimited,
    fields,
    read_varint,
    tag,
    varint,
)

numbers = st.integers(0, 2**64 - 1)


@given(numbers)
def test_varints_are_protobufs(number: int) -> None:
    """A varint is what protobuf writes, and is read back from anywhere."""
    assert Version(index=number).SerializeToString() == (b"\x08" + varint(number) if number else b"")
    assert read_varint(b"xx" + varint(number) + b"yy", 2) == (number, 2 + len(varint(number)))


@given(numbers, st.binary(max_size=300), st.integers(1, 2**29 - 1))
def test_fields(number: int, payload: bytes, field: int) -> None:
    """Fields of every wire type are read back with their number, type and value."""
    data = b"\x08" + varint(number) + delimited(field, payload) + b"\x1d1234" + b"\x2112345678"
    assert list(fields(data)) == [
        (1, VARINT, number),
        (field, DELIMITED, payload),
        (3, FIXED32, b"1234"),
        (4, FIXED64, b"12345678"),
    ]


@pytest.mark.parametrize("size", [0, 127, 128, 4095, 4096, 100_000])
@pytest.mark.parametrize("number", [1, 15, 16, 2**29 - 1])
def test_delimited_at_every_size(number: int, size: int) -> None:
    """Tag, size and payload, whether looked up or built."""
    payload = b"x" * size
    assert delimited(number, payload) == tag(number, DELIMITED) + varint(size) + payload
    assert list(fields(delimited(number, payload))) == [(number, DELIMITED, payload)]


@pytest.mark.parametrize(
    "data", [b"\x80", b"\x08", b"\x12\x05abc", b"\x00\x01", b"\x0b", b"\x1d123", b"\xff" * 12]
)
def test_malformed_data(data: bytes) -> None:
    """Each kind of damage is a ValueError."""
    with pytest.raises(ValueError, match=r".+"):
        list(fields(data))
