"""PEM blocks with headers: reading and writing by hand."""

import pytest
from swarm_core.ca import pem


def test_headers_are_sorted_and_the_body_has_64_columns() -> None:
    """Proc-Type leads, the others follow by name, then one blank line and lines of 64 characters."""
    block = pem.Block(
        "PRIVATE KEY", bytes(60), {"raft-dek": "x", "kek-version": "7", "Proc-Type": "4,ENCRYPTED"}
    )
    lines = pem.encode(block).decode().splitlines()
    assert lines[:5] == [
        "-----BEGIN PRIVATE KEY-----",
        "Proc-Type: 4,ENCRYPTED",
        "kek-version: 7",
        "raft-dek: x",
        "",
    ]
    assert [len(line) for line in lines[5:]] == [64, 16, len("-----END PRIVATE KEY-----")]


def test_round_trip_of_many_blocks_with_text_between() -> None:
    """Blocks survive, text around them is ignored, carriage returns are no matter."""
    first, second = pem.Block("CERTIFICATE", b"one" * 40), pem.Block("A KEY", b"two", {"a": "b:c=="})
    data = (
        b"subject: somebody\n" + pem.encode(first).replace(b"\n", b"\r\n") + b"between\n" + pem.encode(second)
    )
    assert pem.decode(data) == [first, second]


def test_a_broken_body_is_an_error_not_a_shorter_key() -> None:
    """Characters that are no base64 are refused."""
    with pytest.raises(ValueError, match="broken PEM"):
        pem.decode(b"-----BEGIN A KEY-----\nab!d\n-----END A KEY-----\n")
    with pytest.raises(ValueError, match="broken PEM block: it is not text"):
        pem.decode(b"-----BEGIN A KEY-----\nab\xffd\n-----END A KEY-----\n")


def test_no_block_is_no_error() -> None:
    """Garbage holds no blocks."""
    assert pem.decode(bytes(range(256))) == []
