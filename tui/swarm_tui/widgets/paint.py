"""From spans to strips: every line-drawn widget paints through here.

A span is a text with the name of a role; a palette turns roles into styles for the current theme. What
does not fit is cut with an ellipsis, and what is short is padded in the ground's own colour, because a
strip's blanks get no background by themselves.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.markup import escape
from textual.strip import Strip
from textual.widget import Widget

from swarm_tui.resources.printable import printable
from swarm_tui.widgets import sgr
from swarm_tui.widgets.theme import ROLE_VARIABLES

Span: TypeAlias = tuple[str, str]
Spans: TypeAlias = Sequence[Span]

ELLIPSIS: Final = "…"
GROUNDS: Final = {
    "screen": "background",
    "bar": "sw-bar",
    "raised": "sw-raised",
    "selection": "sw-selection",
    "badge": "sw-accent",
}
_FAINT: Final = ("faint", "calm-dim")
_CHARACTERS: Final = 4
"""Of a long text so many for each cell are looked at first; more where many of them have no width."""
_MARGIN: Final = 2
"""What follows these cells more changes nothing before them: the widest character takes two."""
_WORD: Final = re.compile("[^ ]* +|[^ ]+")
"""A word with the blanks that follow it."""
# A role is a colour and, after a plus, how the text is set: "error", "accent+bold", "text+reverse".
_COLORS: Final = {
    "text": "sw-text",
    "muted": "sw-muted",
    "faint": "sw-faint",
    "accent": "sw-accent",
    "motion": "sw-accent",
    "data": "sw-calm",
    "ok": "sw-ok",
    "warning": "sw-warning",
    "error": "sw-error",
    "special": "sw-special",
    "calm": "sw-calm",
    "calm-dim": "sw-calm-dim",
    "on-accent": "sw-on-accent",
}


class Palette:
    """Styles by role and ground for one theme."""

    def __init__(self, colors: Mapping[str, str]) -> None:
        self._colors = {name: Color.parse(colors[name]) for name in (*ROLE_VARIABLES, "background")}
        self._styles: dict[tuple[str, str], Style] = {}

    def style(self, role: str, ground: str = "screen") -> Style:
        """The style of text in `role` on `ground` (a key of GROUNDS). Raises KeyError for unknown ones."""
        if role.startswith(sgr.PREFIX):
            # Kept nowhere: a program may write millions of them.
            return self._of_program(role, ground)
        style = self._styles.get((role, ground))
        if style is None:
            style = self._styles[role, ground] = self._make(role, ground)
        return style

    def _of_program(self, role: str, ground: str) -> Style:
        """The style of text that a program coloured itself. A ground of its own gives way to that of a marked line."""
        ink, own_ground, settings = sgr.fields_of(role)
        behind = own_ground if own_ground and ground == "screen" else ""
        return Style(
            color=self._color(ink).rich_color,
            bgcolor=(self._color(behind) if behind else self._colors[GROUNDS[ground]]).rich_color,
            bold="b" in settings or None,
            dim="d" in settings or None,
            italic="i" in settings or None,
            underline="u" in settings or None,
            reverse="r" in settings or None,
            strike="s" in settings or None,
        )

    def _color(self, name: str) -> Color:
        return Color.parse(name) if name.startswith("#") else self._colors[_COLORS[name]]

    def _make(self, role: str, ground: str) -> Style:
        color, _, setting = role.partition("+")
        if color == "muted" and ground == "selection":
            foreground = self._colors["sw-muted-selected"]
        else:
            foreground = self._colors[_COLORS[color]]
        return Style(
            color=foreground.rich_color,
            bgcolor=self._colors[GROUNDS[ground]].rich_color,
            bold=setting == "bold" or None,
            italic=setting == "italic" or None,
            reverse=setting == "reverse" or None,
        )


@lru_cache(maxsize=8)
def _palette(colors: tuple[tuple[str, str], ...]) -> Palette:
    return Palette(dict(colors))


def palette_of(app: App[object]) -> Palette:
    """The palette of the app's current theme."""
    variables = app.theme_variables
    return _palette(tuple((name, variables[name]) for name in (*ROLE_VARIABLES, "background")))


class Painted(Widget):
    """A widget whose lines are drawn with a palette; it redraws itself when the theme changes."""

    _current_palette: Palette | None = None

    @property
    def palette(self) -> Palette:
        """Styles of the current theme."""
        if self._current_palette is None:
            self._current_palette = palette_of(self.app)
        return self._current_palette

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.forget_styles())

    def forget_styles(self) -> None:
        """Drop everything drawn with the old theme."""
        self._current_palette = None
        self.refresh()


def title(text: str) -> str:
    """`text` as a border's title: no markup, nothing but printable characters."""
    return escape(printable(text))


def dimmed(spans: Spans) -> list[Span]:
    """`spans` of something old: grey, with what is faint left faint."""
    return [(text, "faint" if role in _FAINT else "muted") for text, role in spans]


def _clean(spans: Spans) -> Spans:
    if all(text.isascii() and text.isprintable() for text, _ in spans):
        return spans
    return [(printable(text), role) for text, role in spans]


def _beginnings(spans: Spans, width: int) -> Spans:
    """As much of `spans` as decides what `width` cells show: a text of thousands of characters is not looked at to its end."""
    length = _CHARACTERS * (width + _MARGIN)
    if all(len(text) <= length for text, _ in spans):
        return spans
    return [(_beginning(text, width), role) for text, role in spans]


def _beginning(text: str, width: int) -> str:
    """More than `width` cells of `text`, or all of it. Characters without a width do not count, however many there are."""
    length = _CHARACTERS * (width + _MARGIN)
    while length < len(text):
        part = text[:length]
        if cell_len(printable(part)) >= width + _MARGIN:
            return part
        length *= 2
    return text


def width_of(spans: Spans) -> int:
    """Cells that `spans` take."""
    return sum(_cells(text) for text, _ in spans)


def fit(spans: Spans, width: int, *, right: bool = False) -> list[Span]:
    """`spans` in exactly `width` cells: cut with an ellipsis or padded (on the left when `right`)."""
    if width <= 0:
        return []
    spans = _clean(_beginnings(spans, width))
    total = width_of(spans)
    if total == width:
        return list(spans)
    if total < width:
        padding = (" " * (width - total), "text")
        return [padding, *spans] if right else [*spans, padding]
    return cut(spans, width)


def cut(spans: Spans, width: int) -> list[Span]:
    """`spans` in at most `width` cells, the last of them an ellipsis where something was left out."""
    spans = _clean(_beginnings(spans, width))
    if width_of(spans) <= width:
        return list(spans)
    out: list[Span] = []
    room = width - 1
    for text, role in spans:
        length = cell_len(text)
        if length >= room:
            out.append((set_cell_size(text, room) + ELLIPSIS, role))
            break
        out.append((text, role))
        room -= length
    return out


def to_strip(palette: Palette, spans: Spans, width: int, ground: str = "screen") -> Strip:
    """A strip of at least `width` cells; nothing is cut."""
    line = segments(palette, spans, ground)
    length = sum(_cells(one.text) for one in line)
    if length < width:
        line.append(Segment(" " * (width - length), palette.style("text", ground)))
    return Strip(line, max(length, width))


def segments(palette: Palette, spans: Spans, ground: str = "screen") -> list[Segment]:
    """The spans as the toolkit takes them; empty ones are left out."""
    return [Segment(text, palette.style(role, ground)) for text, role in _clean(spans) if text]


def wrap(spans: Spans, width: int, *, indent: int = 0) -> list[list[Span]]:
    """`spans` broken between words into lines of `width`; all but the first are indented. A word that is longer than a line is broken within.
    The time that it takes grows with the text and no faster: a description may hold a word of a megabyte."""
    indent = max(min(indent, width // 2, width - 2), 0)  # the widest character takes two cells
    begun: list[Span] = [(" " * indent, "text")] if indent else []
    lines: list[list[Span]] = [[]]
    used = 0
    for text, role in _clean(spans):
        for word in _WORD.findall(text):
            bare = word.rstrip()
            blanks = word[len(bare) :]
            left = _cells(bare)
            if used and width - used < left <= width - indent:
                lines.append([*begun])
                used, bare, blanks = indent, bare.lstrip(), blanks if bare else ""
                left = _cells(bare)
            start = 0
            while left > width - used and width > 1:
                stop, taken = _fitting(bare, start, width - used)
                if stop > start:
                    lines[-1].append((bare[start:stop], role))
                lines.append([*begun])
                used, start, left = indent, stop, left - taken
                if left <= width - used:
                    # Of characters that were taken apart each may have more cells than they had together.
                    left = _cells(bare[start:])
            length = left + _cells(blanks)
            if used + length > width:
                blanks = ""  # at the end of a line they need no room
            lines[-1].append((bare[start:] + blanks, role))
            used += length
    return [cut(line, width) for line in lines]


def folded(spans: Spans, width: int) -> list[list[Span]]:
    """`spans` broken into lines of `width` cells, wherever the width ends: nothing is cut and no blank is lost."""
    lines: list[list[Span]] = [[]]
    room = width = max(width, 2)
    for text, role in _clean(spans):
        start = 0
        while start < len(text):
            stop, taken = _fitting(text, start, room)
            if stop > start:
                lines[-1].append((text[start:stop], role))
                room -= taken
            if stop < len(text):
                lines.append([])
                room = width
            start = stop
    return lines


def _fitting(text: str, start: int, room: int) -> tuple[int, int]:
    """Up to where `text` from `start` on fits into `room` cells, and the cells that it takes."""
    if text.isascii():
        stop = min(start + room, len(text))
        return stop, stop - start
    used = 0
    for index in range(start, len(text)):
        cells = cell_len(text[index])
        if used + cells > room:
            return index, used
        used += cells
    return len(text), used


def _cells(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def highlighted(spans: Spans, found: Sequence[tuple[int, int]], role: str) -> list[Span]:
    """`spans` with the stretches of their text that `found` gives, begin and end, set in `role`."""
    if not found:
        return list(spans)
    out: list[Span] = []
    offset = 0
    for part, own in spans:
        out.extend(_split(part, own, role, offset, found))
        offset += len(part)
    return out


def _split(part: str, own: str, role: str, offset: int, found: Sequence[tuple[int, int]]) -> list[Span]:
    """One span cut at the borders of the occurrences that touch it."""
    out: list[Span] = []
    position = 0
    for start, end in found:
        low, high = max(start - offset, 0), min(end - offset, len(part))
        if low >= high:
            continue
        out.append((part[position:low], own))
        out.append((part[low:high], role))
        position = high
    out.append((part[position:], own))
    return [span for span in out if span[0]]
