"""Filters that have names, in a file of their own beside the preferences: the program writes it, and a person may too.

    [filters.crashing]
    list = "task"
    filter = "state:failed age<1h"

Whether there is such a list, and whether it has what the filter asks for, is judged by those who know.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from swarm_core.api.toml_text import toml_of

from swarm_tui.preferences.edits import added, quoted, without
from swarm_tui.preferences.model import Mistake
from swarm_tui.preferences.reading import Reader

FILE: Final = "filters.toml"
_TABLE: Final = "filters"
_OF_A_FILTER: Final = ("list", "filter")


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """`kind` is the noun of what is listed, `text` what the filter line takes."""

    name: str
    kind: str
    text: str


def read(text: str) -> tuple[tuple[SavedFilter, ...], list[Mistake]]:
    """What the file says, by name, and what is wrong in it. Raises tomllib.TOMLDecodeError where it is no TOML."""
    content = toml_of(text)
    mistakes: list[Mistake] = []
    reader = Reader(mistakes)
    reader.known(content, (), (_TABLE,))
    table = reader.table(content, (_TABLE,))
    return tuple(sorted(_filters(reader, table), key=lambda one: one.name)), mistakes


def _filters(reader: Reader, table: object) -> Iterator[SavedFilter]:
    assert isinstance(table, dict)
    for name in table:
        where = (_TABLE, name)
        given = reader.table(table, where)
        reader.known(given, where, _OF_A_FILTER)
        found = {key: reader.text(given, (*where, key)) for key in _OF_A_FILTER}
        for key in _OF_A_FILTER:
            if key not in given:
                reader.wrong(where, f"the filter {name!r} lacks {key!r}")
        yield SavedFilter(name, found["list"] or "", found["filter"] or "")


def with_filter(text: str, saved: SavedFilter) -> str:
    """The text with one more filter at its end, in place of one with the same name. Raises ValueError where only a person can take the
    old one away."""
    lines = [
        f"[{_TABLE}.{quoted(saved.name)}]",
        f"list = {quoted(saved.kind)}",
        f"filter = {quoted(saved.text)}",
    ]
    with suppress(KeyError):
        text = without_filter(text, saved.name)
    return added(text, lines)


def without_filter(text: str, name: str) -> str:
    """The text without the filter of this name. Raises KeyError where there is none, ValueError where only a person can take it away."""
    return without(text, (_TABLE, name))
