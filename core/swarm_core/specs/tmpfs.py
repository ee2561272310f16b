"""The options of a tmpfs mount, as they lie in its one string.

Docker writes them there as JSON, a list of lists (`[["noexec"],["uid","1000"]]`), and `null` for none; others write them as they stand on
a command line (`noexec,uid=1000`). Both are read; we write JSON.
"""

import json
from collections.abc import Sequence

from swarm_core.api.json_text import json_of


def tmpfs_options(text: str) -> list[list[str]]:
    """Each option as its name, or its name and value. Raises ValueError for what is neither of the two notations."""
    stripped = text.strip()
    if not stripped:
        return []
    if not stripped.startswith(("[", "null")):
        return [option.split("=", 1) for option in stripped.split(",") if option]
    found = json_of(stripped)
    if found is None:
        return []
    if not all(isinstance(option, list) and all(map(_is_word, option)) for option in found):
        raise ValueError(f"{text!r} is no list of lists of words")
    return [[str(word) for word in option] for option in found]


def _is_word(value: object) -> bool:
    return isinstance(value, str | int)


def tmpfs_text(options: Sequence[Sequence[str]]) -> str:
    """The string for them; empty for none."""
    return json.dumps([list(option) for option in options], separators=(",", ":")) if options else ""


def has_tmpfs_options(text: str) -> bool:
    """Whether the string says any option; one that cannot be read says something."""
    try:
        return bool(tmpfs_options(text))
    except ValueError:
        return True
