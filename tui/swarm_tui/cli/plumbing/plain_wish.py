"""Whether a person wants words line by line, and nothing drawn over: by `--plain`, by the environment, or by their preferences."""

import os
from functools import cache
from typing import Final, TextIO

VARIABLE: Final = "SWARM_TUI_PLAIN"
_NO: Final = ("", "0", "no", "off")


def wish_plain() -> None:
    """From now on, in this program and in what it starts."""
    os.environ[VARIABLE] = "1"


def wants_plain() -> bool:
    """Whether nothing is to be drawn over and nothing coloured. The environment goes before the preferences."""
    given = os.environ.get(VARIABLE)
    return _prefers_plain() if given is None else given.lower() not in _NO


@cache
def _prefers_plain() -> bool:
    """As the preferences say. A mistake in them is told where they are needed whole."""
    from swarm_tui.preferences.file import WrongPreferences, file_of, load

    path = file_of(os.environ)
    if path is None:
        return False
    try:
        return load(path).preferences.plain
    except WrongPreferences:
        return False


def is_drawn_over(stream: TextIO) -> bool:
    """Whether what was written to the stream may be drawn over, and coloured: a terminal, of a person who looks at it."""
    return stream.isatty() and not wants_plain()
