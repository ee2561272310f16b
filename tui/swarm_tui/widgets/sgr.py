"""Colours that a program writes into its output, as spans: the escape sequences "select graphic rendition", and no others.

Rules: the sixteen named colours become those of the theme, so that they can be read on its ground; the other 256 and those in full are
taken as they are. What is not understood changes nothing. Every other command to a terminal is left out (`resources.printable`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from rich.color import Color

from swarm_tui.resources.printable import TAB_CELLS, width_of, without_escapes

Span = tuple[str, str]
PREFIX: Final = "sgr:"
"""Roles that `role` makes begin so; see `fields_of`."""
_SEQUENCE: Final = re.compile(r"\x1b\[([0-9;:]*)m")
_CODES_MAX: Final = 64
_NAMED: Final = ("muted", "error", "ok", "warning", "accent", "special", "calm", "text")
_SETTINGS: Final = {1: "b", 2: "d", 3: "i", 4: "u", 7: "r", 9: "s"}
_ENDS: Final = {22: "bd", 23: "i", 24: "u", 27: "r", 29: "s"}


@dataclass(frozen=True, slots=True)
class _Pen:
    ink: str = ""
    ground: str = ""
    settings: str = ""

    def role(self, own: str) -> str:
        """The role of text in `own` written with this pen."""
        return own if self == _Pen() else f"{PREFIX}{self.ink or own}:{self.ground}:{self.settings}"


def fields_of(role: str) -> tuple[str, str, str]:
    """Ink, ground and settings of such a role: a name of the theme or #rrggbb, the same or nothing, and letters of bdiurs."""
    ink, ground, settings = role.removeprefix(PREFIX).split(":")
    return ink, ground, settings


def spans(text: str, own: str) -> list[Span]:
    """A program's line, its colours as roles; what has none has the role `own`."""
    out: list[Span] = []
    pen, column = _Pen(), 0
    parts = _SEQUENCE.split(text)
    for index, part in enumerate(parts):
        if index % 2:
            pen = _changed(pen, part)
        elif part:
            before = column % TAB_CELLS
            shown = without_escapes(" " * before + part)[before:]
            column += width_of(shown)
            if shown:
                out.append((shown, pen.role(own)))
    return out


def _changed(pen: _Pen, given: str) -> _Pen:
    codes = _codes(given)
    for code in codes:
        if code == 0:
            pen = _Pen()
        elif code in _SETTINGS:
            pen = replace(pen, settings="".join(sorted({*pen.settings, _SETTINGS[code]})))
        elif code in _ENDS:
            pen = replace(pen, settings="".join(one for one in pen.settings if one not in _ENDS[code]))
        elif 30 <= code <= 37 or 90 <= code <= 97:
            pen = replace(pen, ink=_NAMED[code % 10])
        elif 40 <= code <= 47 or 100 <= code <= 107:
            pen = replace(pen, ground=_NAMED[code % 10])
        elif code == 39:
            pen = replace(pen, ink="")
        elif code == 49:
            pen = replace(pen, ground="")
        elif code in (38, 48):
            colour = _extended(codes)
            if colour:
                pen = replace(pen, ink=colour) if code == 38 else replace(pen, ground=colour)
    return pen


def _codes(given: str) -> Iterator[int]:
    """The numbers of a sequence; with colons an empty one stands for the colour space, which nobody else names."""
    for word in (given or "0").split(";")[:_CODES_MAX]:
        first, *more = word.split(":")
        numbers = [first, *(more[:1] + more[2:] if more[:1] == ["2"] and len(more) > 4 else more)]
        yield from (int(one[:4] or "0") for one in numbers)


def _extended(codes: Iterator[int]) -> str:
    """The colour that follows 38 or 48; empty for one that there is not."""
    match next(codes, None):
        case 5:
            number = next(codes, 256)
            return _NAMED[number % 8] if number < 16 else _of_256(number) if number < 256 else ""
        case 2:
            parts = [next(codes, 256) for _ in range(3)]
            return "#{:02x}{:02x}{:02x}".format(*parts) if max(parts) < 256 else ""
        case _:
            return ""


@lru_cache(maxsize=256)
def _of_256(number: int) -> str:
    return Color.from_ansi(number).get_truecolor().hex
