"""The parts of a backup, followed as they come (docs/design/backup.md 17.1)."""

import pytest
from swarm_core.api.backups import FORMAT, PIECE_BYTES, Follower, framed, parts_of, unframed
from swarm_core.api.proto.backup_pb2 import BackupEnd, BackupHead, BackupPart

HEAD = BackupHead(format=FORMAT, version="1.2.3", cluster_id="c")
SNAPSHOT = bytes(2 * PIECE_BYTES + 10)
PARTS = list(parts_of(HEAD, SNAPSHOT))


def follow(parts: list[BackupPart]) -> BackupHead:
    follower = Follower()
    for part in parts:
        follower.take(part)
    return follower.end()


def test_a_whole_backup() -> None:
    """17.1.5: head, pieces, end; in chunks of any size."""
    assert follow(PARTS) == HEAD
    assert [part.WhichOneof("part") for part in PARTS] == ["head", "piece", "piece", "piece", "end"]
    data = b"".join(map(framed, PARTS))
    for size in (1_000_003, 70_001, 4096):
        assert list(unframed(data[at : at + size] for at in range(0, len(data), size))) == PARTS


@pytest.mark.parametrize("parts", [PARTS[:-1], PARTS[:1], []])
def test_one_without_its_end(parts: list[BackupPart]) -> None:
    """17.1.5: is cut off."""
    with pytest.raises(ValueError, match="is cut off"):
        follow(parts)


@pytest.mark.parametrize(
    "parts",
    [
        PARTS[1:],
        [PARTS[0], *PARTS],
        [*PARTS, PARTS[1]],
        [PARTS[0], PARTS[2], PARTS[4]],
        [PARTS[0], BackupPart()],
        [PARTS[0], BackupPart(end=BackupEnd(bytes=0, sha256=b"x"))],
    ],
)
def test_parts_that_do_not_belong_together(parts: list[BackupPart]) -> None:
    """17.1.5: no head, two heads, something behind the end, a piece that is missing, a part that is none, another digest."""
    with pytest.raises(ValueError, match="is no backup of a swarm, or damaged"):
        follow(parts)


def test_a_later_format() -> None:
    """17.1.5: refused with the version that can read it."""
    head = BackupHead(format=FORMAT + 1, version="9.0")
    with pytest.raises(ValueError, match=r"later version \(9\.0\)"):
        follow([BackupPart(head=head)])


@pytest.mark.parametrize(
    "data", [b"\xff" * 12, b"\xff\xff\xff\xff\x0f", b"\x03\x08\x01\x01", b"\x02\xff\xff"]
)
def test_bytes_that_are_none(data: bytes) -> None:
    """17.1.5: no length, an endless one, and what is no message."""
    with pytest.raises(ValueError, match=r"is no backup|is cut off"):
        follow(list(unframed([data])))
