"""The line in which a filter or a search is typed, and what it is typed for."""

from collections import deque
from collections.abc import Callable
from typing import Final

from swarm_tui.views.view import Findable, Verdict
from swarm_tui.widgets.filter_bar import FilterBar

EARLIER_MAX: Final = 20
"""Texts that are kept for each topic."""


class FindLine:
    """Passes what is typed in the bar on to the list or text for which the bar was opened, and keeps it to be recalled."""

    def __init__(self, bar: FilterBar, closed: Callable[[], None]) -> None:
        self._bar = bar
        self._closed = closed
        self._target: Findable | None = None
        self._offer: tuple[str | None, str] = None, ""
        """A text that tab led to, and the words that may come at its end: they stand there until another is typed."""
        self._earlier: dict[str, deque[str]] = {}
        """By topic what was typed and kept, the newest first."""

    def open(self, target: Findable) -> None:
        """Let the person type for `target`, beginning with what is in force."""
        self._target, self._offer = target, (None, "")
        target.begin()
        earlier = self._earlier.get(target.find_topic, ())
        self._bar.open(target.found_text, target.find_hint, earlier, sign=target.find_sign)

    def typed(self, text: str) -> None:
        """The text is another: it works at once."""
        if self._target is not None:
            verdict = self._target.find(text)
            self._bar.judge(*(Verdict(self._offer[1]) if self._offer[0] == text else verdict))

    def completed(self, text: str) -> None:
        """The person wants the text completed."""
        if self._target is not None:
            whole, words = self._target.complete(text)
            self._offer = whole if words else None, words
            if whole != text:
                self._bar.set_text(whole)
            elif words:
                self._bar.judge(words, "muted")

    def entered(self, text: str) -> None:
        """The line is left with what was typed in force, if it can be."""
        if self._target is None:
            return
        if refusal := self._target.accept(text):
            self._bar.judge(f"✖ {refusal}", "error")
            return
        self._bar.close()
        self._leave(self._target)

    def left(self) -> None:
        """The line was left; what was typed is gone."""
        target = self._target
        if target is not None:
            self._leave(target)
            target.find("")

    def _leave(self, target: Findable) -> None:
        self._target = None
        self._keep(target.find_topic, target.found_text)
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
