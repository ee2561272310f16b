"""A cluster that has just been founded: the disk that each member starts from, and keys that follow from the seed.

All members begin with the same log, in which every one of them joined. Later some leave and join again, as real ones do.
"""

import random
from dataclasses import replace
from pathlib import Path

from nacl.bindings import crypto_secretbox, crypto_secretbox_NONCEBYTES
from swarm_core.api.proto.types_pb2 import MaybeEncryptedRecord
from swarm_core.raft.types import ConfChange, ConfChangeType, Entry, EntryType, HardState
from swarm_core.raft_node.codec import encode_conf_change
from swarm_core.raft_node.config import RaftNodeConfig
from swarm_core.raft_node.log.encryption import KEY_BYTES, Cipher
from swarm_core.raft_node.log.keyring import DEK_HEADER, Keyring, KeyStore, RaftKeys
from swarm_core.raft_node.log.storage import SNAP_DIRECTORY, WAL_DIRECTORY
from swarm_core.raft_node.log.wal import WriteAheadLog
from swarm_core.raft_node.membership import Member, encode_member

from swarm_testkit.disk import MemoryDisk

DIRECTORY = Path("/raft")
CLUSTER_ID = "cluster"


class SeededCipher(Cipher):
    """A Cipher whose nonces follow from the seed: the same run writes the same bytes."""

    def __init__(self, rng: random.Random, *keys: bytes) -> None:
        super().__init__(*keys)
        self._rng = rng

    def seal(self, data: bytes) -> bytes:
        nonce = self._rng.randbytes(crypto_secretbox_NONCEBYTES)
        record = MaybeEncryptedRecord(
            algorithm=MaybeEncryptedRecord.SECRETBOX_SALSA20_POLY1305,
            data=crypto_secretbox(data, nonce, self._keys[0]),
            nonce=nonce,
        )
        return record.SerializeToString()


class SeededKeyring(Keyring):
    """A Keyring whose keys follow from the seed."""

    def __init__(self, store: KeyStore, rng: random.Random, *, kek: bytes | None = None) -> None:
        super().__init__(store, kek=kek)
        self._rng = rng

    def load(self) -> None:
        if DEK_HEADER not in self._store.headers():
            self._save(RaftKeys(self._rng.randbytes(KEY_BYTES)))
        super().load()

    def cipher(self) -> Cipher:
        keys = self.keys
        newest = (keys.current,) if keys.pending is None else (keys.pending, keys.current)
        return SeededCipher(self._rng, *newest)

    def begin_rotation(self) -> None:
        assert self.keys.pending is None
        self._save(RaftKeys(self.keys.current, self._rng.randbytes(KEY_BYTES)))


def found(disk: MemoryDisk, config: RaftNodeConfig, members: list[Member], cipher: Cipher) -> None:
    """Put the log of a new cluster of `members` on the disk of the one that `config` describes."""
    own = next(member for member in members if member.node_id == config.node_id)
    entries = [
        Entry(1, index, EntryType.CONF_CHANGE, encode_conf_change(_joining(member)))
        for index, member in enumerate(members, 1)
    ]
    disk.make_directory(config.directory)
    disk.make_directory(config.directory / SNAP_DIRECTORY)
    WriteAheadLog.create(
        disk,
        config.directory / WAL_DIRECTORY,
        encode_member(own),
        hard_state=HardState(term=1, vote=0, commit=len(members)),
        entries=[replace(entry, data=cipher.seal(entry.data)) for entry in entries],
        segment_bytes=config.segment_bytes,
    ).close()


def _joining(member: Member) -> ConfChange:
    return ConfChange(ConfChangeType.ADD_NODE, member.raft_id, encode_member(member))
