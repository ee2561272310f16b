"""Snapshot files: the state machine as of one index, in etcd's file format.

Each snapshot is a file, named by term and index; it holds a CRC-32C and the marshalled raftpb.Snapshot. The newest readable one
counts. A damaged one is renamed `.broken` and never read again. Calls block.
"""

import re
from pathlib import Path

from google_crc32c import extend

from swarm_core.api.wire import DELIMITED, delimited, fields, varint
from swarm_core.raft.types import Snapshot
from swarm_core.raft_node.codec import decode_snapshot, encode_snapshot
from swarm_core.raft_node.log.disk import Disk

_NAME = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})\.snap")


class SnapshotFiles:
    """The snapshots of one directory. Their data is kept as given: encrypted."""

    def __init__(self, disk: Disk, directory: Path) -> None:
        self._disk = disk
        self._directory = directory

    def save(self, snapshot: Snapshot) -> None:
        """Store it durably."""
        assert snapshot.index > 0
        body = encode_snapshot(snapshot)
        content = b"\x08" + varint(extend(0, body)) + delimited(2, body)
        self._disk.write(self._directory / _name(snapshot.term, snapshot.index), content)

    def load_newest(self) -> Snapshot | None:
        """The newest readable snapshot; damaged ones met on the way are put aside, unfinished ones go."""
        for name in self._disk.names(self._directory):
            if name.endswith(".tmp"):
                self._disk.remove(self._directory / name)
        for name in self._names():
            path = self._directory / name
            try:
                return _decode(self._disk.read(path))
            except ValueError:
                self._disk.rename(path, path.with_name(name + ".broken"))
        return None

    def remove_older(self, keep: int) -> int:
        """Delete all but the newest and `keep` older ones. Returns the index of the oldest one left, or 0."""
        names = self._names()
        for name in reversed(names[keep + 1 :]):
            self._disk.remove(self._directory / name)
        kept = names[: keep + 1]
        return int(kept[-1][17:33], 16) if kept else 0

    def _names(self) -> list[str]:
        """Newest first: terms and indexes grow together."""
        return [name for name in reversed(self._disk.names(self._directory)) if _NAME.fullmatch(name)]


def _name(term: int, index: int) -> str:
    return f"{term:016x}-{index:016x}.snap"


def _decode(content: bytes) -> Snapshot:
    crc, body = 0, b""
    for number, wire_type, value in fields(content):
        if number == 1 and isinstance(value, int):
            crc = value
        elif number == 2 and wire_type == DELIMITED and isinstance(value, bytes):
            body = value
    if not body or extend(0, body) != crc:
        raise ValueError("checksum mismatch")
    snapshot = decode_snapshot(body)
    if snapshot.index == 0:
        raise ValueError("empty snapshot")
    return snapshot
