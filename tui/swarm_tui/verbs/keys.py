"""Names of keys: as people write them, and as the toolkit calls them."""

import re
import string
import unicodedata
from typing import Final

from textual.keys import KEY_NAME_REPLACEMENTS, Keys

_SHOWN: Final = {"escape": "esc", "ctrl+at": "ctrl+space"}
_NAMED: Final = frozenset(key.value for key in Keys) | {"ctrl+at", "ctrl+space", "ctrl+backslash"}
_WITH_MODIFIER: Final = re.compile(r"(?:ctrl|alt|shift|super|hyper|meta)\+(?P<rest>.+)")
_SAME: Final = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+j": "enter", "ctrl+h": "backspace", "ctrl+[": "esc"}


def _of_character(character: str) -> str:
    if character.isalnum():
        return character
    name = unicodedata.name(character, "").lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


_SIGNS: Final = {_of_character(sign): sign for sign in string.punctuation} | {"backslash": "\\"}


def named(text: str) -> str:
    """The toolkit's name of the key that a person wrote: `?`, `ctrl+d`, `F5`. Raises ValueError with a clause."""
    if text in _SAME:
        raise ValueError(f"a terminal sends {text} as {_SAME[text]}, so it cannot be told apart")
    if len(text) == 1:
        if not text.isprintable() or text.isspace():
            raise ValueError(f"{text!r} is no key")
        return _of_character(text)
    key = text.lower()
    key = {"esc": "escape", "pgup": "pageup", "pgdn": "pagedown", "return": "enter", "del": "delete"}.get(
        key, key
    )
    if key in _NAMED or key in _SIGNS:
        return key
    if (found := _WITH_MODIFIER.fullmatch(key)) is not None:
        modifier = key[: found.start("rest")]
        if modifier == "shift+" and len(found["rest"]) == 1:
            raise ValueError(f"write {found['rest'].upper()!r} in place of {text!r}")
        return modifier + named(found["rest"])
    raise ValueError(f"there is no key {text!r}; keys are written as a, A, ?, f5, ctrl+d, alt+x, pageup")


def written(key: str) -> str:
    """The key as people write it."""
    if key in _SHOWN:
        return _SHOWN[key]
    modifier, plus, rest = key.rpartition("+")
    return f"{modifier}{plus}{_SIGNS.get(rest, rest)}"


def types_something(key: str) -> bool:
    """Whether the key, pressed in a text field, is a character of the text."""
    return len(key) == 1 or key in _SIGNS or key == "space"
