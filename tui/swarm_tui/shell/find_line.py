"""The line in which a filter or a search is typed, and what it is typed for."""

from collections import deque
from collections.abc import Callable
from typing import Final

from swarm_tui.views.view import Findable
from swarm_tui.widgets.filter_bar import FilterBar

EARLIER_MAX: Final = 20
"""Texts that are kept for each topic."""


class FindLine:
    """Passes what is typed in the bar on to the list or text for which the bar was opened, and keeps it to be recalled."""

    def __init__(self, bar: FilterBar, closed: Callable[[], None]) -> None:
        self._bar = bar
        self._closed = closed
        self._target: Findable | None = None
        self._earlier: dict[str, deque[str]] = {}
        """By topic what was typed and kept, the newest first."""

    def open(self, target: Findable) -> None:
        """Let the person type for `target`, beginning with what is in force."""
        self._target = target
        self._bar.open(target.found_text, target.find_hint, self._earlier.get(target.find_topic, ()))

    def typed(self, text: str) -> None:
        """The text is another: it works at once."""
        if self._target is not None:
            self._bar.judge(*self._target.find(text))

    def left(self, *, is_kept: bool) -> None:
        """The bar was closed; what was typed stays in force, or is gone."""
        target, self._target = self._target, None
        if target is not None:
            self._keep(target.find_topic, target.found_text)
            if not is_kept:
                target.find("")
            target.take_focus()
        self._closed()

    def close(self) -> None:
        """Another place is shown: what was typed stays in force."""
        if self._target is not None:
            self._keep(self._target.find_topic, self._target.found_text)
        self._target = None
        self._bar.close()

    def _keep(self, topic: str, text: str) -> None:
        """Remember a text that was in force, once."""
        if text.strip():
            kept = self._earlier.setdefault(topic, deque(maxlen=EARLIER_MAX))
            if text in kept:
                kept.remove(text)
            kept.appendleft(text)
