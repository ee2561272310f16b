"""The line in which a filter or a search is typed, and what it is typed for."""

from collections.abc import Callable

from swarm_tui.views.view import Findable
from swarm_tui.widgets.filter_bar import FilterBar


class FindLine:
    """Passes what is typed in the bar on to the list or text for which the bar was opened."""

    def __init__(self, bar: FilterBar, closed: Callable[[], None]) -> None:
        self._bar = bar
        self._closed = closed
        self._target: Findable | None = None

    def open(self, target: Findable) -> None:
        """Let the person type for `target`, beginning with what is in force."""
        self._target = target
        self._bar.open(target.found_text, target.find_hint)

    def typed(self, text: str) -> None:
        """The text is another: it works at once."""
        if self._target is not None:
            self._bar.judge(*self._target.find(text))

    def left(self, *, is_kept: bool) -> None:
        """The bar was closed; what was typed stays in force, or is gone."""
        target, self._target = self._target, None
        if target is not None:
            if not is_kept:
                target.find("")
            target.take_focus()
        self._closed()

    def close(self) -> None:
        """Another place is shown: what was typed stays in force."""
        self._target = None
        self._bar.close()
