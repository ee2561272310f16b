"""What this member keeps: log and snapshots on disk, and the same in memory for raft to read.

A node starts in one of four ways: it founds a cluster; it begins an empty log, which the leader will fill; it goes on with its
log; or it goes on with its log alone, without the other members (force new cluster). Methods
named `write…` block and run in the disk's log thread; the others touch memory alone and run on the event loop.
Data is encrypted on its way to the disk.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from swarm_core.raft.storage import MemoryStorage
from swarm_core.raft.types import ConfState, Entry, HardState, Snapshot
from swarm_core.raft_node.config import RaftNodeConfig
from swarm_core.raft_node.errors import CannotDecrypt, ForeignState, StateUnusable
from swarm_core.raft_node.log.disk import Disk
from swarm_core.raft_node.log.encryption import Cipher
from swarm_core.raft_node.log.force_new_cluster import as_only_member, committing_all, kept_part
from swarm_core.raft_node.log.founding import founding_entry, founding_hard_state
from swarm_core.raft_node.log.snapshots import SnapshotFiles
from swarm_core.raft_node.log.wal import SnapshotMark, WriteAheadLog, segment_names
from swarm_core.raft_node.log.wal_reader import WalContent, open_log
from swarm_core.raft_node.membership import Member, decode_member, encode_member

WAL_DIRECTORY = "wal-v3-encrypted"
SNAP_DIRECTORY = "snap-v3-encrypted"
KEPT_BYTES_MAX = 16 << 20
_BRIEF_BYTES_MAX = 64 * 1024
# What encryption and framing add to an entry, and a hard state beside it: more than they ever are.
_ENTRY_OVERHEAD_BYTES = 256
_OLD_DIRECTORIES = ("wal-v3", "snap-v3", "wal", "snap")


class RaftStorage:
    """Made by `open_storage`. `memory` is what raft reads."""

    def __init__(
        self, disk: Disk, member: Member, wal: WriteAheadLog, files: SnapshotFiles, cipher: Cipher
    ) -> None:
        self._disk = disk
        self._wal = wal
        self._files = files
        self._deferred: HardState | None = None
        self.member = member
        self.cipher = cipher
        self.memory = MemoryStorage()

    def write(self, hard_state: HardState | None, entries: Sequence[Entry]) -> None:
        """Make entries and hard state durable."""
        self._wal.save(hard_state, self._sealed(entries))
        self._wal.sync()

    def is_brief(self, entries: Sequence[Entry]) -> bool:
        """Whether `write` of these takes no longer than a sync does: few bytes, and no new file."""
        size = sum(len(one.data) + _ENTRY_OVERHEAD_BYTES for one in entries)
        return size <= _BRIEF_BYTES_MAX and size < self._wal.bytes_left

    def write_snapshot_mark(self, snapshot: Snapshot, hard_state: HardState | None) -> None:
        """Say in the log that this snapshot is about to be stored. A log never commits less than its marks."""
        self._wal.save(hard_state, ())
        self._wal.save_mark(SnapshotMark(snapshot.index, snapshot.term, snapshot.conf_state))
        self._wal.sync()

    def write_snapshot_file(self, snapshot: Snapshot) -> None:
        """Store a snapshot whose mark is in the log. Touches no log: may run in the other thread."""
        self._files.save(replace(snapshot, data=self.cipher.seal(snapshot.data)))

    def write_release(self, keep_old_snapshots: int) -> None:
        """Delete snapshots and logs that no start needs any more."""
        self._wal.release(self._files.remove_older(keep_old_snapshots))

    def write_end(self, hard_state: HardState | None) -> None:
        """Write what was deferred, and close."""
        try:
            if self._wal.is_sound:
                self.write(hard_state, ())
        finally:
            self._wal.close()

    def close(self) -> None:
        """Let go of the files as they are."""
        self._wal.close()

    def defer(self, hard_state: HardState) -> None:
        """A commit index alone need not be durable: it goes with the next write."""
        self._deferred = hard_state
        self.memory.set_hard_state(hard_state)

    def take_deferred(self) -> HardState | None:
        """What `defer` kept back; the caller writes it."""
        state, self._deferred = self._deferred, None
        return state

    def remember(self, hard_state: HardState | None, entries: Sequence[Entry]) -> None:
        """What was just made durable."""
        if hard_state is not None:
            self.memory.set_hard_state(hard_state)
        self.memory.append(entries)

    def remember_own_snapshot(self, snapshot: Snapshot, entries_kept: int) -> None:
        """A snapshot of our own is stored: raft may send it, and older entries go. So many are kept for slow followers, unless they are
        large: then the snapshot is the shorter way."""
        memory = self.memory
        if snapshot.index <= memory.snapshot().index:
            return  # one from the leader has overtaken it
        memory.create_snapshot(snapshot.index, snapshot.conf_state, snapshot.data)
        compacted = snapshot.index - self._kept(snapshot.index, entries_kept)
        if compacted >= memory.first_index():
            memory.compact(compacted)

    def _kept(self, index: int, most: int) -> int:
        """How many entries up to this one are worth keeping."""
        first, kept, size = self.memory.first_index(), 0, 0
        while kept < most and index - kept >= first:
            (entry,) = self.memory.entries(index - kept, index - kept + 1, 1)
            size += len(entry.data)
            if size > KEPT_BYTES_MAX:
                break
            kept += 1
        return kept

    def _sealed(self, entries: Iterable[Entry]) -> list[Entry]:
        seal = self.cipher.seal
        return [Entry(one.term, one.index, one.type, seal(one.data)) for one in entries]


def has_log(disk: Disk, root: Path) -> bool:
    """Whether there is a member to take up. Blocks."""
    return bool(segment_names(disk.names(root / WAL_DIRECTORY)))


def open_storage(
    disk: Disk, config: RaftNodeConfig, cipher: Cipher, new_raft_id: int, *, joined_as: int = 0
) -> RaftStorage:
    """Take up what is there; else begin as the member that the leader admitted under the id `joined_as`, or found a
    cluster. Blocks. Raises StateUnusable, DiskFailed."""
    root = config.directory
    disk.make_directory(root)
    if has_log(disk, root):
        return _take_up(disk, config, cipher)
    _refuse_remains(disk, root, disk.names(root))
    if joined_as:
        joiner = Member(joined_as, config.node_id, config.address)
        return _begin(disk, config, cipher, joiner, HardState(), ())
    if not config.may_found:
        raise StateUnusable(
            f"{root} has lost its write-ahead log; restore it from a backup, or begin a new cluster in "
            "another state directory"
        )
    member = Member(new_raft_id, config.node_id, config.address)
    return _begin(disk, config, cipher, member, founding_hard_state(), (founding_entry(member),))


def begin_restored(
    disk: Disk, config: RaftNodeConfig, cipher: Cipher, member: Member, *, term: int, index: int, data: bytes
) -> None:
    """Write, where there is nothing yet, what a start takes up: the sole member of a cluster whose log begins after the snapshot `data` of
    this term and index. Blocks. Raises StateUnusable, DiskFailed."""
    disk.make_directory(config.directory)
    storage = _begin(disk, config, cipher, member, HardState(), ())
    snapshot = Snapshot(index, term, ConfState(voters=(member.raft_id,)), data)
    try:
        storage.write_snapshot_mark(snapshot, HardState(term, 0, index))
        storage.write_snapshot_file(snapshot)
    finally:
        storage.close()


def erase(disk: Disk, root: Path) -> None:
    """Delete log and snapshots. Blocks."""
    names = disk.names(root)
    for name in (WAL_DIRECTORY, SNAP_DIRECTORY):
        if name in names:
            disk.remove(root / name)


def note_raft_id(disk: Disk, path: Path, raft_id: int) -> None:
    """Remember that this node is, or was, this member. Raises StateUnusable. Blocks."""
    known = noted_raft_ids(disk, path)
    if raft_id not in known:
        lines = "".join(f"{one:x}\n" for one in sorted(known | {raft_id})).encode()
        disk.write(path, lines + _seal(lines))


def noted_raft_ids(disk: Disk, path: Path) -> frozenset[int]:
    """The ids under which this node ever began. Raises StateUnusable. Blocks.

    The last line is a checksum of the others: an id that got lost here could be used again, and vote twice in a term. A file that
    is missing is no damage: a node that never was a manager has none, and one that has a log notes its own id anew."""
    if path.name not in disk.names(path.parent):
        return frozenset()
    content = disk.read(path)
    lines, seal = content[: -len(_seal(b""))], content[-len(_seal(b"")) :]
    try:
        if seal != _seal(lines):
            raise ValueError("the checksum does not match")
        return frozenset(int(line, 16) for line in lines.split())
    except ValueError:
        raise StateUnusable(
            f"{path} is damaged: it should hold the raft ids of this node and their checksum; restore it from a backup, "
            "or remove it if this node never was another member of its cluster than now"
        ) from None


def _seal(lines: bytes) -> bytes:
    return b"crc32 %08x\n" % zlib.crc32(lines)


def _refuse_remains(disk: Disk, root: Path, names: list[str]) -> None:
    """A new cluster is never founded over the remains of another."""
    old = [name for name in _OLD_DIRECTORIES if name in names]
    if old:
        raise StateUnusable(
            f"{root / old[0]} is the unencrypted state of an old version, which is not supported"
        )
    if any(name.endswith(".snap") for name in disk.names(root / SNAP_DIRECTORY)):
        raise StateUnusable(f"{root} has snapshots but no write-ahead log")


def _begin(
    disk: Disk,
    config: RaftNodeConfig,
    cipher: Cipher,
    member: Member,
    hard_state: HardState,
    entries: Sequence[Entry],
) -> RaftStorage:
    disk.make_directory(config.directory / SNAP_DIRECTORY)
    wal = WriteAheadLog.create(
        disk,
        config.directory / WAL_DIRECTORY,
        encode_member(member),
        hard_state=hard_state,
        entries=[replace(entry, data=cipher.seal(entry.data)) for entry in entries],
        segment_bytes=config.segment_bytes,
    )
    storage = RaftStorage(disk, member, wal, SnapshotFiles(disk, config.directory / SNAP_DIRECTORY), cipher)
    storage.remember(hard_state, entries)
    return storage


def _take_up(disk: Disk, config: RaftNodeConfig, cipher: Cipher) -> RaftStorage:
    directory = config.directory / WAL_DIRECTORY
    disk.make_directory(directory)
    disk.make_directory(config.directory / SNAP_DIRECTORY)
    files = SnapshotFiles(disk, config.directory / SNAP_DIRECTORY)
    sealed = files.load_newest() or Snapshot()
    mark = SnapshotMark(sealed.index, sealed.term, sealed.conf_state)
    wal, content = open_log(disk, directory, mark, segment_bytes=config.segment_bytes)
    try:
        storage = RaftStorage(disk, _owner(config, content), wal, files, cipher)
        if sealed.index:
            storage.memory.apply_snapshot(replace(sealed, data=cipher.open(sealed.data)))
        entries = _opened(cipher, content.entries)
        hard_state = _covering(sealed, content.hard_state)
        if config.force_new_cluster:
            entries = kept_part(entries, hard_state, storage.member.raft_id)
            hard_state = committing_all(entries, hard_state)
        storage.remember(hard_state, entries)
        if config.force_new_cluster:
            added, hard_state = as_only_member(storage.member, sealed.conf_state, entries, hard_state)
            storage.write(hard_state, added)
            storage.remember(hard_state, added)
    except BaseException:
        wal.close()
        raise
    return storage


def _covering(snapshot: Snapshot, state: HardState) -> HardState:
    """The hard state that fits the snapshot. After a crash between the writing of both, the stored one is too old."""
    vote = state.vote if state.term >= snapshot.term else 0
    return HardState(max(state.term, snapshot.term), vote, max(state.commit, snapshot.index))


def _owner(config: RaftNodeConfig, content: WalContent) -> Member:
    assert content.metadata is not None
    try:
        member = decode_member(content.metadata)
    except ValueError as error:
        raise StateUnusable(f"the write-ahead log in {config.directory} does not say whose it is") from error
    if member.node_id != config.node_id:
        raise ForeignState(config.directory, member.node_id, config.node_id)
    return member


def _opened(cipher: Cipher, entries: list[Entry]) -> list[Entry]:
    return [Entry(one.term, one.index, one.type, _open(cipher, one)) for one in entries]


def _open(cipher: Cipher, entry: Entry) -> bytes:
    try:
        return cipher.open(entry.data)
    except CannotDecrypt as error:
        raise CannotDecrypt(f"entry {entry.index} of the write-ahead log: {error}") from error
