"""The file of preferences: where it is, what it says, and whether it is another one now.

Rules:
- A file with a mistake is not used at all: half of a keymap would be one that nobody has learnt. At the start it is refused, with a sentence
  and a line for each mistake; while the program runs, what held before goes on.
- No file is no mistake.
"""

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from swarm_core.api.typed_paths import path_of

from swarm_tui.preferences.lines import line_of
from swarm_tui.preferences.model import Mistake, Preferences
from swarm_tui.preferences.reading import read

R = TypeVar("R")

VARIABLE: Final = "SWARM_TUI_CONFIG"
NONE: Final = "off"
_BYTES_MAX: Final = 64 * 1024
_LINE: Final = re.compile(r"\s*\(at (?:line (?P<line>\d+), column \d+|end of document)\)")


class WrongPreferences(ValueError):
    """The file cannot be used; `sentences` says why."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = tuple(sentences)
        super().__init__("\n".join(self.sentences))


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file says, and its text, in which mistakes are found that are judged elsewhere."""

    path: Path
    text: str
    preferences: Preferences

    def refuse(self, mistakes: Iterable[Mistake]) -> None:
        """Raises WrongPreferences when there are mistakes."""
        refuse(self.path, self.text, mistakes)


def file_of(environ: Mapping[str, str]) -> Path | None:
    """Where this person's file is; None when there is to be none."""
    import platformdirs

    named = environ.get(VARIABLE, "")
    if named == NONE:
        return None
    directory = Path(platformdirs.user_config_dir("swarm-tui", appauthor=False))
    return path_of(named) if named else directory / "config.toml"


def load(path: Path) -> Loaded:
    """What the file says; of one that is not there, nothing. Raises WrongPreferences."""
    text, preferences, mistakes = parsed(path, read)
    loaded = Loaded(path, text, preferences)
    loaded.refuse(mistakes)
    return loaded


def parsed(path: Path, reading: Callable[[str], tuple[R, list[Mistake]]]) -> tuple[str, R, list[Mistake]]:
    """The text of a file of TOML, what `reading` makes of it, and its mistakes; a file that is not there is empty. Raises
    WrongPreferences where it cannot be read, or is no TOML."""
    try:
        with path.open("rb") as file:
            raw = file.read(_BYTES_MAX + 1)
    except FileNotFoundError:
        raw = b""
    except OSError as error:
        raise WrongPreferences([f"{path} cannot be read: {error.strerror or error}."]) from None
    if len(raw) > _BYTES_MAX:
        raise WrongPreferences([f"{path} has more than {_BYTES_MAX // 1024} KiB."])
    try:
        text = raw.decode()
        found, mistakes = reading(text)
    except UnicodeDecodeError:
        raise WrongPreferences([f"{path} is no UTF-8 text."]) from None
    except tomllib.TOMLDecodeError as error:
        raise WrongPreferences([_syntax(path, text, str(error))]) from None
    return text, found, mistakes


def refuse(path: Path, text: str, mistakes: Iterable[Mistake]) -> None:
    """Raises WrongPreferences, with the line of each, when there are mistakes."""
    told = [_told(path, text, one) for one in mistakes]
    if told:
        raise WrongPreferences(told)


def _told(path: Path, text: str, mistake: Mistake) -> str:
    end = "" if mistake.text.endswith("?") else "."
    return f"{path}, line {line_of(text, mistake.where)}: {mistake.text}{end}"


def _syntax(path: Path, text: str, message: str) -> str:
    found = _LINE.search(message)
    line = found["line"] if found is not None else None
    said = message[: found.start()] if found is not None else message
    return f"{path}, line {line or max(len(text.splitlines()), 1)}: this is no TOML: {said}."


@dataclass(frozen=True, slots=True)
class _Stamp:
    mtime_ns: int
    size: int
    inode: int


class Watched:
    """Tells when a file became another one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp = self._look()

    def is_changed(self) -> bool:
        """Whether it is another one than at the last look."""
        now = self._look()
        if now == self._stamp:
            return False
        self._stamp = now
        return True

    def _look(self) -> _Stamp | None:
        try:
            found = os.stat(self.path)  # noqa: PTH116 - one call, asked often
        except OSError:
            return None
        return _Stamp(found.st_mtime_ns, found.st_size, found.st_ino)
