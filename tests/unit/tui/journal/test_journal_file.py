"""The journal's file: what is written is read again, bounded, private, and damage is noticed (docs/design/journal.md 1)."""

import os
import random
import sqlite3
import stat
from pathlib import Path

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_testkit.factories import make_service, make_task
from swarm_tui.journal.errors import Damaged
from swarm_tui.journal.file import Block, JournalFile, Mark
from swarm_tui.journal.places import aside, forget_strangers, journal_of
from swarm_tui.journal.records import (
    NUMBERS,
    Record,
    Verb,
    compressed,
    decompressed,
    dictionary_of,
    packed,
    unpacked,
)

_SERVICE = make_service("service-1", name="web", replicas=3)
S = 1_000_000_000


def _record(at_ns: int, item: object, verb: Verb = Verb.UPDATED) -> Record:
    return Record(at_ns, verb, NUMBERS[type(item)], item.SerializeToString())


def _block(records: list[Record], marks: tuple[Mark, ...] = (), dictionary: bytes = b"") -> Block:
    data = compressed(packed(records), dictionary)
    return Block(records[0].at_ns, records[-1].at_ns, len(records), data, {"service-1"}, marks)


def test_records_are_what_was_packed() -> None:
    """Every record comes back from its bytes, and cut bytes are refused."""
    records = [
        _record(5, _SERVICE),
        Record(7, Verb.LOST, 0, b"no manager"),
        _record(9, make_task("t", service=_SERVICE)),
    ]
    raw = packed(records)
    assert list(unpacked(raw)) == records
    assert records[0].object() == _SERVICE
    for cut in (len(raw) - 1, len(raw) - len(records[2].data) - 3):
        with pytest.raises(ValueError, match="cut off"):
            list(unpacked(raw[:cut]))


def test_the_dictionary_makes_small_blocks_smaller() -> None:
    """A block of one task weighs less than half with a piece of the cluster as its dictionary."""
    tasks = [make_task(f"task-{n}", service=_SERVICE, slot=n + 1, state="RUNNING") for n in range(50)]
    dictionary = dictionary_of([_record(0, task) for task in tasks])
    raw = packed([_record(1, make_task("task-99", service=_SERVICE, slot=99, state="FAILED"))])
    small = compressed(raw, dictionary)
    assert len(small) < len(compressed(raw)) / 2
    assert decompressed(small, dictionary) == raw
    with pytest.raises(ValueError):
        decompressed(small, b"another")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Keyframe, blocks, marks and what finds them survive closing and opening."""
    path = tmp_path / "journals" / "c.journal"
    file = JournalFile.create_or_open(path)
    dictionary = dictionary_of([_record(1, _SERVICE)])
    generation = file.begin_generation(1 * S, packed([_record(1 * S, _SERVICE)]), dictionary, is_gap=True)
    mark = Mark(3 * S, True, "service", "service-1", "web", "update paused")
    first, second = [_record(2 * S, _SERVICE)], [_record(3 * S, _SERVICE), _record(4 * S, _SERVICE)]
    file.append(generation.id, _block(first, (), dictionary))
    file.append(generation.id, _block(second, (mark,), dictionary))
    file.close()
    again = JournalFile.open_for_reading(path)
    assert [one.at_ns for one in again.generations()] == [1 * S]
    assert [record.object() for record in again.keyframe(generation.id)] == [_SERVICE]
    assert list(again.blocks(generation.id)) == [first, second]
    assert list(again.blocks(generation.id, from_ns=3 * S)) == [second]
    assert list(again.blocks(generation.id, to_ns=2 * S)) == [first]
    assert list(again.blocks_of("service-1", newest=1)) == [second]
    assert list(again.blocks_of("service-2", newest=9)) == []
    assert again.marks() == [mark]
    assert again.end_ns() == 4 * S
    again.close()


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    """The file and what SQLite puts beside it are 0600, their directory 0700."""
    path = tmp_path / "journals" / "c.journal"
    file = JournalFile.create_or_open(path)
    file.set_meta({"title": "prod"})
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    assert set(modes.values()) == {0o600} and len(modes) == 3, modes
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    file.close()


def test_the_oldest_generations_are_forgotten(tmp_path: Path) -> None:
    """Over its size or its age the file loses whole generations, from the oldest, and gives the pages back."""
    path = tmp_path / "c.journal"
    file = JournalFile.create_or_open(path)
    rng = random.Random(1)
    for number in range(20):
        records = [Record(number * S, Verb.LOST, 0, rng.randbytes(500)) for _ in range(40)]
        generation = file.begin_generation(number * S, b"", b"", is_gap=False)
        file.append(generation.id, _block(records, (Mark(number * S, False, "node", "n", "n", "joined"),)))
    before = file.size
    assert file.forget(before_ns=0, bytes_max=before // 2) > 5
    assert file.size <= before // 2
    left = file.generations()
    assert left[-1].at_ns == 19 * S and left[0].at_ns > 5 * S
    assert len(file.marks()) == len(left)
    assert file.forget(before_ns=18 * S, bytes_max=1 << 30) == len(left) - 3
    assert file.forget(before_ns=1000 * S, bytes_max=0) == 2, "the newest stays, whatever is asked"
    assert [one.at_ns for one in file.generations()] == [19 * S]
    file.close()
    assert path.stat().st_size <= before // 2


@pytest.mark.parametrize("content", [b"hello, this is no database at all" * 50, b""])
def test_what_is_no_journal_is_noticed(tmp_path: Path, content: bytes) -> None:
    """Reading what is no journal says so; an empty file is one that was never begun."""
    path = tmp_path / "c.journal"
    path.write_bytes(content)
    with pytest.raises(Damaged):
        JournalFile.open_for_reading(path)


def test_a_database_of_somebody_else_is_no_journal(tmp_path: Path) -> None:
    """An SQLite file with other tables is refused and left as it is."""
    path = tmp_path / "c.journal"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    for opened in (JournalFile.create_or_open, JournalFile.open_for_reading):
        with pytest.raises(Damaged, match="no journal"):
            opened(path)


def test_damage_inside_is_noticed(tmp_path: Path) -> None:
    """A block whose bytes are others than were written is damage, not a strange cluster."""
    path = tmp_path / "c.journal"
    file = JournalFile.create_or_open(path)
    generation = file.begin_generation(1, b"", b"", is_gap=False)
    file.append(generation.id, Block(2, 2, 1, b"\x01rubbish", (), ()))
    with pytest.raises(Damaged, match="damaged"):
        list(file.blocks(generation.id))
    file.close()


def test_one_damaged_file_is_kept(tmp_path: Path) -> None:
    """Setting aside keeps the newest damaged file and takes away what SQLite had beside it."""
    path = tmp_path / "c.journal"
    for content in (b"first", b"second"):
        path.write_bytes(content)
        path.with_name("c.journal-wal").write_bytes(b"wal")
        assert aside(path).read_bytes() == content
    assert [one.name for one in tmp_path.iterdir()] == ["c.journal.damaged"]


def test_journals_of_clusters_long_gone_are_deleted(tmp_path: Path) -> None:
    """A journal that nobody wrote to since is deleted with all that stands beside it; the present one never."""
    old, kept, new = (journal_of(tmp_path, name) for name in ("old", "kept", "new"))
    for path in (old, kept, new, tmp_path / "old.journal.lock", tmp_path / "notes.txt"):
        path.write_bytes(b"")
        os.utime(path, (1000, 1000))
    os.utime(new, (5000, 5000))
    assert forget_strangers(tmp_path, before_s=2000, keep=kept) == [old]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["kept.journal", "new.journal", "notes.txt"]


def test_an_id_is_never_a_way_out_of_the_directory(tmp_path: Path) -> None:
    """Whatever a cluster calls itself, its journal is in the directory."""
    for name in ("../../etc/passwd", "/abs", "..", "", ".hidden", "a\x00b"):
        assert journal_of(tmp_path, name).parent == tmp_path
        assert journal_of(tmp_path, name).name.endswith(".journal")
        assert (
            not journal_of(tmp_path, name).name.startswith(".")
            and "\x00" not in journal_of(tmp_path, name).name
        )


def test_kinds_have_the_wires_numbers() -> None:
    """A record says a kind by the number that the wire gave it."""
    assert (
        NUMBERS[objects_pb2.Node] == 1
        and NUMBERS[objects_pb2.Task] == 4
        and NUMBERS[objects_pb2.Volume] == 10
    )
