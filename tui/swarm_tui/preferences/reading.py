"""From the text of the file to what it says, and every mistake of its form: what stands where nothing is known, and what is of
another type.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from swarm_core.api.toml_text import toml_of

from swarm_tui.preferences import plugins
from swarm_tui.preferences.model import (
    PRESETS,
    THEME_COLORS,
    WAYS_TO_NOTIFY,
    Mistake,
    OwnTheme,
    Preferences,
    Where,
)

_KNOWN: Final = ("theme", "keymap", "keys", "themes", "notify", "plugins", "plain")
_OF_A_THEME: Final = ("dark", *THEME_COLORS, "roles")


def near(word: str, known: Iterator[str] | Mapping[str, Any] | tuple[str, ...]) -> str:
    """The end of a sentence about a word that is not known: what may have been meant, or what there is."""
    words = sorted(known)
    if close := get_close_matches(word, words, n=1):
        return f"did you mean {close[0]!r}?"
    return f"there are {', '.join(words)}"


def read(text: str) -> tuple[Preferences, list[Mistake]]:
    """What the text says. Raises tomllib.TOMLDecodeError where it is no TOML."""
    content = toml_of(text)
    mistakes: list[Mistake] = []
    reader = Reader(mistakes)
    reader.known(content, (), _KNOWN)
    preset = reader.text(content, ("keymap",)) or PRESETS[0]
    if preset not in PRESETS:
        mistakes.append(Mistake(("keymap",), f"there is no keymap {preset!r}; {near(preset, PRESETS)}"))
    return Preferences(
        theme=reader.text(content, ("theme",)),
        preset=preset,
        keys=dict(_keys(reader, reader.table(content, ("keys",)))),
        notify=frozenset(reader.words(content, ("notify",), WAYS_TO_NOTIFY)),
        themes=tuple(_themes(reader, reader.table(content, ("themes",)))),
        plugins=tuple(plugins.read(reader, reader.table(content, ("plugins",)))),
        plain=reader.switch(content, ("plain",), otherwise=False),
    ), mistakes


def _keys(reader: "Reader", table: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for verb_id, given in table.items():
        where = ("keys", verb_id)
        if isinstance(given, dict):
            reader.wrong(
                where, f'write the verb\'s name in quotes, as in "{verb_id}.{next(iter(given), "scale")}"'
            )
        elif isinstance(given, str):
            yield verb_id, (given,) if given else ()
        elif isinstance(given, list) and all(isinstance(key, str) and key for key in given):
            yield verb_id, tuple(given)
        else:
            reader.wrong(where, f"{verb_id!r} takes a key, or a list of keys")


def _themes(reader: "Reader", table: Mapping[str, Any]) -> Iterator[OwnTheme]:
    for name in table:
        where = ("themes", name)
        given = reader.table(table, where)
        reader.known(given, where, _OF_A_THEME)
        colors = {color: reader.text(given, (*where, color)) for color in THEME_COLORS if color in given}
        roles = reader.table(given, (*where, "roles"))
        inks = {role: reader.text(roles, (*where, "roles", role)) for role in roles}
        if "primary" not in given:
            reader.wrong(where, f"the theme {name!r} needs a color for 'primary'")
        yield OwnTheme(
            name, _texts(colors), reader.switch(given, (*where, "dark"), otherwise=True), _texts(inks)
        )


def _texts(found: Mapping[str, str | None]) -> dict[str, str]:
    """What is there of them; a mistake has been noted for the rest."""
    return {name: text for name, text in found.items() if text is not None}


class Reader:
    """Takes values of a type out of tables, and notes what is of another."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self._mistakes = mistakes

    def wrong(self, where: Where, text: str) -> None:
        """Note a mistake."""
        self._mistakes.append(Mistake(where, text))

    def known(self, table: Mapping[str, Any], where: Where, names: tuple[str, ...]) -> None:
        """Note what stands in the table at `where` and is none of `names`."""
        for key in table:
            if key not in names:
                self.wrong((*where, key), f"{key!r} is not known; {near(key, names)}")

    def words(self, table: Mapping[str, Any], where: Where, known: tuple[str, ...]) -> list[str]:
        """A list of known words under the last step of `where`."""
        value = table.get(str(where[-1]), [])
        if not isinstance(value, list):
            self.wrong(where, f"{where[-1]!r} takes a list of words, such as [{known[0]!r}]")
            return []
        for word in value:
            if word not in known:
                self.wrong(where, f"{where[-1]!r} does not take {word!r}; {near(str(word), known)}")
        return [word for word in value if word in known]

    def switch(self, table: Mapping[str, Any], where: Where, *, otherwise: bool) -> bool:
        """True or false under the last step of `where`."""
        value = table.get(str(where[-1]), otherwise)
        if isinstance(value, bool):
            return value
        self.wrong(where, f"{where[-1]!r} is true or false")
        return otherwise

    def text(self, table: Mapping[str, Any], where: Where) -> str | None:
        """The text under the last step of `where`; None when there is none."""
        value = table.get(str(where[-1]))
        if value is None or (isinstance(value, str) and value):
            return value
        self.wrong(where, f"{where[-1]!r} takes a text in quotes")
        return None

    def table(self, table: Mapping[str, Any], where: Where) -> Mapping[str, Any]:
        """The table under the last step of `where`; an empty one when there is none."""
        value = table.get(str(where[-1]), {})
        if isinstance(value, dict):
            return value
        path = ".".join(str(step) for step in where)
        self.wrong(where, f"{where[-1]!r} is a table: write [{path}] on a line of its own")
        return {}
