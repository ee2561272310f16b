"""A moment of the past as people type it: a time, a shift, or something that happened. Pure.

14:02, 2026-11-29 14:02    as everywhere (`resources.time_ranges`)
10m                        ten minutes ago
-10m  +30s                 from the moment that is shown
w7 lost                    the newest mark before the moment shown whose words these are; else the first one after it
"""

from collections.abc import Sequence

from swarm_core.specs import notation
from swarm_core.specs.errors import InvalidValue

from swarm_tui.journal.file import Mark
from swarm_tui.resources.time_ranges import moment_ns


def moment_of(text: str, marks: Sequence[Mark], *, shown_ns: int, now_ns: int) -> int:
    """The moment. Raises InvalidValue."""
    text = text.strip()
    if text[:1] in ("+", "-"):
        shift = notation.nanoseconds(text[1:].strip())
        return shown_ns + shift if text[0] == "+" else shown_ns - shift
    try:
        return moment_ns(text, now_ns, None)
    except InvalidValue:
        found = _called(text, marks)
    if not found:
        raise InvalidValue(f"{text!r} is no time, and nothing that is recorded is called so")
    earlier = [at_ns for at_ns in found if at_ns < shown_ns]
    return earlier[-1] if earlier else found[0]


def _called(text: str, marks: Sequence[Mark]) -> list[int]:
    """The times of what these words tell, in order."""
    words = text.lower().split()
    return [
        mark.at_ns
        for mark in marks
        if words and all(word in f"{mark.noun} {mark.name} {mark.text}".lower() for word in words)
    ]
