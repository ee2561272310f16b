"""Writing a text into a file of the person's. No file that is there already is ever written over."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from swarm_core.api.typed_paths import path_of

_UNFIT: Final = re.compile(r"[^A-Za-z0-9._+-]+")


def proposed(name: str, directory: Path) -> str:
    """A file's name for something called so; in `directory` there is no such file."""
    stem, dot, ending = _UNFIT.sub("-", name).strip("-.").rpartition(".")
    for number in range(1, 1000):
        found = f"{stem}{f'-{number}' if number > 1 else ''}{dot}{ending}"
        if not (directory / found).exists():
            break
    return found


def objection(path: str) -> str:
    """Why nothing can be saved there; empty when it can."""
    wanted = path_of(path)
    if not path.strip():
        return "a path is missing"
    if wanted.is_dir():
        return "that is a directory"
    if wanted.exists():
        return "there is a file already; it is not written over"
    return "" if wanted.parent.is_dir() else f"there is no directory {wanted.parent}"


def save(path: str, lines: Iterable[str]) -> tuple[Path, int]:
    """Write the lines: where, and how many there were. Raises OSError, FileExistsError among them."""
    count, wanted = 0, path_of(path).absolute()
    with wanted.open("x", encoding="utf-8", errors="backslashreplace") as file:
        for line in lines:
            file.write(f"{line}\n")
            count += 1
    return wanted, count
