"""The two one-line bars: what stands above everything, and the keys below it.

Both are given parts and drop the least important ones when the line is too short; nothing wraps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.strip import Strip

from swarm_tui.widgets.paint import Painted, Span, Spans, cut, to_strip, width_of


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the header; a higher rank is left out earlier, 0 never."""

    spans: Spans
    rank: int = 0
    ground: str = "bar"


class HeaderBar(Painted):
    """Parts from the left and parts from the right, on one line."""

    DEFAULT_CSS = "HeaderBar { height: 1; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._left: tuple[Part, ...] = ()
        self._right: tuple[Part, ...] = ()

    def show(self, left: Sequence[Part], right: Sequence[Part]) -> None:
        """Show these parts; nothing is painted when they are the same."""
        if (tuple(left), tuple(right)) != (self._left, self._right):
            self._left, self._right = tuple(left), tuple(right)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        kept = kept_parts([*self._left, *self._right], width)
        left = [part for part in self._left if part in kept]
        right = [part for part in self._right if part in kept]
        used = sum(width_of(part.spans) for part in left + right)
        gap = Part([(" " * max(width - used, 0), "text")])
        strips = [
            to_strip(self.palette, part.spans, width_of(part.spans), part.ground)
            for part in (*left, gap, *right)
        ]
        return Strip.join(strips).crop_extend(0, width, self.palette.style("text", "bar"))


def kept_parts(parts: list[Part], width: int) -> list[Part]:
    """The parts that fit into `width`: those of the highest rank leave first, rank 0 never."""
    kept = list(parts)
    while sum(width_of(part.spans) for part in kept) > width:
        worst = max(kept, key=lambda part: part.rank)
        if worst.rank == 0:
            break
        kept.remove(worst)
    return kept


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of the key bar: the key as shown, its verb, and what a click runs."""

    key: str
    label: str
    action: str


class KeyBar(Painted):
    """The keys that work now; the last one (help) always stays."""

    DEFAULT_CSS = "KeyBar { height: 1; }"

    class Pressed(Message):
        """A click on an entry."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._keys: tuple[Key, ...] = ()
        self._message: tuple[Span, ...] = ()

    def show(self, keys: Sequence[Key]) -> None:
        """Show these keys; nothing is painted when they are the same."""
        if tuple(keys) != self._keys:
            self._keys = tuple(keys)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        spans: list[Span] = []
        for key in self._fitting(width):
            spans.extend(_key_spans(key))
        return to_strip(self.palette, cut(spans, width), width, "bar")

    def on_click(self, event: events.Click) -> None:
        x = 0
        for key in self._fitting(self.size.width):
            end = x + width_of(_key_spans(key))
            if x <= event.x < end:
                self.post_message(self.Pressed(key.action))
                return
            x = end

    def _fitting(self, width: int) -> list[Key]:
        if not self._keys:
            return []
        *others, last = self._keys
        room = width - width_of(_key_spans(last))
        fitting: list[Key] = []
        for key in others:
            room -= width_of(_key_spans(key))
            if room < 0:
                break
            fitting.append(key)
        return [*fitting, last]


def _key_spans(key: Key) -> list[Span]:
    return [(" ", "text"), (key.key, "accent+bold"), (" ", "text"), (key.label, "muted"), (" ", "text")]
