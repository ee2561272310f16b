"""What a manager keeps of raft: the write-ahead log and the snapshots, changed by a disk that forgets and invents.

What must hold when a manager starts on such files (docs/design/raft-node.md 2.11):
1. It starts, or refuses with StateUnusable.
2. Where it starts, every entry is one that was written, in its place: nothing is invented and none is left out between two others.
3. A single byte that is another one loses at most the record at the end of the log; all else is refused.
4. A second start finds what the first one found.
5. A snapshot that is taken can be restored into a store, or is refused with ValueError.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from swarm_core.api.proto.snapshot_pb2 import ClusterSnapshot
from swarm_core.raft.types import ConfState, Entry, EntryType, HardState, Snapshot
from swarm_core.raft_node.config import RaftNodeConfig
from swarm_core.raft_node.errors import StateUnusable
from swarm_core.raft_node.log.cluster_snapshot import decode_cluster_snapshot, encode_cluster_snapshot
from swarm_core.raft_node.log.encryption import Cipher
from swarm_core.raft_node.log.storage import RaftStorage, open_storage
from swarm_core.store.actions import encode_snapshot
from swarm_core.store.memory import MemoryStore
from swarm_core.store.tables import SCHEMA_OF

from swarm_testkit.disk import MemoryDisk
from swarm_testkit.factories import make_node, make_service, make_task
from swarm_testkit.fuzz.frame import Kind, Player, must
from swarm_testkit.fuzz.mutations import bent_bytes
from swarm_testkit.manual_clock import ManualClock

_CONFIG: Final = RaftNodeConfig(Path("/raft"), "node", "", segment_bytes=4_096)
_RAFT_ID: Final = 0x5DEECE66D1234567
_ENTRIES: Final = 60


class _Open(Cipher):
    """Hides nothing: what the files hold follows from the seed, and no key stands between a changed byte and its reader."""

    def __init__(self) -> None:
        super().__init__(bytes(32))

    def seal(self, data: bytes) -> bytes:
        return data

    def open(self, sealed: bytes) -> bytes:
        return sealed


@dataclass(frozen=True, slots=True)
class _Template:
    """The files of a manager that ended well: their content, and how long they are."""

    files: dict[Path, tuple[bytes, int]]
    entries: dict[int, Entry]


def _entry(index: int) -> Entry:
    size = (20, 200, 700, 5_000)[index * 7 % 4 if index % 9 == 0 else index % 2]
    return Entry(1 + index // 25, index, EntryType.NORMAL, random.Random(index).randbytes(size))


def _state() -> bytes:
    service = make_service("s1")
    objects = (service, make_node("n1"), make_task("t1", service=service, slot=1, node_id="n1"))
    taken = [(SCHEMA_OF[type(one)], [one]) for one in objects]
    return encode_cluster_snapshot(ClusterSnapshot(), encode_snapshot(taken))


def _template(snapshots: tuple[int, ...]) -> _Template:
    disk, written, state = MemoryDisk(), {}, _state()
    storage = open_storage(disk, _CONFIG, _Open(), _RAFT_ID)
    first = storage.memory.last_index()
    for index in range(1, first + 1):
        written[index] = storage.memory.entries(index, index + 1, 1)[0]
    for index in range(first + 1, _ENTRIES):
        entry = written[index] = _entry(index)
        storage.write(HardState(entry.term, _RAFT_ID, index), [entry])
        if index in snapshots:
            snapshot = Snapshot(index, entry.term, ConfState(voters=(_RAFT_ID,)), state)
            storage.write_snapshot_mark(snapshot, None)
            storage.write_snapshot_file(snapshot)
            storage.write_release(1)
    storage.close()
    files = {}
    for path in disk.files():
        content = disk.read(path)
        files[path] = (content.rstrip(b"\0"), len(content))
    return _Template(files, written)


@contextmanager
def _opened() -> Iterator[Player]:
    templates = [_template(()), _template((30,)), _template((20, 40, 55))]
    yield lambda seed: _play(templates, random.Random(seed))


def _play(templates: list[_Template], rng: random.Random) -> str:
    template = rng.choice(templates)
    disk, is_small = _changed(template, rng)
    try:
        found = _started(disk)
    except StateUnusable as error:
        must(str(error).strip(), "a refusal says why")
        return f"refused: {type(error).__name__}"
    first, entries, snapshot = found
    for entry in entries:
        must(template.entries.get(entry.index) == entry, f"entry {entry.index} was never written so")
    must([one.index for one in entries] == list(range(first, first + len(entries))), "no entry is left out")
    lost = _ENTRIES - first - len(entries)
    must(not is_small or lost <= 1, f"a single byte lost {lost} entries")
    must(_started(disk) == found, "a second start finds the same")
    return (
        f"{_restored(snapshot)}, {'all' if not lost else 'a part'}"
        if snapshot is not None
        else "all"
        if not lost
        else "a part"
    )


def _started(disk: MemoryDisk) -> tuple[int, list[Entry], Snapshot | None]:
    """What a start finds: the first index, the entries and the snapshot."""
    storage: RaftStorage = open_storage(disk, replace(_CONFIG, may_found=False), _Open(), _RAFT_ID + 2)
    try:
        memory = storage.memory
        first, last = memory.first_index(), memory.last_index()
        snapshot = memory.snapshot()
        entries = list(memory.entries(first, last + 1, 1 << 40)) if last >= first else []
        return first, entries, snapshot if snapshot.index else None
    finally:
        storage.close()


def _restored(snapshot: Snapshot) -> str:
    try:
        _, store = decode_cluster_snapshot(snapshot.data)
        MemoryStore(clock=ManualClock(), proposer=None).restore(snapshot.index, store)
    except ValueError:
        return "snapshot refused"
    return "snapshot"


def _changed(template: _Template, rng: random.Random) -> tuple[MemoryDisk, bool]:
    """A disk with one to three changes; whether they are a single byte of the log."""
    files = dict(template.files)
    way, is_small = rng.random(), False
    if way < 0.4:
        path = rng.choice([one for one in files if one.suffix == ".wal"])
        content, length = files[path]
        changed = bytearray(content)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        files[path], is_small = (bytes(changed), length), True
    else:
        for _ in range(rng.choice((1, 1, 2, 3))):
            _bend(files, rng)
    disk = MemoryDisk()
    for path, (content, length) in files.items():
        for parent in reversed(path.parents[:-1]):
            disk.make_directory(parent)
        disk.replace(path, content, max(length, len(content)))
    return disk, is_small


def _bend(files: dict[Path, tuple[bytes, int]], rng: random.Random) -> None:
    if not files:
        return
    path = rng.choice(list(files))
    content, length = files[path]
    match rng.randrange(8):
        case 0:
            del files[path]
        case 1:
            files[path.with_name(path.name + ".tmp")] = files.pop(path)
        case 2:
            files[path] = files[rng.choice(list(files))]
        case 3:
            end = rng.randrange(len(content) + 1)
            files[path] = (content[:end], rng.choice((end, length)))
        case _:
            bent = bent_bytes(rng, content, [other for other, _ in files.values()])
            files[path] = (bent, rng.choice((length, len(bent))))


KIND = Kind(
    "log",
    "a manager's write-ahead log and snapshots",
    _opened,
    (
        "swarm_core.raft_node.log.wal_reader", "swarm_core.raft_node.log.frames", "swarm_core.raft_node.log.damage", "swarm_core.raft_node.log.snapshots",
        "swarm_core.raft_node.log.storage", "swarm_core.raft_node.log.cluster_snapshot", "swarm_core.raft_node.codec", "swarm_core.raft_node.membership",
        "swarm_core.store.actions", "swarm_core.api.wire",
    ),
)  # fmt: skip
