"""How bad a program says that a line of its log is: read from the line's beginning, in the forms that logging libraries write. Pure.

Rules: a word counts only where a library puts a level: behind a key (`level=error`, `"severity":"ERROR"`), in brackets, in capitals, at the
start of what is said (`error: …`), or as glog's letter. "0 errors" is no error. Of several the first one counts.
"""

import re
from enum import IntEnum
from typing import Final

LOOKED_AT: Final = 256
"""Characters of a line that are looked at: a level stands near its beginning."""


class Level(IntEnum):
    """From nothing said to worst."""

    NONE = 0
    DEBUG = 1
    INFO = 2
    WARNING = 3
    ERROR = 4


_WORDS: Final = {
    Level.ERROR: "error err fatal panic critical crit severe emerg emergency alert",
    Level.WARNING: "warn warning",
    Level.INFO: "info notice information informational",
    Level.DEBUG: "debug trace verbose",
}
_LEVELS: Final = {word: level for level, words in _WORDS.items() for word in words.split()}
_ANY: Final = "|".join(sorted(_LEVELS, key=len, reverse=True))
_LETTERS: Final = {"e": Level.ERROR, "f": Level.ERROR, "w": Level.WARNING, "i": Level.INFO}
_PINO: Final = ((50, Level.ERROR), (40, Level.WARNING), (30, Level.INFO), (0, Level.DEBUG))
_HINT: Final = re.compile(
    r"err|warn|fatal|panic|crit|info|debug|trace|sever|notic|verbo|emerg|alert|level|lvl", re.IGNORECASE
)
_GLOG: Final = re.compile(r"([EFWI])\d{4} \d\d:")
_MARKED: Final = re.compile(
    rf"""(?:level|lvl|severity|loglevel)"?\s*[=:]\s*"?(?P<key>(?i:{_ANY})\b|\d\d\b)"""
    rf"""|[\[<(](?P<bracket>(?i:{_ANY}))[\])>]"""
    rf"""|\b(?P<capital>{_ANY.upper()})\b"""
    rf"""|(?:^|[\s\]])(?P<start>(?i:{_ANY}))(?=:)""",
)


def level_of(text: str) -> Level:
    """The level that a line states; NONE where it states none."""
    head = text[:LOOKED_AT]
    glog = _GLOG.match(head)
    if glog is not None:
        return _LETTERS[glog[1].lower()]
    if _HINT.search(head) is None:
        return Level.NONE
    found = _MARKED.search(head)
    if found is None:
        return Level.NONE
    word = found[found.lastgroup or 0]
    return _numbered(int(word)) if word.isdecimal() else _LEVELS[word.lower()]


def level_named(value: object) -> Level:
    """The level that a field of a record names, by a word or a number."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return Level.NONE
    return _numbered(value) if isinstance(value, int) else _LEVELS.get(value.strip().lower(), Level.NONE)


def _numbered(number: int) -> Level:
    return next((level for floor, level in _PINO if number >= floor), Level.NONE)
