"""On which line of a TOML text a value was given. Python's reader of TOML says it of no value.

The first lines of a text are a text of their own wherever a statement ends. A value was given by the statement after the
longest such beginning that lacks it.
"""

import tomllib
from collections.abc import Sequence
from typing import Any

from swarm_core.api.toml_text import toml_of

from swarm_tui.preferences.model import Where


def line_of(text: str, where: Where) -> int:
    """The number of the line, from 1 on, where the value at `where` was given; of a table, its first one."""
    lines = text.splitlines(keepends=True)
    lacks, has = 0, len(lines)
    while has - lacks > 1:
        probe = _whole(lines, lacks, has)
        if probe is None:
            break
        if _holds(_read(lines, probe), where):
            has = probe
        else:
            lacks = probe
    return lacks + 1


def _whole(lines: Sequence[str], low: int, high: int) -> int | None:
    """A place between `low` and `high`, near their middle, where a statement ends."""
    middle = (low + high) // 2
    places = (*range(middle, low, -1), *range(middle + 1, high))
    return next((place for place in places if _read(lines, place) is not None), None)


def _read(lines: Sequence[str], count: int) -> dict[str, Any] | None:
    try:
        return toml_of("".join(lines[:count]))
    except tomllib.TOMLDecodeError:
        return None


def _holds(content: Any, where: Where) -> bool:
    for step in where:
        try:
            content = content[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True
