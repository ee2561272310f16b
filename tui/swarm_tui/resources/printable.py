"""The one rule for text that comes from a node, a user or a program before it is shown on a terminal or in a table.

Characters that move the cursor, start an escape sequence, hide, join or turn the direction of what follows become a visible
dot, blanks of any kind one blank; variation selectors, which change a character's width in some terminals alone, are left
out. What remains takes `width_of` cells. Text for machines keeps every character, escaped (`documents`).

What programs write to their logs is text with colours: `without_escapes` leaves their commands out, `colours_only` keeps those
that set colours and no others. The dashboard draws the colours itself (`widgets.sgr`).
"""

import re
from typing import Final
from unicodedata import combining, east_asian_width

HIDDEN: Final = "·"
ELLIPSIS: Final = "…"
TAB_CELLS: Final = 8
_RESET: Final = "\x1b[0m"
_ESCAPES: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-Z\\^-~]|\x9b[0-?]*[ -/]*[@-~]"
)
"""Control sequences, strings such as a window's title, and the short ones."""
_COLOURS: Final = re.compile(r"(\x1b\[[0-9;:]*m)")
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f]")


def printable(text: str) -> str:
    """`text` on one line."""
    if text.isprintable() and (text.isascii() or not _SELECTORS.search(text)):
        return text
    text = _SELECTORS.sub("", text)
    return "".join(one if one.isprintable() else " " if one.isspace() else HIDDEN for one in text)


def printable_lines(text: str) -> str:
    """`text` with the line ends that it has."""
    return text if text.isascii() and text.isprintable() else "\n".join(map(printable, text.split("\n")))


def without_escapes(text: str) -> str:
    """A line of a program without its commands to the terminal, its tabs as blanks."""
    if "\x1b" in text or "\x9b" in text:
        text = _ESCAPES.sub("", text)
    return printable(text.expandtabs(TAB_CELLS))


def colours_only(text: str) -> str:
    """A line of a program as a terminal may have it: its colours and tabs, no other commands; colours end with it."""
    if text.isprintable():
        return text
    parts = _COLOURS.split(text)
    for index in range(0, len(parts), 2):
        plain = _ESCAPES.sub("", parts[index])
        parts[index] = "\t".join(map(printable, plain.split("\t")))
    return "".join(parts) + (_RESET if len(parts) > 1 else "")


def width_of(text: str) -> int:
    """Cells that printable text takes on a terminal."""
    return len(text) if text.isascii() else sum(map(_width, text))


def padded(text: str, width: int) -> str:
    """Printable text with blanks behind it up to `width` cells."""
    return text + " " * (width - width_of(text))


def cut(text: str, width: int) -> str:
    """Printable text in at most `width` cells, the last one an ellipsis where something was left out."""
    if len(text) <= width and width_of(text) <= width:
        return text
    used, kept = 0, []
    for one in text:
        used += _width(one)
        if used > width - 1:
            break
        kept.append(one)
    return "".join(kept) + ELLIPSIS


def _width(one: str) -> int:
    if one.isascii():
        return 1
    if combining(one):
        return 0
    return 2 if east_asian_width(one) in "WF" else 1
