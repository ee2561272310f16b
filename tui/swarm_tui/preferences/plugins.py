"""A person's own commands, from the tables `[plugins.NAME]` of the file of preferences: what each says, and what is wrong with its form.
Which keys, kinds and words there are is judged by those who have them (docs/design/plugins.md 19).
"""

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from swarm_tui.preferences.model import OUTPUTS, OwnCommand, Where

_KNOWN: Final = ("key", "scopes", "command", "help", "confirm", "background", "output", "level")
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,30}")
PLUGINS_MAX: Final = 24
LEVEL_MAX: Final = 3
_FORMATTER: Final = string.Formatter()


class Reader(Protocol):
    """Takes values of a type out of tables, and notes what is of another."""

    def wrong(self, where: Where, text: str) -> None: ...
    def known(self, table: Mapping[str, Any], where: Where, names: tuple[str, ...]) -> None: ...
    def switch(self, table: Mapping[str, Any], where: Where, *, otherwise: bool) -> bool: ...
    def text(self, table: Mapping[str, Any], where: Where) -> str | None: ...
    def table(self, table: Mapping[str, Any], where: Where) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class _Table:
    """One `[plugins.NAME]`."""

    reader: Reader
    name: str
    given: Mapping[str, Any]

    def where(self, key: str) -> Where:
        return "plugins", self.name, key

    def wrong(self, key: str, text: str) -> None:
        self.reader.wrong(self.where(key) if key in self.given else ("plugins", self.name), text)


def read(reader: Reader, table: Mapping[str, Any]) -> Iterator[OwnCommand]:
    """The commands of the table `plugins`; of one with a mistake, which is noted, as much as can be said."""
    for number, name in enumerate(table):
        where: Where = ("plugins", name)
        given = reader.table(table, where)
        if _NAME.fullmatch(name) is None:
            reader.wrong(
                where, f"{name!r} cannot be typed as a command: use small letters, digits, '-' and '_'"
            )
        if number == PLUGINS_MAX:
            reader.wrong(where, f"there are more than {PLUGINS_MAX} plugins")
        reader.known(given, where, _KNOWN)
        yield _command(_Table(reader, name, given))


def _command(table: _Table) -> OwnCommand:
    reader, given, name = table.reader, table.given, table.name
    is_background = reader.switch(given, table.where("background"), otherwise=False)
    return OwnCommand(
        name,
        tuple(_words(table, "command", 'a list of words, such as ["ssh", "{address}"]', is_needed=True)),
        reader.text(given, table.where("key")) or "",
        tuple(_words(table, "scopes", 'a list of kinds, such as ["service", "task"]')),
        reader.text(given, table.where("help")) or f"your command {name}",
        reader.switch(given, table.where("confirm"), otherwise=False),
        is_background,
        _output(table, is_background),
        _level(table),
    )


def _words(table: _Table, key: str, takes: str, *, is_needed: bool = False) -> Iterator[str]:
    value = table.given.get(key, [])
    if is_needed and not value:
        table.wrong(key, f"the plugin {table.name!r} needs a 'command': {takes}")
    elif isinstance(value, str) or not isinstance(value, list) or not all(isinstance(w, str) for w in value):
        # A text would have to be taken apart as a shell does, and what an object is called would be taken apart with it.
        table.wrong(key, f"{key!r} takes {takes}")
    else:
        yield from value


def _output(table: _Table, is_background: bool) -> str:
    value = table.reader.text(table.given, table.where("output"))
    if value is None:
        return OUTPUTS[0]
    if value not in OUTPUTS:
        table.wrong("output", f"'output' does not take {value!r}; there are {', '.join(OUTPUTS)}")
    elif not is_background:
        table.wrong("output", "'output' is for commands that run beside: write background = true too")
    return value


def _level(table: _Table) -> int:
    value = table.given.get("level", LEVEL_MAX)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LEVEL_MAX:
        table.wrong("level", "'level' is 0 look, 1 operate, 2 configure or 3 impact")
        return LEVEL_MAX
    return value


def placeholders(word: str) -> list[str]:
    """The names in braces of a word of a command. Raises ValueError with a clause where the braces do not pair."""
    try:
        parts = list(_FORMATTER.parse(word))
    except ValueError:
        raise ValueError(
            f"the braces of {word!r} do not pair; a brace that stands for itself is written twice"
        ) from None
    for _, name, form, conversion in parts:
        if name is not None and (form or conversion or not name.isidentifier()):
            raise ValueError(f"{{{name}}} is no placeholder; a brace that stands for itself is written twice")
    return [name for _, name, _, _ in parts if name is not None]


def filled(word: str, values: Mapping[str, str]) -> str:
    """The word with what its placeholders stand for; `placeholders` has found nothing wrong with it."""
    return word.format_map(values)
