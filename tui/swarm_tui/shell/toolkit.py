"""The toolkit as the parts of the shell see it: each class implements one of their ports with the screen. `desk` is what verbs see of it."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from textual.screen import Screen
from textual.widgets import ContentSwitcher, Input, TextArea

from swarm_tui.operations.model import Outcome
from swarm_tui.resources.model import Link
from swarm_tui.shell.messages import Alarmed, ElsewhereAsked
from swarm_tui.shell.painting import Painting
from swarm_tui.views.view import View
from swarm_tui.widgets.bars import HeaderBar, Part
from swarm_tui.widgets.choice import Choice
from swarm_tui.widgets.once import once, while_whole
from swarm_tui.widgets.paint import Spans
from swarm_tui.widgets.section_bar import SectionBar
from swarm_tui.widgets.summary import SummaryLine

_ERROR_S: Final = 10
_DONE_S: Final = 4
_NEWS_S: Final = 5


class Elsewhere:
    """The screens of other realms. Implements `navigator.Elsewhere`."""

    def __init__(self, screen: Screen[Any]) -> None:
        self._screen = screen
        self.has_before = False

    def go(self, link: Link) -> None:
        self._screen.post_message(ElsewhereAsked(link))

    def back(self) -> None:
        self._screen.post_message(ElsewhereAsked())


class Stage:
    """Where views are shown: the switcher. Implements `navigator.Stage`."""

    def __init__(
        self, screen: Screen[Any], added: Callable[[View], None], place_changed: Callable[[], None]
    ) -> None:
        self._screen = screen
        self._added = added
        self.place_changed = place_changed

    async def add(self, view: View) -> None:
        await self._screen.query_one(ContentSwitcher).add_content(view)
        self._added(view)

    def show(self, view: View) -> None:
        self._screen.query_one(ContentSwitcher).current = view.id


class Face:
    """Header, news and timers. Implements `painter.Face`."""

    def __init__(self, screen: Painting) -> None:
        self._screen = screen

    @property
    def painting_s(self) -> float:
        return self._screen.painting_s

    def show_header(self, left: list[Part], right: list[Part], summary: Spans) -> None:
        self._screen.query_one(HeaderBar).show(left, right)
        self._screen.query_one(SummaryLine).show(summary)

    def tell(self, text: str) -> None:
        self._screen.notify(text, timeout=_NEWS_S, markup=False)

    def alarm(self, text: str) -> None:
        self._screen.post_message(Alarmed(text))

    def soon(self, work: Callable[[], object]) -> None:
        self._screen.call_later(work)

    def later(self, seconds: float, work: Callable[[], object]) -> None:
        once(self._screen, seconds, partial(while_whole, self._screen, HeaderBar, work))

    def every(self, seconds: float, work: Callable[[], object]) -> None:
        self._screen.set_interval(seconds, partial(while_whole, self._screen, HeaderBar, work))


class Workers:
    """Workers of the screen, and how failures are told. Implements `runner.Workers`."""

    def __init__(self, screen: Screen[Any]) -> None:
        self._screen = screen

    def carry_out(self, work: Coroutine[Any, Any, None]) -> None:
        self._screen.run_worker(work, group="verbs")

    def tell_failure(self, text: str) -> None:
        self._screen.notify(text, severity="error", timeout=_ERROR_S, markup=False)

    @property
    def is_typing(self) -> bool:
        # A letter that is typed where a form takes none does nothing.
        return isinstance(self._screen.focused, Input | TextArea | Choice | SectionBar)

    def tell_outcome(self, outcome: Outcome) -> None:
        """Say what came of an operation on one object."""
        if outcome.is_error:
            self.tell_failure(outcome.told)
        else:
            self._screen.notify(outcome.told, timeout=_DONE_S, markup=False)
