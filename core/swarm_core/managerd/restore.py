"""The program that turns a backup into the state of a manager: `python -m swarm_core.managerd.restore --state-dir DIR`.

The backup comes on standard input, opened: its keys are in no argument, no variable and no file of the clear. `swarm-tui cluster restore` runs
it while it holds the state directory.

Rules (docs/design/backup.md 17.3)
1. Nothing is written before the whole backup was read and fits together, and nothing counts before everything is written.
2. The node is the one that made the backup, as another raft member: sole voter of a new raft cluster. Every raft id of then counts as removed.
3. Raft's log begins at an index far beyond that of the backup, so that no version of an object that anybody saw after the backup comes again.
4. Where the cluster has an unlock key, the key file is under it from the start.
"""

import random
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from google.protobuf.message import DecodeError

from swarm_core.api import backups
from swarm_core.api.proto.backup_pb2 import BackupHead
from swarm_core.api.proto.snapshot_pb2 import ClusterSnapshot, StoreSnapshot
from swarm_core.ca import certificates
from swarm_core.ca.errors import CaError
from swarm_core.ca.key_file import Kek, KeyFile, NodeCredentials
from swarm_core.raft_node.config import RaftNodeConfig
from swarm_core.raft_node.errors import RaftNodeError
from swarm_core.raft_node.log.cluster_snapshot import decode_cluster_snapshot, encode_cluster_snapshot
from swarm_core.raft_node.log.disk import SystemDisk, sync_directory
from swarm_core.raft_node.log.keyring import Keyring
from swarm_core.raft_node.log.storage import begin_restored
from swarm_core.raft_node.membership import Member
from swarm_core.runtime.arguments import Parser

INDEX_GAP: Final = 1_000_000_000
_CHUNK_BYTES: Final = 1 << 20
_OTHER: Final = "holds another cluster's state, or is damaged"


def main(arguments: Sequence[str] | None = None) -> None:
    """Restore; ends with exit code 0, or 1 and one sentence on standard error."""
    parser = Parser(prog="swarm_core.managerd.restore", description="Make a manager's state of a backup.")
    parser.add_argument("-d", "--state-dir", type=Path, required=True, help="state directory of the node")
    given = parser.parse_args(arguments)
    try:
        head, snapshot = read(_chunks(sys.stdin.buffer))
        write(given.state_dir, head, snapshot, random.SystemRandom())
    except ValueError as error:
        sys.exit(f"the backup {error}")
    except (CaError, RaftNodeError) as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{error.filename or given.state_dir} cannot be written: {error.strerror}")


def read(chunks: Iterable[bytes]) -> tuple[BackupHead, bytes]:
    """Head and snapshot of a whole backup. Raises ValueError."""
    follower, pieces = backups.Follower(), []
    for part in backups.unframed(chunks):
        follower.take(part)
        pieces.append(part.piece)
    return follower.end(), b"".join(pieces)


def write(state_dir: Path, head: BackupHead, snapshot: bytes, rng: random.Random) -> None:
    """Put certificates and raft's files below `state_dir`, which has neither. Raises ValueError, CaError, RaftNodeError, OSError."""
    members, store = _checked(head, snapshot)
    building = Path(tempfile.mkdtemp(prefix="restoring-", dir=state_dir))
    try:
        _build(building, head, _alone(head, members, rng), store)
        # The certificate last: without it there is no node here.
        for name in ("raft", "certificates"):
            (building / name).rename(state_dir / name)
        sync_directory(state_dir)
    finally:
        shutil.rmtree(building)


def _checked(head: BackupHead, snapshot: bytes) -> tuple[ClusterSnapshot, bytes]:
    """Members and store of the backup, whose parts belong together. Raises ValueError, CaError."""
    try:
        members, store = decode_cluster_snapshot(snapshot)
        objects = StoreSnapshot.FromString(store)
    except (ValueError, DecodeError):
        raise ValueError(_OTHER) from None
    found = certificates.identity(head.certificate)
    if (found.organization, found.node_id) != (head.cluster_id, head.node_id):
        raise ValueError(_OTHER)
    if head.cluster_id not in {cluster.id for cluster in objects.clusters}:
        raise ValueError(_OTHER)
    if not found.is_manager:
        raise ValueError("was not made by a manager")
    return members, store


def _alone(head: BackupHead, members: ClusterSnapshot, rng: random.Random) -> ClusterSnapshot:
    """The members of the new raft cluster: this node alone, under an id that nobody ever had."""
    used = {*members.removed, *(member.raft_id for member in members.members)}
    raft_id = next(found for found in iter(lambda: rng.getrandbits(63) + 1, 0) if found not in used)
    alone = ClusterSnapshot(removed=sorted(used))
    alone.members.add(raft_id=raft_id, node_id=head.node_id, addr=head.address)
    return alone


def _build(directory: Path, head: BackupHead, members: ClusterSnapshot, store: bytes) -> None:
    key_file = KeyFile(directory / "certificates")
    kek = Kek(head.unlock_key or None, head.unlock_key_version if head.unlock_key else 0)
    key_file.write_root(head.roots)
    key_file.write(NodeCredentials(head.certificate, head.key), kek)
    keyring = Keyring(key_file, kek=kek.key)
    keyring.load()
    disk = SystemDisk()
    try:
        begin_restored(
            disk,
            RaftNodeConfig(directory / "raft", head.node_id, head.address),
            keyring.cipher(),
            Member(members.members[0].raft_id, head.node_id, head.address),
            term=head.raft_term,
            index=head.raft_index + INDEX_GAP,
            data=encode_cluster_snapshot(members, store),
        )
    finally:
        disk.close()


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk


if __name__ == "__main__":
    main()
