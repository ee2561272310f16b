"""A moment as it is typed (docs/design/journal.md 5)."""

from datetime import UTC, datetime

import pytest
from swarm_core.specs.errors import InvalidValue
from swarm_tui.journal.file import Mark
from swarm_tui.journal.moments import moment_of

S = 1_000_000_000
NOW = 1_760_000_000 * S
SHOWN = NOW - 300 * S
MARKS = [
    Mark(NOW - 900 * S, True, "node", "n7", "w7", "lost"),
    Mark(NOW - 600 * S, False, "service", "s1", "web", "scaled 3 → 5"),
    Mark(NOW - 500 * S, True, "node", "n7", "w7", "lost"),
    Mark(NOW - 100 * S, True, "task", "t1", "web.2", "failed: exit 137"),
]


@pytest.mark.parametrize(
    ("text", "ago_s"),
    [
        ("10m", 600),
        ("-10m", 900),
        ("+30s", 270),
        (" - 1m", 360),
        ("w7 lost", 500),
        ("LOST w7", 500),
        ("node w7", 500),
        ("scaled", 600),
        ("web.2", 100),
        ("1759999000", 1000),
        (datetime.fromtimestamp(1_759_999_000, UTC).isoformat(), 1000),
    ],
)
def test_what_can_be_typed(text: str, ago_s: int) -> None:
    """An age counts from now, a shift from the moment shown; of what is called so the newest before that moment is meant, or
    else the first after it."""
    assert moment_of(text, MARKS, shown_ns=SHOWN, now_ns=NOW) == NOW - ago_s * S


@pytest.mark.parametrize("text", ["", "w8 lost", "-", "+soon", "25:00"])
def test_what_is_no_moment(text: str) -> None:
    """What is neither a time nor something that happened is refused."""
    with pytest.raises(InvalidValue):
        moment_of(text, MARKS, shown_ns=SHOWN, now_ns=NOW)
