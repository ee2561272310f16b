"""The data keys of this manager, as headers of the node's key file.

The data key (DEK) is 32 random bytes, made on the first start and wrapped with the unlock key (KEK) while
there is one. A rotation survives a crash after each of its steps: a pending key is stored; what is written from then on is
under it; once nothing on disk needs the old key, the pending one becomes current. `ca.key_file.KeyFile` is the
`KeyStore` of real nodes.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import DecodeError

from swarm_core.api.proto.types_pb2 import MaybeEncryptedRecord
from swarm_core.raft_node.errors import CannotDecrypt
from swarm_core.raft_node.log.encryption import Cipher, new_key

DEK_HEADER = "raft-dek"
PENDING_HEADER = "raft-dek-pending"
ROTATION_HEADER = "raft-dek-needs-rotation"

HeaderChange = Callable[[dict[str, str]], None]


class KeyStore(Protocol):
    """The private headers of the node's key file."""

    def headers(self) -> dict[str, str]:
        """All of them, as they are now."""

    def update_headers(self, change: HeaderChange) -> None:
        """Edit them in one durable step."""


@dataclass(frozen=True, slots=True)
class RaftKeys:
    """`pending` is the key being rotated in. `needs_rotation`: another rotation must follow."""

    current: bytes
    pending: bytes | None = None
    needs_rotation: bool = False


class Keyring:
    """The keys in force, and the only writer of their headers. `load` comes before everything else."""

    def __init__(self, store: KeyStore, *, kek: bytes | None = None, fips: bool = False) -> None:
        self._store = store
        self._kek = kek
        self._fips = fips
        self._keys: RaftKeys | None = None

    @property
    def keys(self) -> RaftKeys:
        assert self._keys is not None
        return self._keys

    def load(self) -> None:
        """Read the keys, or make and store the first one. Raises CannotDecrypt."""
        headers = self._store.headers()
        if DEK_HEADER not in headers:
            if PENDING_HEADER in headers:
                raise CannotDecrypt("the key file has a pending raft key but no current one")
            self._save(RaftKeys(new_key()))
            return
        pending = self._unwrap(headers[PENDING_HEADER]) if PENDING_HEADER in headers else None
        needs_rotation = headers.get(ROTATION_HEADER) == "true"
        self._keys = RaftKeys(self._unwrap(headers[DEK_HEADER]), pending, needs_rotation)

    def cipher(self) -> Cipher:
        """Writes under the newest key, reads both."""
        if self.keys.pending is None:
            return Cipher(self.keys.current, fips=self._fips)
        return Cipher(self.keys.pending, self.keys.current, fips=self._fips)

    def request_rotation(self) -> None:
        """Remember, durably, that the key must change."""
        self._save(RaftKeys(self.keys.current, self.keys.pending, needs_rotation=True))

    def begin_rotation(self) -> None:
        """Store a fresh pending key; the request is answered by it."""
        assert self.keys.pending is None
        self._save(RaftKeys(self.keys.current, new_key()))

    def finish_rotation(self) -> None:
        """Nothing on disk needs the old key any more: forget it."""
        assert self.keys.pending is not None
        self._save(RaftKeys(self.keys.pending, None, self.keys.needs_rotation))

    def rewrap(self, kek: bytes | None, *, request_rotation: bool = False) -> HeaderChange:
        """The header change that puts the keys under another KEK; for the step that rekeys the file itself."""
        keys = self.keys
        after = RaftKeys(keys.current, keys.pending, keys.needs_rotation or request_rotation)

        def change(headers: dict[str, str]) -> None:
            self._write(headers, after, kek)
            self._kek, self._keys = kek, after

        return change

    def forget(self) -> None:
        """Drop the keys: this node is no manager any more."""

        def change(headers: dict[str, str]) -> None:
            for name in (DEK_HEADER, PENDING_HEADER, ROTATION_HEADER):
                headers.pop(name, None)

        self._store.update_headers(change)
        self._keys = None

    def _save(self, keys: RaftKeys) -> None:
        self._store.update_headers(lambda headers: self._write(headers, keys, self._kek))
        self._keys = keys

    def _write(self, headers: dict[str, str], keys: RaftKeys, kek: bytes | None) -> None:
        new = {
            DEK_HEADER: self._wrap(keys.current, kek),
            PENDING_HEADER: None if keys.pending is None else self._wrap(keys.pending, kek),
            ROTATION_HEADER: "true" if keys.needs_rotation else None,
        }
        for name, value in new.items():
            headers.pop(name, None)
            if value is not None:
                headers[name] = value

    def _wrap(self, key: bytes, kek: bytes | None) -> str:
        if kek is None:
            record = MaybeEncryptedRecord(algorithm=MaybeEncryptedRecord.NONE, data=key).SerializeToString()
        else:
            record = Cipher(kek, fips=self._fips).seal(key)
        return base64.b64encode(record).decode("ascii")

    def _unwrap(self, header: str) -> bytes:
        try:
            sealed = base64.b64decode(header, validate=True)
            record = MaybeEncryptedRecord.FromString(sealed)
        except (binascii.Error, DecodeError) as error:
            raise CannotDecrypt("the raft key in the key file is malformed") from error
        if record.algorithm == MaybeEncryptedRecord.NONE and self._kek is None:
            key = record.data
        elif self._kek is None:
            raise CannotDecrypt("the raft key is locked and there is no unlock key")
        else:
            key = self._open_with_kek(sealed, self._kek)
        if not key:
            raise CannotDecrypt("the raft key in the key file is empty")
        return key

    def _open_with_kek(self, sealed: bytes, kek: bytes) -> bytes:
        try:
            return Cipher(kek, fips=self._fips).open(sealed)
        except CannotDecrypt as error:
            raise CannotDecrypt(
                "invalid KEK: the unlock key does not fit the raft key in the key file"
            ) from error
