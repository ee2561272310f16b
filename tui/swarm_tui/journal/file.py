"""The journal of one cluster as a file: generations of blocks in SQLite (docs/design/journal.md 1).

A generation begins with a keyframe, which is everything that the cluster held, and goes on with blocks of what changed
from then on. Whole generations are forgotten, the oldest first, so that what is left can always be read from its beginning.

Whoever writes holds the lock beside the file; whoever reads needs none. Nothing here waits for anything but the disk:
callers on an event loop use a thread.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from swarm_tui.journal.errors import Damaged, NotWritable
from swarm_tui.journal.records import Record, compressed, decompressed, unpacked

VERSION: Final = 1
_APPLICATION: Final = 0x53575452
"""Says of a file what it is: "SWTR"."""
_BUSY_S: Final = 5.0
_SCHEMA: Final = f"""
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {VERSION};
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE generation (
    id INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, bytes INTEGER NOT NULL,
    dictionary BLOB NOT NULL, keyframe BLOB NOT NULL, is_gap INTEGER NOT NULL
);
CREATE TABLE block (
    id INTEGER PRIMARY KEY, generation INTEGER NOT NULL, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL,
    count INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE INDEX block_of ON block (generation, last_ns);
CREATE TABLE owner (owner TEXT, block INTEGER, PRIMARY KEY (owner, block)) WITHOUT ROWID;
CREATE INDEX owner_of ON owner (block);
CREATE TABLE mark (
    block INTEGER NOT NULL, at_ns INTEGER NOT NULL, is_incident INTEGER NOT NULL,
    noun TEXT NOT NULL, object TEXT NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL
);
CREATE INDEX mark_at ON mark (at_ns);
"""
# Bytes beside the data: of a block's row, of an owner in both its trees, of a mark.
_ROW: Final = 64
_OWNER: Final = 80
_MARK: Final = 160
_FORGET: Final = (
    "DELETE FROM owner WHERE block IN (SELECT id FROM block WHERE generation = ?)",
    "DELETE FROM mark WHERE block IN (SELECT id FROM block WHERE generation = ?)",
    "DELETE FROM block WHERE generation = ?",
    "DELETE FROM generation WHERE id = ?",
)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something worth finding again: an incident, or what a person did."""

    at_ns: int
    is_incident: bool
    noun: str
    object_id: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Generation:
    id: int
    at_ns: int
    bytes: int
    """Of the keyframe and all blocks."""
    is_gap: bool
    """Nobody recorded just before it."""


@dataclass(frozen=True, slots=True)
class Block:
    """Records to be written together, compressed, with what finds them again."""

    first_ns: int
    last_ns: int
    count: int
    data: bytes
    owners: Iterable[str]
    marks: Iterable[Mark]


class JournalFile:
    """An open file. Raises Damaged whenever what is read is not what was written."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        self._dictionaries: dict[int, bytes] = {}

    @classmethod
    def create_or_open(cls, path: Path) -> "JournalFile":
        """For writing; only the owner may read the file. Raises Damaged, NotWritable."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            path.chmod(0o600)
        except OSError as error:
            raise NotWritable(f"No journal: {path}: {error.strerror}.") from None
        with _damage_told(path):
            db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            try:
                if db.execute("PRAGMA page_count").fetchone() == (0,):
                    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
                    db.execute("PRAGMA journal_mode = WAL")
                    db.executescript(_SCHEMA)
                _check(db, path)
                if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                    raise Damaged(f"The journal {path} is damaged.")
                db.execute("PRAGMA synchronous = NORMAL")
                db.execute(f"PRAGMA journal_size_limit = {4 << 20}")
            except BaseException:
                db.close()
                raise
            return cls(path, db)

    @classmethod
    def open_for_reading(cls, path: Path) -> "JournalFile":
        """Raises Damaged, and FileNotFoundError."""
        if not path.exists():
            raise FileNotFoundError(path)
        with _damage_told(path):
            db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro",
                uri=True,
                timeout=_BUSY_S,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                _check(db, path)
            except BaseException:
                db.close()
                raise
            return cls(path, db)

    def close(self) -> None:
        """Nothing is asked of it any more."""
        self._db.close()

    # -- writing -----------------------------------------------------------------------------------

    def set_meta(self, values: Mapping[str, str]) -> None:
        """Say what the file is about."""
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def begin_generation(self, at_ns: int, raw: bytes, dictionary: bytes, *, is_gap: bool) -> Generation:
        """Write a keyframe: everything there is at `at_ns`, as records not yet compressed."""
        keyframe, small = compressed(raw), compressed(dictionary)
        size = len(keyframe) + len(small)
        with self._transaction():
            made = self._db.execute(
                "INSERT INTO generation (at_ns, bytes, dictionary, keyframe, is_gap) VALUES (?, ?, ?, ?, ?)",
                (at_ns, size, small, keyframe, is_gap),
            )
        assert made.lastrowid is not None
        return Generation(made.lastrowid, at_ns, size, is_gap)

    def append(self, generation: int, block: Block) -> int:
        """Write a block to the newest generation; how many bytes it takes, with what finds it again."""
        owners, marks = list(block.owners), list(block.marks)
        size = len(block.data) + _ROW + _OWNER * len(owners) + _MARK * len(marks)
        with self._transaction():
            made = self._db.execute(
                "INSERT INTO block (generation, first_ns, last_ns, count, data) VALUES (?, ?, ?, ?, ?)",
                (generation, block.first_ns, block.last_ns, block.count, block.data),
            )
            number = made.lastrowid
            self._db.execute("UPDATE generation SET bytes = bytes + ? WHERE id = ?", (size, generation))
            self._db.executemany("INSERT OR IGNORE INTO owner VALUES (?, ?)", ((o, number) for o in owners))
            self._db.executemany(
                "INSERT INTO mark VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((number, m.at_ns, m.is_incident, m.noun, m.object_id, m.name, m.text) for m in marks),
            )
        return size

    def forget(self, *, before_ns: int, bytes_max: int) -> int:
        """Forget the oldest generations until the file is small enough and none ended before `before_ns`; how many went.
        The newest stays."""
        known = self.generations()
        gone = 0
        for one, after in pairwise(known):
            if after.at_ns >= before_ns and self.size <= bytes_max:
                break
            with self._transaction():
                for statement in _FORGET:
                    self._db.execute(statement, (one.id,))
            gone += 1
        if gone:
            # Not by `execute`, which gives up after one page, as the statement has no columns.
            with _damage_told(self.path):
                self._db.executescript("PRAGMA incremental_vacuum")
        return gone

    @property
    def size(self) -> int:
        """Bytes in use, without what is free to be written again."""
        with _damage_told(self.path):
            (pages,), (free,), (page,) = (
                self._db.execute(f"PRAGMA {name}").fetchone()
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * page)

    # -- reading -----------------------------------------------------------------------------------

    def meta(self) -> dict[str, str]:
        """What the file is about."""
        return {str(name): str(value) for name, value in self._rows("SELECT name, value FROM meta")}

    def generations(self) -> list[Generation]:
        """All, the oldest first."""
        rows = self._rows("SELECT id, at_ns, bytes, is_gap FROM generation ORDER BY id")
        return [Generation(id_, at_ns, size, bool(is_gap)) for id_, at_ns, size, is_gap in rows]

    def keyframe(self, generation: int) -> list[Record]:
        """What the cluster held when the generation began."""
        for (data,) in self._rows("SELECT keyframe FROM generation WHERE id = ?", generation):
            return self._records(data, b"")
        return []

    def blocks(self, generation: int, *, from_ns: int = 0, to_ns: int = 1 << 62) -> Iterator[list[Record]]:
        """The records of each block that reaches into the time from `from_ns` to `to_ns`, in their order."""
        rows = self._rows(
            "SELECT data FROM block WHERE generation = ? AND last_ns >= ? AND first_ns <= ? ORDER BY id",
            generation,
            from_ns,
            to_ns,
        )
        for (data,) in rows:
            yield self._records(data, self._dictionary(generation))

    def blocks_of(self, owner: str, *, newest: int) -> Iterator[list[Record]]:
        """The newest blocks that hold something about an object, the newest first."""
        rows = self._rows(
            "SELECT generation, data FROM block WHERE id IN (SELECT block FROM owner WHERE owner = ?)"
            " ORDER BY id DESC LIMIT ?",
            owner,
            newest,
        )
        for generation, data in rows:
            yield self._records(data, self._dictionary(generation))

    def count(self, generation: int, *, from_ns: int, to_ns: int) -> int:
        """How many records the blocks hold that reach into this time."""
        found = self._rows(
            "SELECT coalesce(sum(count), 0) FROM block WHERE generation = ? AND last_ns >= ? AND first_ns <= ?",
            generation,
            from_ns,
            to_ns,
        )
        return int(next(found)[0])

    def end_ns(self) -> int:
        """The time of the newest record; 0 when there is none."""
        ((block,),) = self._rows("SELECT coalesce(max(last_ns), 0) FROM block")
        ((frame,),) = self._rows("SELECT coalesce(max(at_ns), 0) FROM generation")
        return max(int(block), int(frame))

    def marks(self, *, from_ns: int = 0, to_ns: int = 1 << 62) -> list[Mark]:
        """What is worth finding again in this time."""
        rows = self._rows(
            "SELECT at_ns, is_incident, noun, object, name, text FROM mark WHERE at_ns BETWEEN ? AND ? ORDER BY at_ns",
            from_ns,
            to_ns,
        )
        return [Mark(at, bool(bad), noun, id_, name, text) for at, bad, noun, id_, name, text in rows]

    # -- inside ------------------------------------------------------------------------------------

    def _dictionary(self, generation: int) -> bytes:
        known = self._dictionaries.get(generation)
        if known is None:
            ((data,),) = self._rows("SELECT dictionary FROM generation WHERE id = ?", generation)
            known = self._dictionaries[generation] = self._whole(data, b"")
        return known

    def _records(self, data: bytes, dictionary: bytes) -> list[Record]:
        try:
            return list(unpacked(self._whole(data, dictionary)))
        except ValueError as error:
            raise Damaged(f"The journal {self.path} is damaged: {error}.") from None

    def _whole(self, data: bytes, dictionary: bytes) -> bytes:
        try:
            return decompressed(data, dictionary)
        except ValueError as error:
            raise Damaged(f"The journal {self.path} is damaged: {error}.") from None

    def _rows(self, query: str, *values: Any) -> Iterator[Any]:
        with _damage_told(self.path):
            yield from self._db.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _damage_told(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def _check(db: sqlite3.Connection, path: Path) -> None:
    (application,), (version,) = (
        db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
    )
    if application != _APPLICATION:
        raise Damaged(f"{path} is no journal of a cluster.")
    if version != VERSION:
        raise Damaged(f"{path} is a journal of version {version}, and this program reads version {VERSION}.")


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """SQLite's failures as ours: a file that cannot be read, or one that cannot be written now."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise NotWritable(f"The journal {path} cannot be used: {error}.") from None
    except sqlite3.DatabaseError as error:
        raise Damaged(f"The journal {path} is damaged: {error}.") from None
