"""Backups as files of a directory: written whole or not at all, 0600, named by their time, and the oldest removed (docs/design/backup.md 17.4)."""

import errno
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from swarm_core.api.backups import framed
from swarm_core.api.proto.backup_pb2 import BackupHead, BackupPart
from swarm_core.api.timestamps import NS_PER_S, calendar_time
from swarm_core.client.backup_file import Writer

from swarm_tui.cli.plumbing.session import USAGE, Failure

_UNFINISHED: Final = ".unfinished"
_TIME: Final = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Written:
    """What was backed up."""

    head: BackupHead
    bytes: int


async def write(parts: AsyncIterator[BackupPart], file: BinaryIO, passphrase: str | None) -> Written:
    """Write a backup into an open file. Raises OSError and what `parts` raises; then the file is not a whole backup."""
    writer, head, size = Writer(file, passphrase), BackupHead(), 0
    async for part in parts:
        if part.HasField("head"):
            head.CopyFrom(part.head)
        size += len(part.piece)
        writer.write(framed(part))
    writer.finish()
    return Written(head, size)


@contextmanager
def fresh(path: Path) -> Iterator[BinaryIO]:
    """A new private file that is there, whole, once the block has ended well. Raises Failure: nothing is written over."""
    if path.exists():
        raise Failure(f"{path} is there already; it is not written over.", USAGE)
    unfinished = path.with_name(f".{path.name}{_UNFINISHED}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            yield file
            file.flush()
            os.fsync(descriptor)
        _give_name(unfinished, path)
        _sync_directory(path.parent)
    except FileExistsError:
        raise Failure(f"{path} is there already; it is not written over.", USAGE) from None
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        unfinished.unlink(missing_ok=True)


def name_of(cluster_id: str, taken_at_ns: int) -> str:
    """What the backup of this moment is called."""
    taken = calendar_time(taken_at_ns)
    assert taken is not None
    return f"swarm-{cluster_id}-{taken.strftime(_TIME)}.backup"


def newest_ns(directory: Path, cluster_id: str) -> int | None:
    """When the newest backup of the cluster there was taken, by its name."""
    kept = kept_of(directory, cluster_id)
    if not kept:
        return None
    taken = datetime.strptime(kept[-1].name.rpartition("-")[2], f"{_TIME}.backup").replace(tzinfo=UTC)
    return int(taken.timestamp()) * NS_PER_S


def kept_of(directory: Path, cluster_id: str) -> list[Path]:
    """The cluster's backups there, oldest first; no other file counts. Raises OSError."""
    pattern = re.compile(rf"swarm-{re.escape(cluster_id)}-\d{{8}}T\d{{6}}Z\.backup")
    return sorted(path for path in directory.iterdir() if pattern.fullmatch(path.name))


def remove_older(directory: Path, cluster_id: str, keep: int) -> list[Path]:
    """Remove all but the newest `keep`; those that went. Raises OSError."""
    gone = kept_of(directory, cluster_id)[:-keep]
    for path in gone:
        path.unlink()
    return gone


def _give_name(unfinished: Path, path: Path) -> None:
    """Unlike a rename, a link never takes the place of another file; but not every file system has links."""
    try:
        os.link(unfinished, path)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        unfinished.rename(path)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
