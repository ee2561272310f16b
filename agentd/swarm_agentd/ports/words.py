"""What two nodes say to each other at a gate before a connection flows (docs/design/ports.md P.7). Pure.

    greeting   "SWG1", protocol (1 byte), target port (2), length of the task's id (1), the id, proof (16)
    answer     "+" the connection flows; "-" the task does not take it, nothing was sent to it

The proof is a keyed hash of the greeting and of the node that is greeted, with a key that every node of the cluster gets from its
managers with each session. It keeps out whoever is no node of the cluster. It does not hide anything: what flows is as it came in at
the published port.
"""

import hashlib
import hmac
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from swarm_core.api.proto.types_pb2 import EncryptionKey, PortConfig

YES, NO = b"+", b"-"
FRAME = struct.Struct(">H")
"""Before each datagram: its length."""

_MAGIC = b"SWG1"
_HEAD = struct.Struct(">4sBHB")
_PROOF_BYTES = 16
_SUBSYSTEM = "networking:gossip"
GREETING_BYTES_MAX = _HEAD.size + 255 + _PROOF_BYTES


@dataclass(frozen=True, slots=True)
class Greeting:
    """Whom a connection is for."""

    protocol: "PortConfig.Protocol.ValueType"
    target: int
    task_id: str

    def said(self, node_id: str, key: bytes) -> bytes:
        """As it is sent to the gate of a node."""
        name = self.task_id.encode()
        said = _HEAD.pack(_MAGIC, self.protocol, self.target, len(name)) + name
        return said + _proof(said, node_id, key)


class Malformed(Exception):
    """What was said is no greeting, or its proof is wrong."""


def heard(data: bytes, node_id: str, keys: Sequence[bytes]) -> Greeting | None:
    """The greeting that `data` is, None while it is not whole yet. Raises Malformed."""
    if len(data) < _HEAD.size:
        if not _MAGIC.startswith(data[: len(_MAGIC)]):
            raise Malformed("not a greeting")
        return None
    magic, protocol, target, name_bytes = _HEAD.unpack_from(data)
    whole = _HEAD.size + name_bytes + _PROOF_BYTES
    if magic != _MAGIC or protocol not in (PortConfig.TCP, PortConfig.UDP) or len(data) > whole:
        raise Malformed("not a greeting")
    if len(data) < whole:
        return None
    said, proof = data[:-_PROOF_BYTES], data[-_PROOF_BYTES:]
    if not any(hmac.compare_digest(_proof(said, node_id, key), proof) for key in keys):
        raise Malformed("the proof is wrong")
    try:
        return Greeting(protocol, target, said[_HEAD.size :].decode())
    except UnicodeDecodeError:
        raise Malformed("not a greeting") from None


def ring(keys: Iterable[EncryptionKey]) -> list[bytes]:
    """The cluster's keys as gates use them: the first proves, all are taken. The newest but one proves, because another node may
    not have the newest yet."""
    found = [key for key in keys if key.subsystem == _SUBSYSTEM]
    ordered = [key.key for key in sorted(found, key=lambda key: key.lamport_time, reverse=True)]
    return ordered[1:2] + ordered[:1] + ordered[2:]


def _proof(said: bytes, node_id: str, key: bytes) -> bytes:
    return hmac.new(key, said + node_id.encode(), hashlib.sha256).digest()[:_PROOF_BYTES]
