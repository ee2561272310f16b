"""The filters that have names, as the running program has them: the file is read whenever they are asked for (docs/design/panes.md L.4)."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from swarm_tui.clusters import filters
from swarm_tui.preferences import edits, file
from swarm_tui.preferences.model import Mistake
from swarm_tui.preferences.reading import near
from swarm_tui.preferences.saved_filters import SavedFilter, read, with_filter, without_filter
from swarm_tui.resources import registry


class Filters:
    """Implements `verbs.ports.Filters`. Without a path they end with the program."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._text = ""

    def all(self) -> Sequence[SavedFilter]:
        if self._path is None:
            return read(self._text)[0]
        text, found, mistakes = file.parsed(self._path, read)
        file.refuse(self._path, text, mistakes or list(_mistakes(found)))
        return found

    def save(self, saved: SavedFilter) -> None:
        self._change(lambda text: with_filter(text, saved))

    def drop(self, name: str) -> None:
        self._change(lambda text: without_filter(text, name))

    def _change(self, edit: Callable[[str], str]) -> None:
        """A file with a mistake is left to the person."""
        self.all()
        if self._path is None:
            self._text = edit(self._text)
        else:
            edits.change(self._path, edit)


def _mistakes(found: Sequence[SavedFilter]) -> Iterator[Mistake]:
    nouns = tuple(kind.noun for kind in registry.kinds())
    for one in found:
        kind = registry.by_word(one.kind)
        if kind is None:
            text = f"there is no list {one.kind!r}; {near(one.kind, nouns)}"
            yield Mistake(("filters", one.name, "list"), text)
            continue
        try:
            filters.parse(one.text, kind.fields)
        except filters.FilterError as error:
            yield Mistake(("filters", one.name, "filter"), str(error).rstrip("."))
