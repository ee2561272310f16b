"""The recorded cast is one that asciinema plays, and tells nothing of the machine that it was made on."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_cast_is_whole() -> None:
    """A header of version 2, then output in the order of time, of a program that comes to its end."""
    header, *events = map(json.loads, (ROOT / "screenshots" / "tour.cast").read_text().splitlines())
    assert (header["version"], header["width"], header["height"]) == (2, 120, 32)
    times = [at for at, kind, _ in events if kind == "o"]
    assert len(times) == len(events) > 100
    assert times == sorted(times)
    assert times[-1] < 120
    shown = "".join(text for _, _, text in events)
    for part in ("swarm-tui demo", "Nearest fixes", "Create service hello", "Undo", "following"):
        assert part in shown
    assert str(ROOT) not in shown
    assert "/tmp/" not in shown
