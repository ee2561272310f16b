"""What a manager is told on its standard input."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from swarm_core.ca.errors import InvalidToken
from swarm_core.ca.tokens import format_unlock_key
from swarm_core.managerd import orders
from swarm_core.managerd.config import parse

KEY = bytes(range(32))


def told(text: bytes) -> tuple[orders.Orders | None, bytes]:
    """What is read of this input, and what is left of it."""
    reading, writing = os.pipe()
    os.write(writing, text)
    os.close(writing)
    try:
        return orders.read(reading), os.read(reading, 100)
    finally:
        os.close(reading)


def line(key: str = "", join: str = "", force: bool = False) -> bytes:
    return json.dumps({"unlock_key": key, "join_addr": join, "force_new_cluster": force}).encode() + b"\n"


def test_a_line_and_not_a_byte_more() -> None:
    """Key, manager to join, and whether to go on alone; what follows stays in the pipe."""
    found, rest = told(line(format_unlock_key(KEY), "192.0.2.1:1", True) + b"more")
    assert found == orders.Orders(KEY, "192.0.2.1:1", True)
    assert rest == b"more"


def test_no_orders() -> None:
    """An input that ends first, even in the middle of the line, orders nothing."""
    assert told(b"") == (None, b"")
    assert told(line()[:-1]) == (None, b"")


def test_what_is_no_order() -> None:
    """A line that is none is refused, and so is a key that is none."""
    with pytest.raises(ValueError):
        told(b"hello\n")
    with pytest.raises(InvalidToken):
        told(line("SWMKEY-1-no"))


def test_orders_replace_flags(tmp_path: Path) -> None:
    """The address to join and the wish to go on alone are the daemon's; all else is as the flags say."""
    config = parse(["-d", str(tmp_path), "--listen-control-api", str(tmp_path / "c"), "--join-addr", "old:1"])
    assert orders.Orders().applied_to(config) == replace(config, join_address="")
    assert orders.Orders(None, "new:1", True).applied_to(config).join_address == "new:1"
