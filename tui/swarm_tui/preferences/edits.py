"""Changes of files of settings that leave everything else in them as the person wrote it, comments too."""

import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from swarm_core.api.toml_text import toml_of

from swarm_tui.preferences.lines import line_of
from swarm_tui.preferences.model import Where


def change(path: Path, edit: Callable[[str], str]) -> None:
    """Replace the file by its edited text, whole or not at all. Raises OSError."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        text = ""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.stem}-", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(edit(text))
            file.flush()
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise


def added(text: str, lines: list[str]) -> str:
    """The text with a table at its end."""
    body = text.rstrip("\n")
    return (f"{body}\n\n" if body else "") + "\n".join(lines) + "\n"


def without(text: str, where: Where) -> str:
    """The text without the statement, or the table, at `where`: the fewest lines that take it away and nothing else."""
    wanted = toml_of(text)
    table: Any = wanted
    for step in where[:-1]:
        table = table[step]
    del table[where[-1]]
    lines = text.splitlines(keepends=True)
    first = line_of(text, where) - 1
    for last in range(first + 1, len(lines) + 1):
        rest = "".join(lines[:first] + lines[last:])
        with suppress(tomllib.TOMLDecodeError):
            if _same(toml_of(rest), wanted):
                return rest
    raise ValueError(f"{where[-1]!r} is written in a way that only a person can take away; edit the file.")


def _same(found: dict[str, object], wanted: dict[str, object]) -> bool:
    """Whether two files say the same; a table in which nothing is left may be gone."""
    empty: tuple[object, ...] = ({}, None)
    return all(
        found.get(key) == wanted.get(key) or (found.get(key) in empty and wanted.get(key) in empty)
        for key in {*found, *wanted}
    )


def quoted(text: str) -> str:
    """A text as TOML has it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in escaped) + '"'
