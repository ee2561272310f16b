"""The command palette: verbs for what is selected, objects by name, and what only the toolkit does: colours and pictures."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from textual.command import DiscoveryHit, Hit, Hits, Provider

from swarm_tui.clusters.filters import fuzzy
from swarm_tui.clusters.merged import named
from swarm_tui.resources import registry
from swarm_tui.resources.model import ResourceKind
from swarm_tui.resources.printable import cut, printable
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.shell.screen import MainScreen
from swarm_tui.verbs import find
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.open_object import VERB as OPEN

_OBJECTS_MAX: Final = 40
_TITLE_MAX: Final = 120
"""Every letter of every title is looked at with every key."""
_TOLD_LETTERS: Final = 3
"""Fewer stand in every text."""
_TOLD_SCORE: Final = 12.0
"""Of a verb whose text has the words: letters that stand apart in a name score less, a name that has them as they are more."""
_OBJECT_SCORE: Final = 0.9
"""Of an object whose name fits, beside a verb that fits as well."""


def _is_told(query: str, help_: str) -> bool:
    """Whether what a verb does is told with each of these words."""
    words = query.lower().split()
    return bool(words) and all(len(word) >= _TOLD_LETTERS and word in help_.lower() for word in words)


class SwarmCommands(Provider):
    """Verbs that work now, then objects whose names fit."""

    async def discover(self) -> Hits:
        for verb in self._verbs():
            yield DiscoveryHit(self._title(verb), self._run(verb), help=verb.help)
        for title, work in self._filters():
            yield DiscoveryHit(title, work, help="to the list, filtered so")
        for own in self.app.get_system_commands(self.screen):
            yield DiscoveryHit(own.title, own.callback, help=own.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for verb in self._verbs():
            title = self._title(verb)
            score = matcher.match(title)
            if _is_told(query, verb.help):
                score = max(score, _TOLD_SCORE)
            if score > 0:
                yield Hit(score, matcher.highlight(title), self._run(verb), help=verb.help)
        for title, work in self._filters():
            if (score := matcher.match(title)) > 0:
                yield Hit(score, matcher.highlight(title), work, help="to the list, filtered so")
        for own in self.app.get_system_commands(self.screen):
            if (score := matcher.match(own.title)) > 0:
                yield Hit(score, matcher.highlight(own.title), own.callback, help=own.help)
        for kind, ref, title in self._objects(query):
            if (score := matcher.match(title)) > 0:
                yield Hit(
                    score * _OBJECT_SCORE, matcher.highlight(title), self._open(ref), help=f"open {kind.noun}"
                )

    @property
    def _main(self) -> MainScreen | None:
        """The screen that the palette was opened from; under a dialog it is none of ours."""
        return self.screen if isinstance(self.screen, MainScreen) else None

    def _verbs(self) -> list[Verb]:
        main = self._main
        if main is None:
            return []
        return [verb for verb in main.runner.verbs if verb.is_in_palette and main.runner.applies(verb)]

    def _title(self, verb: Verb) -> str:
        main = self._main
        refs = main.selection.refs if main is not None and verb.is_on_objects else ()
        if main is None or not refs:
            return verb.label
        kind, mirror = registry.by_noun(refs[0].kind), main.session.mirror
        if len(refs) > 1:
            return f"{verb.label} {len(refs)} {kind.plural}"
        item = mirror.get(kind.message, refs[0].id)
        name = kind.name(item, mirror) if item is not None else refs[0].id
        return cut(printable(f"{verb.label} {kind.noun} {name}"), _TITLE_MAX)

    def _run(self, verb: Verb) -> Callable[[], None]:
        main = self._main
        assert main is not None
        return lambda: main.runner.run(verb.id)

    def _filters(self) -> list[tuple[str, Callable[[], None]]]:
        """The filters that have names."""
        main = self._main
        if main is None:
            return []
        runner = main.runner
        return [
            (cut(printable(title), _TITLE_MAX), lambda work=work: runner.start(work, find.VERB.label))  # type: ignore[misc]
            for title, work in find.titles(runner.ports)
        ]

    def _open(self, ref: ObjectRef) -> Callable[[], None]:
        main = self._main
        assert main is not None
        return lambda: main.runner.start(lambda: main.navigator.open(ref), OPEN.label)

    def _objects(self, query: str) -> Iterator[tuple[ResourceKind[Any], ObjectRef, str]]:
        """The first objects whose names hold the letters of `query`; scoring every one of thousands is too slow."""
        main = self._main
        if main is None:
            return
        mirror, letters, left = main.session.mirror, query.lower().replace(" ", ""), _OBJECTS_MAX
        for kind in registry.kinds(mirror.realm):
            if not OPEN.works_on(kind.noun):
                continue
            for ref, name, _ in named(mirror, kind):
                title = cut(printable(f"{kind.noun} {name}"), _TITLE_MAX)
                if left and fuzzy(letters, title.replace(" ", "").lower()):
                    left -= 1
                    yield kind, ref, title
