"""The person's preferences, as the running program has them: judged by what verbs and themes there are, and read anew when the file
becomes another one.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from swarm_tui.preferences.file import Loaded, Watched, WrongPreferences, file_of, load
from swarm_tui.preferences.model import Mistake, Preferences
from swarm_tui.preferences.reading import near
from swarm_tui.preferences.saved_filters import FILE as FILTERS_FILE
from swarm_tui.verbs import keymap, plugins
from swarm_tui.verbs import registry as verb_registry
from swarm_tui.verbs.model import Verbs
from swarm_tui.widgets import own_theme

LOOK_EVERY_S: Final = 1.0
_TOLD_MAX: Final = 3
"""Of the mistakes in a file that was changed while the program runs; the command tells all."""


def judge(loaded: Loaded) -> Preferences:
    """The preferences of a file in which nothing is wrong. Raises WrongPreferences."""
    wanted = loaded.preferences
    ours = verb_registry.verbs()
    mistakes = [mistake for own in wanted.plugins for mistake in plugins.mistakes_of(own, ours)]
    mistakes += keymap.mistakes_of(_verbs(wanted), wanted)
    mistakes += [mistake for own in wanted.themes for mistake in own_theme.mistakes_of(own)]
    themes = own_theme.THEMES | {own.name for own in wanted.themes}
    if wanted.theme is not None and wanted.theme not in themes:
        text = f"there is no theme {wanted.theme!r}; {near(wanted.theme, tuple(themes))}"
        mistakes.append(Mistake(("theme",), text))
    loaded.refuse(mistakes)
    return wanted


def _verbs(preferences: Preferences) -> Verbs:
    """Those of the program, and the person's own commands."""
    return Verbs((*verb_registry.verbs(), *plugins.verbs_of(preferences)))


@dataclass(frozen=True, slots=True)
class Started:
    """What the program begins with."""

    preferences: Preferences
    watched: Watched | None = None
    filters: Path | None = None
    """Where filters that were given names are kept; None where nothing is."""


NOTHING_WANTED: Final = Started(Preferences())


def preferences_at_start(environ: Mapping[str, str] = os.environ) -> Started:
    """What this person's file says. Raises WrongPreferences."""
    path = file_of(environ)
    if path is None:
        return NOTHING_WANTED
    watched = Watched(path)
    return Started(judge(load(path)), watched, path.with_name(FILTERS_FILE))


class Preferred:
    """See the module's text. `changed` is told of other preferences, `refused` why a changed file is not used."""

    def __init__(
        self, started: Started, changed: Callable[[Preferences], object], refused: Callable[[str], object]
    ) -> None:
        self.now = started.preferences
        self._watched = started.watched
        self._changed = changed
        self._refused = refused

    def verbs(self) -> Verbs:
        """All verbs, with the keys that are wanted."""
        return keymap.keys_of(_verbs(self.now), self.now)

    def look(self) -> None:
        """Take up what the file says now, if it is another one than at the last look."""
        if self._watched is None or not self._watched.is_changed():
            return
        try:
            wanted = judge(load(self._watched.path))
        except WrongPreferences as error:
            told = error.sentences[:_TOLD_MAX]
            rest = len(error.sentences) - len(told)
            more = f"\n{rest} more mistakes: see 'swarm-tui preferences'." if rest else ""
            self._refused("\n".join(told) + more + "\nWhat held before goes on.")
            return
        if wanted != self.now:
            self.now = wanted
            self._changed(wanted)
