"""The headers of gRPC's calls: what a request says with them, and the blocks that answers are made of.

Rules (docs/design/rpc.md 9.2)
1. A request is a POST of `application/grpc`; anything else gets the answer of HTTP that fits, and no status of gRPC.
2. Metadata are names of gRPC's alphabet with printable ASCII, or names ending in `-bin` with bytes in base64, padded or
   not, several of them with commas between. What is no metadata is refused, since it could not be passed on.
3. A status text travels percent-encoded.
4. Blocks that are the same for every call are encoded once.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

from swarm_core.rpc.errors import Code
from swarm_core.rpc.h2 import hpack

Metadata = tuple[tuple[str, str | bytes], ...]
Pairs = Iterable[tuple[str, str | bytes]]

_UNITS_S = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_TIMEOUT = re.compile(rb"[0-9]{1,8}[HMSmun]")
_NAME = re.compile(rb"[0-9a-z_.-]+")
_PRINTABLE = re.compile(rb"[\x20-\x7e]*")
_GRPC = re.compile(rb"application/grpc(?:$|[+;])")
# What a text may hold as it is: all that is printable, but for the percent sign.
_AS_IT_IS = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
_BARE = (b"content-type", b"te")

_STATUS_200 = (b":status", b"200")
_CONTENT_TYPE = (b"content-type", b"application/grpc")
_ENCODINGS = (b"grpc-accept-encoding", b"identity")

# What begins an answer with messages, what ends a good one, and a good one without messages.
HEAD = hpack.encode((_STATUS_200, _CONTENT_TYPE))
DONE = hpack.encode(((b"grpc-status", b"0"),))
NOTHING = hpack.encode((_STATUS_200, _CONTENT_TYPE, (b"grpc-status", b"0")))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that its headers end: a block for the answer, and the reason in a word for the counters."""

    block: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Head:
    """What the headers of a request say. `metadata` has what the caller added, and its user agent."""

    path: str
    metadata: Metadata
    timeout_s: float | None


def read(pairs: Iterable[tuple[bytes, bytes]]) -> Head | Refusal:
    """What a request's headers mean."""
    path, method, content_type, timeout_s = b"", b"", b"", None
    metadata: list[tuple[str, str | bytes]] = []
    for name, value in pairs:
        if name == b":path":
            path = value
        elif name == b":method":
            method = value
        elif name == b"content-type":
            content_type = value
        elif name == b"grpc-timeout":
            if not _TIMEOUT.fullmatch(value):
                return _malformed("malformed grpc-timeout")
            timeout_s = int(value[:-1]) * _UNITS_S[value[-1:]]
        elif name == b"grpc-encoding":
            if value != b"identity":
                return _refusal(Code.UNIMPLEMENTED, "messages in this encoding are not read here", "encoding")
        elif not name.startswith((b":", b"grpc-")) and name not in _BARE:
            values = _values(name, value)
            if values is None:
                return _malformed("malformed metadata")
            metadata.extend((name.decode("ascii"), one) for one in values)
    if method != b"POST":
        return _http(b"405", "method")
    if not _GRPC.match(content_type):
        return _http(b"415", "content type")
    return Head(path.decode("latin-1"), tuple(metadata), timeout_s)


def _values(name: bytes, value: bytes) -> list[str | bytes] | None:
    """The values of one header; None when it is no metadata."""
    if not _NAME.fullmatch(name):
        return None
    if not name.endswith(b"-bin"):
        return [value.decode("ascii")] if _PRINTABLE.fullmatch(value) else None
    try:
        return [_unpacked(one) for one in value.split(b",")]
    except binascii.Error:
        return None


def _unpacked(text: bytes) -> bytes:
    bare = text.strip().rstrip(b"=")
    return base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)


def _malformed(text: str) -> Refusal:
    return _refusal(Code.INTERNAL, text, "malformed headers")


def _refusal(code: Code, text: str, reason: str) -> Refusal:
    return Refusal(refused(code, text), reason)


def _http(status: bytes, reason: str) -> Refusal:
    return Refusal(hpack.encode(((b":status", status),)), reason)


def refused(code: Code, text: str, metadata: Pairs = ()) -> bytes:
    """The whole answer of a call that failed before its first message."""
    return hpack.encode((_STATUS_200, _CONTENT_TYPE, *_ending(code, text, metadata)))


def failed(code: Code, text: str, metadata: Pairs = ()) -> bytes:
    """The end of an answer that has begun."""
    return hpack.encode(_ending(code, text, metadata))


def _ending(code: Code, text: str, metadata: Pairs) -> list[tuple[bytes, bytes]]:
    ending = [(b"grpc-status", b"%d" % code), (b"grpc-message", percent_encoded(text))]
    if code is Code.UNIMPLEMENTED:
        ending.append(_ENCODINGS)
    for name, value in metadata:
        packed = base64.b64encode(value).rstrip(b"=") if isinstance(value, bytes) else value.encode("ascii")
        ending.append((name.encode("ascii"), packed))
    return ending


def percent_encoded(text: str) -> bytes:
    """A status text as a header may hold it."""
    return quote_from_bytes(text.encode("utf-8", "replace"), safe=_AS_IT_IS).encode("ascii")
