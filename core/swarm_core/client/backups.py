"""Taking a backup of a cluster from one of its managers (docs/design/backup.md 17.1)."""

from collections.abc import AsyncIterator
from typing import Final

from swarm_core.api.backups import Follower
from swarm_core.api.proto.backup_pb2 import BackupHead, BackupPart, TakeBackupRequest
from swarm_core.ca.tokens import format_unlock_key
from swarm_core.client.calls import Calls, opened
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed, Unreachable

_CANNOT: Final = "this manager cannot be backed up so: it is a Docker Engine's or of an earlier version, or this is not its own control socket"


class Leaderless(CallFailed):
    """Nobody can say what was acknowledged; what this manager has may be older."""


async def take(calls: Calls, *, as_it_is: bool = False) -> AsyncIterator[BackupPart]:
    """The parts of a whole backup, which covers every change that was acknowledged before; `as_it_is`: what this manager has, where nobody leads.
    Raises ClientError: Leaderless where nobody leads, Unreachable for a stream that ends early."""
    follower = Follower()
    at_least = 0 if as_it_is else await _committed(Control(calls))
    request = TakeBackupRequest(at_least_index=at_least)
    try:
        async with opened(calls.stream("Backup.TakeBackup", request)) as parts:
            async for part in parts:
                follower.take(part)
                yield part
        follower.end()
    except CallFailed as error:
        if error.code != "UNIMPLEMENTED":
            raise
        raise CallFailed(error.code, _CANNOT) from None
    except ValueError as error:
        raise Unreachable(f"the backup that the manager sent {error}") from None


def unlock_key(head: BackupHead) -> str | None:
    """What opens the managers of the backup, as a person types it; None where they are not locked."""
    return format_unlock_key(head.unlock_key) if head.unlock_key else None


async def _committed(control: Control) -> int:
    try:
        status = await control.raft_status()
    except CallFailed as error:
        raise Leaderless(error.code, error.message) from None
    if status is None:
        raise CallFailed("UNIMPLEMENTED", _CANNOT)
    return status.commit_index
