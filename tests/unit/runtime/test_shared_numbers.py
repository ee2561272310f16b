"""Numbers that one process tells others (swarm_core.runtime.shared_numbers)."""

import stat
from pathlib import Path

import pytest
from swarm_core.runtime.shared_numbers import SharedNumbers


def test_what_is_written_is_read_at_once(tmp_path: Path) -> None:
    """By everybody who has the file in memory; it is this user's alone, and its largest number fits."""
    path = tmp_path / "numbers"
    written, read = SharedNumbers.make(path, 3), SharedNumbers.read(path, 3)
    assert [read[place] for place in range(3)] == [0, 0, 0]
    written[2] = 2**64 - 1
    assert [read[place] for place in range(3)] == [0, 0, 2**64 - 1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(TypeError):
        read[0] = 1


def test_a_new_writer_has_a_file_of_its_own(tmp_path: Path) -> None:
    """Who reads that of the one before sees nothing of it; what a killed one left half made is no hindrance."""
    path = tmp_path / "numbers"
    SharedNumbers.make(path, 1)[0] = 7
    before = SharedNumbers.read(path, 1)
    (tmp_path / "numbers.new").write_bytes(b"half")
    SharedNumbers.make(path, 1)[0] = 8
    assert (before[0], SharedNumbers.read(path, 1)[0]) == (7, 8)


def test_too_few_numbers_are_refused(tmp_path: Path) -> None:
    """As in a file of another version."""
    SharedNumbers.make(tmp_path / "numbers", 1).close()
    with pytest.raises(ValueError, match="greater than file size"):
        SharedNumbers.read(tmp_path / "numbers", 2)
