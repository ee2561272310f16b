"""The way to many engines and back: the screen over what was opened, beside the cluster's (docs/design/engine-views.md 18.1).

They are opened when somebody first goes there, and live for as long as the program: coming back costs nothing.
"""

from typing import Any, Final

from textual.app import App

from swarm_tui.engines.door import Door
from swarm_tui.resources.model import Link
from swarm_tui.shell.messages import ElsewhereAsked
from swarm_tui.shell.screen import MainScreen, main_screen
from swarm_tui.shell.work import Work
from swarm_tui.verbs.model import Verbs
from swarm_tui.views.lists.pane import ObjectPane

NAME: Final = "engines"
_TOLD_S: Final = 10


class EngineScreens:
    """The one screen over engines, made when it is first wanted."""

    def __init__(self, door: Door, app: App[Any]) -> None:
        self._door, self._app = door, app
        self._screen: MainScreen | None = None

    async def go(self, main: MainScreen, verbs: Verbs, work: Work, asked: ElsewhereAsked) -> None:
        """From the cluster's screen to this one, from this one to the cluster's; to the view that was asked for, if one was."""
        if self._screen is not None and self._app.screen is self._screen:
            await self._app.pop_screen()
            shown = main
        else:
            try:
                shown = self._screen = self._screen or self._opened(main, verbs, work)
            except ValueError as error:
                self._tell(str(error))
                return
            shown.rekey(verbs)
            await self._app.push_screen(shown)
        if asked.link is not None:
            await _show(shown, asked.link, asked.filter)

    def _opened(self, main: MainScreen, verbs: Verbs, work: Work) -> MainScreen:
        session = main.session
        room = self._door.open(session.clock, session.allowance, self._tell)
        self._app.run_worker(room.run(), group=NAME, name=NAME)
        screen = main_screen(room.session, verbs, work)
        screen.elsewhere.has_before = True
        screen.desk.filters = main.desk.filters
        # What is not installed ends when another screen is shown.
        self._app.install_screen(screen, NAME)
        return screen

    def _tell(self, text: str) -> None:
        if self._app.is_running:
            self._app.notify(text, severity="error", timeout=_TOLD_S, markup=False)


async def _show(screen: MainScreen, link: Link, filter_: str) -> None:
    await screen.navigator.go(link)
    pane = screen.navigator.view.part(ObjectPane)
    if pane is not None and filter_:
        pane.find(filter_)
