"""Encryption of the log and of snapshots at rest.

Only the data of an entry or snapshot is encrypted, each on its own, as a MaybeEncryptedRecord: a NaCl
secretbox, or a Fernet token where FIPS is asked for. Where the keys come from is `keyring`'s matter.
"""

import base64
import os

from cryptography.fernet import Fernet, InvalidToken
from google.protobuf.message import DecodeError
from nacl.bindings import crypto_secretbox, crypto_secretbox_NONCEBYTES, crypto_secretbox_open
from nacl.exceptions import CryptoError

from swarm_core.api.proto.types_pb2 import MaybeEncryptedRecord
from swarm_core.raft_node.errors import CannotDecrypt

KEY_BYTES = 32


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


class Cipher:
    """Writes under one key, reads what any of several keys has written."""

    def __init__(self, write_key: bytes, *older_keys: bytes, fips: bool = False) -> None:
        self._keys = tuple(_sized(key) for key in (write_key, *older_keys))
        self._fips = fips
        self.needed_older_key = False  # something that was opened is not under the write key

    def seal(self, data: bytes) -> bytes:
        """An encoded MaybeEncryptedRecord."""
        key = self._keys[0]
        if self._fips:
            record = MaybeEncryptedRecord(
                algorithm=MaybeEncryptedRecord.FERNET_AES_128_CBC, data=_fernet(key).encrypt(data)
            )
        else:
            nonce = os.urandom(crypto_secretbox_NONCEBYTES)
            record = MaybeEncryptedRecord(
                algorithm=MaybeEncryptedRecord.SECRETBOX_SALSA20_POLY1305,
                data=crypto_secretbox(data, nonce, key),
                nonce=nonce,
            )
        return record.SerializeToString()

    def open(self, sealed: bytes) -> bytes:
        """The plain data. Raises CannotDecrypt."""
        try:
            record = MaybeEncryptedRecord.FromString(sealed)
        except DecodeError as error:
            raise CannotDecrypt("raft data is not an encrypted record") from error
        if record.algorithm == MaybeEncryptedRecord.FERNET_AES_128_CBC:
            open_with = _open_fernet
        elif record.algorithm == MaybeEncryptedRecord.SECRETBOX_SALSA20_POLY1305 and not self._fips:
            open_with = _open_secretbox
        else:
            raise CannotDecrypt(
                f"raft data is encrypted by algorithm {record.algorithm}, which is not accepted here"
            )
        for key in self._keys:
            data = open_with(record, key)
            if data is not None:
                self.needed_older_key |= key is not self._keys[0]
                return data
        raise CannotDecrypt("raft data cannot be decrypted with the keys of this node")


def _sized(key: bytes) -> bytes:
    assert 0 < len(key) <= KEY_BYTES
    return key.ljust(KEY_BYTES, b"\0")


def _fernet(key: bytes) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(key))


def _open_fernet(record: MaybeEncryptedRecord, key: bytes) -> bytes | None:
    try:
        return _fernet(key).decrypt(record.data)
    except InvalidToken:
        return None


def _open_secretbox(record: MaybeEncryptedRecord, key: bytes) -> bytes | None:
    if len(record.nonce) != crypto_secretbox_NONCEBYTES:
        return None
    try:
        return crypto_secretbox_open(record.data, record.nonce, key)
    except CryptoError:
        return None
