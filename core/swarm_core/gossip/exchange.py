"""One exchange of two members of the gossip: each tells the other all members that it knows, over TCP. Pure.

The form: encrypted with one of the cluster's keys (AES-GCM), the text perhaps compressed, a header, the members one after the other, and what
the program above them adds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from swarm_core.gossip.lzw import decompressed
from swarm_core.gossip.msgpack import Malformed, Reader, written

HEADER_BYTES = 5
MESSAGE_BYTES_MAX = 4 << 20
_EXCHANGE, _COMPRESSED, _ENCRYPTED = 6, 9, 10
_NONCE, _TAG = 12, 16
ALIVE = 0


@dataclass(frozen=True, slots=True)
class Member:
    """`fields` are as they were received, and are passed on as they are."""

    name: bytes
    incarnation: int
    is_alive: bool
    fields: dict[bytes, Any]


@dataclass(frozen=True, slots=True)
class Received:
    """`key` is the one with which it was encrypted: the other side knows it."""

    members: tuple[Member, ...]
    key: bytes


def length(header: bytes) -> int:
    """How many bytes follow the header. Raises Malformed."""
    size = int.from_bytes(header[1:], "big")
    if header[0] != _ENCRYPTED or not _NONCE + _TAG < size <= MESSAGE_BYTES_MAX:
        raise Malformed("no encrypted exchange")
    return size


def read(header: bytes, body: bytes, keys: Iterable[bytes]) -> Received:
    """What the other side tells. Raises Malformed."""
    for key in keys:
        try:
            text = AESGCM(key).decrypt(body[1 : 1 + _NONCE], body[1 + _NONCE :], header)
        except InvalidTag:
            continue
        if body[0] == 0:
            text = text[: -text[-1]] if text else text  # the older form is filled up to whole blocks
        return Received(_members(text), key)
    raise Malformed("encrypted with no key of this cluster")


def _members(text: bytes) -> tuple[Member, ...]:
    if text[:1] == bytes([_COMPRESSED]):
        packed = Reader(text[1:]).value()
        if not isinstance(packed, dict) or not isinstance(packed.get(b"Buf"), bytes):
            raise Malformed("no compressed text")
        text = decompressed(packed[b"Buf"], MESSAGE_BYTES_MAX)
    if text[:1] != bytes([_EXCHANGE]):
        raise Malformed("no exchange of members")
    reader = Reader(text[1:])
    header = reader.value()
    count = header.get(b"Nodes") if isinstance(header, dict) else None
    if not isinstance(count, int) or not 0 <= count <= len(text):
        raise Malformed("no header of an exchange")
    return tuple(_member(reader.value()) for _ in range(count))


def _member(fields: Any) -> Member:
    if not isinstance(fields, dict):
        raise Malformed("no member")
    name, incarnation, state = fields.get(b"Name"), fields.get(b"Incarnation"), fields.get(b"State")
    if not (isinstance(name, bytes) and isinstance(incarnation, int) and isinstance(state, int)):
        raise Malformed("a member without name, incarnation or state")
    return Member(name, incarnation, state == ALIVE, fields)


def message(members: Sequence[Member], key: bytes, nonce: bytes) -> bytes:
    """What is answered."""
    header = {b"Nodes": len(members), b"UserStateLen": 0, b"Join": False}
    text = bytes([_EXCHANGE]) + written(header) + b"".join(written(one.fields) for one in members)
    size = 1 + _NONCE + len(text) + _TAG
    head = bytes([_ENCRYPTED]) + size.to_bytes(4, "big")
    return head + b"\x01" + nonce + AESGCM(key).encrypt(nonce, text, head)
