"""Headers of gRPC's calls, both ways (docs/design/rpc.md 9.2)."""

import base64
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.rpc import headers
from swarm_core.rpc.errors import Code
from swarm_core.rpc.h2 import hpack
from swarm_core.rpc.h2.bounds import MEMBERS
from swarm_core.rpc.headers import Head, Refusal

BASE = ((b":method", b"POST"), (b":scheme", b"https"), (b":path", b"/a.B/C"), (b":authority", b"x"))
PLAIN = (*BASE, (b"te", b"trailers"), (b"content-type", b"application/grpc"))


def read(*more: tuple[bytes, bytes]) -> Head | Refusal:
    return headers.read((*PLAIN, *more))


def metadata(*more: tuple[bytes, bytes]) -> headers.Metadata:
    head = read(*more)
    assert isinstance(head, Head)
    return head.metadata


def refusal(*more: tuple[bytes, bytes]) -> dict[bytes, bytes]:
    """The answer's fields."""
    refused = read(*more)
    assert isinstance(refused, Refusal)
    return fields(refused.block)


def fields(block: bytes) -> dict[bytes, bytes]:
    return dict(hpack.Decoder(MEMBERS).decode(block).pairs)


@pytest.mark.parametrize(
    "kind", [b"application/grpc", b"application/grpc+proto", b"application/grpc;charset=x"]
)
def test_content_types(kind: bytes) -> None:
    """gRPC's own, with what may follow it."""
    assert isinstance(headers.read((*BASE, (b"content-type", kind))), Head)


@pytest.mark.parametrize("kind", [b"", b"text/html", b"application/grpcx", b"application/json"])
def test_other_content_types(kind: bytes) -> None:
    """Anything else is no gRPC, and is told so by HTTP."""
    refused = headers.read((*BASE, (b"content-type", kind)))
    assert isinstance(refused, Refusal)
    assert fields(refused.block) == {b":status": b"415"}


def test_other_methods() -> None:
    """Calls are POSTs."""
    refused = headers.read(((b":method", b"GET"), *PLAIN[1:]))
    assert isinstance(refused, Refusal)
    assert fields(refused.block) == {b":status": b"405"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (b"1H", 3600),
        (b"2M", 120),
        (b"3S", 3),
        (b"4m", 0.004),
        (b"5u", 5e-6),
        (b"6n", 6e-9),
        (b"99999999S", 99_999_999),
        (b"0n", 0),
    ],
)
def test_timeouts(text: bytes, seconds: float) -> None:
    """Every unit, up to eight digits."""
    head = read((b"grpc-timeout", text))
    assert isinstance(head, Head)
    assert head.timeout_s == pytest.approx(seconds)


@pytest.mark.parametrize("text", [b"", b"1", b"S", b"-1S", b"1.5S", b"123456789S", b"1s", b"1S ", b"\xb9S"])
def test_malformed_timeouts(text: bytes) -> None:
    """What is none ends the call with INTERNAL, not with an endless one."""
    assert refusal((b"grpc-timeout", text))[b"grpc-status"] == b"13"


def test_encodings() -> None:
    """Identity is understood; everything else is refused, and the answer says what is understood."""
    assert isinstance(read((b"grpc-encoding", b"identity")), Head)
    answer = refusal((b"grpc-encoding", b"gzip"))
    assert (answer[b"grpc-status"], answer[b"grpc-accept-encoding"]) == (b"12", b"identity")


def test_metadata() -> None:
    """Repeated names keep their order; the protocol's own names are no metadata."""
    assert metadata(
        (b"user-agent", b"x/1"), (b"grpc-accept-encoding", b"gzip"), (b"a", b"1"), (b"a", b"2")
    ) == (
        ("user-agent", "x/1"),
        ("a", "1"),
        ("a", "2"),
    )


@given(st.binary(max_size=20))
def test_binary_metadata(value: bytes) -> None:
    """Bytes come with padding or without it."""
    packed = base64.b64encode(value)
    for text in (packed, packed.rstrip(b"=")):
        assert metadata((b"a-bin", text)) == (("a-bin", value),)


def test_joined_binary_metadata() -> None:
    """Several values may share a line."""
    assert metadata((b"a-bin", b"AQ==,Ag, Aw==")) == (("a-bin", b"\1"), ("a-bin", b"\2"), ("a-bin", b"\3"))


@pytest.mark.parametrize(
    "pair",
    [
        (b"a", b"\x01"),
        (b"a", "ü".encode()),
        (b"a", b"\x7f"),
        (b"a!", b"1"),
        (b"A", b"1"),
        (b"a-bin", b"*"),
        (b"a-bin", b"AQ=x"),
        (b"a-bin", b"A"),
    ],
)
def test_what_is_no_metadata(pair: tuple[bytes, bytes]) -> None:
    """A leader could not be told it."""
    assert refusal(pair)[b"grpc-status"] == b"13"


@given(st.text(max_size=40))
def test_texts_survive(text: str) -> None:
    """Any text gets through a header; printable ASCII stays readable."""
    encoded = headers.percent_encoded(text)
    assert all(0x20 <= byte < 0x7F for byte in encoded)
    assert unquote_to_bytes(encoded) == text.encode("utf-8", "replace")


def test_answers() -> None:
    """A failure before the first message is one block; what is told with it is there, bytes in base64."""
    answer = fields(headers.refused(Code.NOT_FOUND, "50% of ü", (("a", "x"), ("b-bin", b"\xff"))))
    assert answer == {
        b":status": b"200",
        b"content-type": b"application/grpc",
        b"grpc-status": b"5",
        b"grpc-message": b"50%25 of %C3%BC",
        b"a": b"x",
        b"b-bin": b"/w",
    }
    assert fields(headers.failed(Code.ABORTED, "")) == {b"grpc-status": b"10", b"grpc-message": b""}
    assert fields(headers.HEAD) == {b":status": b"200", b"content-type": b"application/grpc"}
    assert fields(headers.DONE) == {b"grpc-status": b"0"}
