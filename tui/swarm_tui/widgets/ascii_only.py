"""The interface for terminals and fonts that only have ASCII: a line filter over everything drawn.

Each symbol is replaced by one character of the same width, so that no layout changes; words stand beside
the glyphs that carry meaning, so none is lost. Characters of the user's own texts outside the table
become a question mark.
"""

from typing import Final

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_PAIRS: Final = {
    "●": "o", "◐": "~", "○": ".", "⟳": "~", "✖": "X", "▲": "!", "◌": "-", "■": "=", "★": "*", "◆": "#",
    "✓": "v", "√": "v", "•": "*", "→": ">", "←": "<", "↑": "^", "↓": "v", "…": "~", "·": "-", "–": "-",
    "—": "-", "━": "=", "╸": "-", "╺": "-", "─": "-", "│": "|", "┃": "|", "╭": "+", "╮": "+", "╯": "+",
    "╰": "+", "┌": "+", "┐": "+", "└": "+", "┘": "+", "▁": "_", "▂": "_", "▃": ".", "▄": "-", "▅": "=",
    "▆": "=", "▇": "#", "█": "#", "▸": ">", "▾": "v", "“": '"', "”": '"', "’": "'", "×": "x", "▌": "|",
    "▊": "|", "▎": "|", "▔": "-", "▐": "|", "⏎": "<", "⌫": "<", "⌦": ">", "≤": "<", "≥": ">", "▍": "|",
    "║": "|", "═": "=", "┄": "-", "⟨": "<", "⟩": ">", "‹": "<", "›": ">", "\u00a0": " ",
}  # fmt: skip
_TABLE: Final = str.maketrans(_PAIRS)


def to_ascii(text: str) -> str:
    """`text` in ASCII, character for character."""
    if text.isascii():
        return text
    translated = text.translate(_TABLE)
    return translated if translated.isascii() else translated.encode("ascii", "replace").decode()


class AsciiOnly(LineFilter):
    """Replaces symbols in everything the app paints."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments with their texts in ASCII."""
        return [
            segment
            if segment.text.isascii()
            else Segment(_same_width(segment), segment.style, segment.control)
            for segment in segments
        ]


def _same_width(segment: Segment) -> str:
    text = to_ascii(segment.text)
    return text + " " * (segment.cell_length - len(text))
