"""What is kept of the volumes that are, or may be, published on this node, so that a later daemon can take them away.

    <directory>/<volume id>    the encoded VolumeAssignment; of secrets it holds only names

Rules: a record is there before the plugin is asked to publish, and until it has unpublished. It appears whole or not at all.
What cannot be written is an OSError; what cannot be read when the daemon starts is StorageUnusable.
"""

import asyncio
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from google.protobuf.message import DecodeError
from swarm_core.api.proto.types_pb2 import VolumeAssignment

from swarm_agentd.agent.storage import StorageUnusable

_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_FRESH = ".new"


class VolumeRecords(Protocol):
    """Port: the records."""

    def load(self) -> Mapping[str, VolumeAssignment]:
        """All of them, by the volume's id. Raises StorageUnusable."""

    async def put(self, volume: VolumeAssignment) -> None:
        """Keep one. Raises OSError."""

    async def delete(self, volume_id: str) -> None:
        """Forget one; none is fine. Raises OSError."""


class MemoryRecords:
    """For nodes that leave nothing behind."""

    def __init__(self) -> None:
        self._kept: dict[str, VolumeAssignment] = {}

    def load(self) -> Mapping[str, VolumeAssignment]:
        return dict(self._kept)

    async def put(self, volume: VolumeAssignment) -> None:
        self._kept[volume.id] = volume

    async def delete(self, volume_id: str) -> None:
        self._kept.pop(volume_id, None)


class FileRecords:
    """A file for each volume in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self) -> Mapping[str, VolumeAssignment]:
        try:
            return dict(self._read())
        except OSError as error:
            raise StorageUnusable(f"cannot read {error.filename}: {error.strerror}") from error

    def _read(self) -> Iterator[tuple[str, VolumeAssignment]]:
        if not self._directory.exists():
            return
        for path in sorted(self._directory.iterdir()):
            volume = None if path.name.endswith(_FRESH) else _decoded(path.read_bytes())
            if volume is not None and volume.id == path.name:
                yield volume.id, volume

    async def put(self, volume: VolumeAssignment) -> None:
        if not _SAFE_ID.fullmatch(volume.id):
            raise OSError(f"volume id {volume.id!r} cannot name a file")
        await asyncio.to_thread(self._write, volume)

    async def delete(self, volume_id: str) -> None:
        if _SAFE_ID.fullmatch(volume_id):
            (self._directory / volume_id).unlink(missing_ok=True)

    def _write(self, volume: VolumeAssignment) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / volume.id
        fresh = path.with_name(volume.id + _FRESH)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(volume.SerializeToString())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)


def _decoded(content: bytes) -> VolumeAssignment | None:
    """A power cut may leave a file that tells nothing."""
    try:
        return VolumeAssignment.FromString(content)
    except DecodeError:
        return None
