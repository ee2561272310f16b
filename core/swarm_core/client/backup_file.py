"""A backup as a file: sealed with a passphrase, or not (docs/design/backup.md 17.2).

    magic  version  kind  log2(n)  r  p  salt  proof        the head
    length|last  box  length|last  box  …                   boxes of 256 KiB

A sealed box is AES-256-GCM under a key that scrypt makes of the passphrase and the salt; its nonce is its number and whether it is the
last, and the head is authenticated with it: boxes that were changed, moved, left out or added do not open. The proof tells a wrong passphrase
from a damaged file. A box of the other kind has a checksum in the place of the tag: it shows accidents, and hides nothing.

Errors are BackupUnusable, whose text is a sentence without its subject and full stop: "is cut off".
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from swarm_core.api.backups import CUT_OFF

MAGIC: Final = b"swarm-tui backup"
VERSION: Final = 1
BOX_BYTES: Final = 256 << 10
_OPEN, _SEALED = 0, 1
_SALT_BYTES, _PROOF_BYTES, _TAG_BYTES, _LENGTH_BYTES = 16, 16, 16, 4
_HEAD_BYTES: Final = len(MAGIC) + 5 + _SALT_BYTES + _PROOF_BYTES
_LAST: Final = 1 << 31
_NONCE_BYTES: Final = 12
_DAMAGED: Final = "is damaged"
_NO_BACKUP: Final = "is no backup of a swarm"
_NEWER: Final = "has a format of a later version of swarm-tui; use that version"
_WRONG: Final = "does not open with this passphrase"


class BackupUnusable(Exception):
    """A file that is no backup, or does not open."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a guess of the passphrase costs: memory is 128 * r * 2**log_n bytes."""

    log_n: int = 17
    r: int = 8
    p: int = 1

    def is_sane(self) -> bool:
        """Whether opening a file may take as much: at most 1 GiB, and a few seconds."""
        return 10 <= self.log_n <= 20 and 1 <= self.r <= 8 and 1 <= self.p <= 4


USUAL: Final = Cost()


class _Box(Protocol):
    def close(self, nonce: bytes, data: bytes, head: bytes) -> bytes:
        """The data with a tag behind it."""

    def open(self, nonce: bytes, box: bytes, head: bytes) -> bytes:
        """Raises BackupUnusable."""


class _Sealed:
    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def close(self, nonce: bytes, data: bytes, head: bytes) -> bytes:
        return self._cipher.encrypt(nonce, data, head)

    def open(self, nonce: bytes, box: bytes, head: bytes) -> bytes:
        try:
            return self._cipher.decrypt(nonce, box, head)
        except InvalidTag:
            raise BackupUnusable(_DAMAGED) from None


class _Open:
    def close(self, nonce: bytes, data: bytes, head: bytes) -> bytes:
        return data + self._checksum(nonce, data, head)

    def open(self, nonce: bytes, box: bytes, head: bytes) -> bytes:
        data, checksum = box[:-_TAG_BYTES], box[-_TAG_BYTES:]
        if checksum != self._checksum(nonce, data, head):
            raise BackupUnusable(_DAMAGED)
        return data

    @staticmethod
    def _checksum(nonce: bytes, data: bytes, head: bytes) -> bytes:
        digest = hashlib.blake2b(head + nonce, digest_size=_TAG_BYTES)
        digest.update(data)
        return digest.digest()


class Writer:
    """Writes one backup into `file`; without a passphrase anybody can read it. `finish` ends it."""

    def __init__(self, file: BinaryIO, passphrase: str | None, *, cost: Cost = USUAL) -> None:
        salt, proof = os.urandom(_SALT_BYTES), bytes(_PROOF_BYTES)
        self._box: _Box = _Open()
        if passphrase is not None:
            key, proof = _derived(passphrase, salt, cost)
            self._box = _Sealed(key)
        kind = _OPEN if passphrase is None else _SEALED
        self._head = MAGIC + bytes((VERSION, kind, cost.log_n, cost.r, cost.p)) + salt + proof
        self._file, self._held, self._number = file, bytearray(), 0
        file.write(self._head)

    def write(self, data: bytes) -> None:
        """Append. Raises OSError."""
        self._held += data
        # The last box is not known before the end: as much stays here.
        while len(self._held) > BOX_BYTES:
            self._put(bytes(self._held[:BOX_BYTES]), is_last=False)
            del self._held[:BOX_BYTES]

    def finish(self) -> None:
        """Write the last box. Raises OSError."""
        self._put(bytes(self._held), is_last=True)

    def _put(self, data: bytes, *, is_last: bool) -> None:
        box = self._box.close(_nonce(self._number, is_last=is_last), data, self._head)
        self._number += 1
        self._file.write((len(box) | (_LAST if is_last else 0)).to_bytes(_LENGTH_BYTES) + box)


def read(file: BinaryIO, passphrase: Callable[[], str]) -> Iterator[bytes]:
    """What was written, in chunks; the passphrase is asked for where one is needed. Raises BackupUnusable, OSError, and what asking raises.
    Nothing may be made of the chunks before the last one came: only then the file is known to be whole."""
    head = file.read(_HEAD_BYTES)
    box = _box_of(head, passphrase)
    number, is_last = 0, False
    while not is_last:
        length = int.from_bytes(_exactly(file, _LENGTH_BYTES))
        is_last, length = bool(length & _LAST), length & ~_LAST
        if not _TAG_BYTES <= length <= BOX_BYTES + _TAG_BYTES:
            raise BackupUnusable(_DAMAGED)
        chunk = box.open(_nonce(number, is_last=is_last), _exactly(file, length), head)
        if is_last and file.read(1):
            raise BackupUnusable("has something behind its end: it is damaged")
        yield chunk
        number += 1


def _box_of(head: bytes, passphrase: Callable[[], str]) -> _Box:
    if not head or not head.startswith(MAGIC[: len(head)]):
        raise BackupUnusable(_NO_BACKUP)
    if len(head) < _HEAD_BYTES:
        raise BackupUnusable(CUT_OFF)
    version, kind, log_n, r, p = head[len(MAGIC) : len(MAGIC) + 5]
    cost = Cost(log_n, r, p)
    if version > VERSION:
        raise BackupUnusable(_NEWER)
    if version != VERSION or kind not in (_OPEN, _SEALED) or not cost.is_sane():
        raise BackupUnusable(_DAMAGED)
    if kind == _OPEN:
        return _Open()
    salt, proof = head[-_SALT_BYTES - _PROOF_BYTES : -_PROOF_BYTES], head[-_PROOF_BYTES:]
    key, found = _derived(passphrase(), salt, cost)
    if not hmac.compare_digest(found, proof):
        raise BackupUnusable(_WRONG)
    return _Sealed(key)


def _derived(passphrase: str, salt: bytes, cost: Cost) -> tuple[bytes, bytes]:
    """The key, and the proof that it is the right one."""
    kdf = Scrypt(salt=salt, length=64, n=1 << cost.log_n, r=cost.r, p=cost.p)
    made = kdf.derive(passphrase.encode("utf-8", "surrogateescape"))
    return made[:32], hashlib.sha256(made[32:]).digest()[:_PROOF_BYTES]


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(_NONCE_BYTES - 1) + bytes((is_last,))


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise BackupUnusable(CUT_OFF)
    return data
