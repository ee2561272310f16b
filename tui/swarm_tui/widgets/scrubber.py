"""The line of time above a view of the past: the moment, what happened when, and where the moment is. Pure but for painting."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from textual.strip import Strip

from swarm_tui.widgets.clock_text import time_of_day
from swarm_tui.widgets.paint import Painted, Span, Spans, cut, to_strip, width_of

SPAN_NS: Final = 1800 * 1_000_000_000
"""So much time is on the line, where so much is known."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Something on the line of time."""

    at_ns: int
    is_incident: bool
    text: str


@dataclass(frozen=True, slots=True)
class Moment:
    """What the line shows."""

    at_ns: int
    start_ns: int
    end_ns: int
    ticks: Sequence[Tick] = ()
    ago: str = ""
    is_playing: bool = False
    is_blind: bool = False
    has_now: bool = True
    """There is a now to go back to."""


def window(moment: Moment) -> tuple[int, int]:
    """The time from and to which the line goes: around the moment, within what is known."""
    first, last = moment.start_ns, max(moment.end_ns, moment.start_ns + 1)
    if last - first <= SPAN_NS:
        return first, last
    start = min(max(moment.at_ns - SPAN_NS // 2, first), last - SPAN_NS)
    return start, start + SPAN_NS


def heading(moment: Moment, keys: Sequence[tuple[str, str]]) -> Spans:
    """The moment in words, and the keys."""
    spans: list[Span] = [
        (" ◀ REWIND ", "error+bold"),
        (time_of_day(moment.at_ns, millis=True), "text+bold"),
        (f" (−{moment.ago})" if moment.ago else "", "muted"),
        ("  ▶ playing 8×" if moment.is_playing else "", "motion"),
        ("  ◌ the stream was away" if moment.is_blind else "", "warning"),
        ("  ", "text"),
    ]
    for key, label in keys if moment.has_now else keys[:-1]:
        spans += [(" ", "text"), (key, "accent+bold"), (f" {label} ", "muted")]
    return spans


def line(moment: Moment, width: int) -> tuple[Spans, Spans]:
    """The line of time and what is named below it."""
    start, end = window(moment)
    left, right = f" {time_of_day(start)} ├", f"┤ {time_of_day(end)} "
    room = max(width - len(left) - len(right), 8)

    def column(at_ns: int) -> int:
        return min(max((at_ns - start) * (room - 1) // max(end - start, 1), 0), room - 1)

    cells: list[Span] = [("─", "faint")] * room
    shown = [tick for tick in moment.ticks if start <= tick.at_ns <= end]
    for tick in sorted(shown, key=lambda one: one.is_incident):
        cells[column(tick.at_ns)] = ("✖", "error") if tick.is_incident else ("▲", "special")
    here = column(moment.at_ns)
    cells[here] = ("●", "accent+bold")
    return [(left, "muted"), *cells, (right, "muted")], _names(shown, moment.at_ns, column, len(left), width)


def _names(shown: Sequence[Tick], at_ns: int, column: object, indent: int, width: int) -> Spans:
    """The names of what is nearest to the moment, each under its place, as many as have room."""
    assert callable(column)
    taken: list[tuple[int, int]] = []
    placed: list[tuple[int, Tick]] = []
    for tick in sorted(shown, key=lambda one: (abs(one.at_ns - at_ns), not one.is_incident)):
        length = width_of([(tick.text, "text")])
        start = max(min(indent + column(tick.at_ns) - length // 2, width - length - 1), 1)
        if length < width - 2 and all(start + length + 1 < a or start > b + 1 for a, b in taken):
            taken.append((start, start + length))
            placed.append((start, tick))
    spans: list[Span] = []
    position = 0
    for start, tick in sorted(placed, key=lambda one: one[0]):
        spans += [(" " * (start - position), "text"), (tick.text, "error" if tick.is_incident else "muted")]
        position = start + width_of([(tick.text, "text")])
    return spans


class Scrubber(Painted):
    """See the module's text."""

    DEFAULT_CSS = "Scrubber { height: 3; }"

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__(id="scrubber")
        self._keys = keys
        self._moment: Moment | None = None

    def rekey(self, keys: Sequence[tuple[str, str]]) -> None:
        """The keys are others now."""
        self._keys = keys
        self.refresh()

    def show(self, moment: Moment) -> None:
        """Show this moment; nothing is painted when it is the same."""
        if moment != self._moment:
            self._moment = moment
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if self._moment is None:
            return to_strip(self.palette, [], width, "bar")
        lines = [heading(self._moment, self._keys), *line(self._moment, width)]
        return to_strip(self.palette, cut(lines[y], width), width, "bar")
