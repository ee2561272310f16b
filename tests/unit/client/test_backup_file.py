"""The file of a backup: sealed or not, and every way in which it can be wrong (docs/design/backup.md 17.2)."""

import io

import pytest
from swarm_core.client.backup_file import BOX_BYTES, MAGIC, BackupUnusable, Cost, Writer, read

CHEAP = Cost(log_n=10)
PASSPHRASE = "a passphrase"
# Three boxes: two whole ones and a rest.
CONTENT = bytes(range(256)) * 2300


def written(content: bytes = CONTENT, passphrase: str | None = PASSPHRASE) -> bytes:
    file = io.BytesIO()
    writer = Writer(file, passphrase, cost=CHEAP)
    for at in range(0, len(content), 100_000):
        writer.write(content[at : at + 100_000])
    writer.finish()
    return file.getvalue()


def opened(data: bytes, passphrase: str = PASSPHRASE) -> bytes:
    return b"".join(read(io.BytesIO(data), lambda: passphrase))


def refusal(data: bytes, passphrase: str = PASSPHRASE) -> str:
    with pytest.raises(BackupUnusable) as found:
        opened(data, passphrase)
    return str(found.value)


SEALED, PLAIN = written(), written(passphrase=None)
HEAD = len(MAGIC) + 5 + 32


@pytest.mark.parametrize("content", [b"", b"x", bytes(BOX_BYTES), bytes(BOX_BYTES + 1), CONTENT], ids=len)
@pytest.mark.parametrize("passphrase", [PASSPHRASE, None], ids=["sealed", "open"])
def test_what_was_written_is_read(content: bytes, passphrase: str | None) -> None:
    """17.2.1: any length, across boxes and at their borders."""
    assert opened(written(content, passphrase)) == content


def test_without_a_passphrase_nobody_is_asked() -> None:
    """17.2.2: and the content can be seen, which is why the commands say so."""

    def ask() -> str:
        raise AssertionError("asked")

    assert b"".join(read(io.BytesIO(PLAIN), ask)) == CONTENT
    assert CONTENT[:1000] in PLAIN and CONTENT[:1000] not in SEALED


def test_a_wrong_passphrase() -> None:
    """17.2.3: told apart from a damaged file."""
    assert refusal(SEALED, "another one") == "does not open with this passphrase"


@pytest.mark.parametrize("data", [SEALED, PLAIN], ids=["sealed", "open"])
def test_a_file_that_is_cut_off(data: bytes) -> None:
    """17.2.3: in the head, between boxes, in a length and in a box."""
    box = BOX_BYTES + 16 + 4
    for length in (
        1,
        len(MAGIC),
        HEAD - 1,
        HEAD,
        HEAD + 2,
        HEAD + 5,
        HEAD + box,
        HEAD + 2 * box,
        len(data) - 1,
    ):
        assert refusal(data[:length]) == "is cut off", length


@pytest.mark.parametrize("data", [SEALED, PLAIN], ids=["sealed", "open"])
def test_a_file_that_was_changed(data: bytes) -> None:
    """17.2.3: a bit anywhere, boxes in another order, one left out, one too many, something behind the end. No chunk of a changed box is given."""
    box = BOX_BYTES + 16 + 4
    first, second, rest = data[HEAD : HEAD + box], data[HEAD + box : HEAD + 2 * box], data[HEAD + 2 * box :]
    for at in range(0, len(data), 6007):
        changed = bytearray(data)
        changed[at] ^= 1
        assert refusal(bytes(changed)), at
    assert refusal(data[:HEAD] + second + first + rest) == "is damaged"
    assert refusal(data[:HEAD] + first + rest) == "is damaged"
    assert refusal(data[:HEAD] + first + first + second + rest) == "is damaged"
    assert "behind its end" in refusal(data + b"x")


def test_the_last_chunk_comes_only_of_a_whole_file() -> None:
    """17.2.4: who acts on the last chunk acts on a file that was judged to its end."""
    seen = []
    with pytest.raises(BackupUnusable):
        seen.extend(read(io.BytesIO(written(b"x") + b"!"), lambda: PASSPHRASE))
        seen.append(b"whole")
    assert seen == []


def test_what_is_no_backup() -> None:
    """17.2.3: another file, an empty one, a later format, a head that would take all memory."""
    assert refusal(b"") == refusal(b"PK\x03\x04") == refusal(b"x" * 500) == "is no backup of a swarm"
    later = bytearray(SEALED)
    later[len(MAGIC)] = 2
    assert "later version" in refusal(bytes(later))
    greedy = bytearray(SEALED)
    greedy[len(MAGIC) + 2] = 40
    assert refusal(bytes(greedy)) == "is damaged"
