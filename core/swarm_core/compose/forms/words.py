"""Words as docker's command line splits a command: quotes, backslashes, and comments that begin a word."""

from collections.abc import Iterator
from typing import Final

from swarm_core.compose.reading.errors import WrongShape
from swarm_core.compose.reading.values import Mark

_SPACES: Final = " \t\r\n"


def split(text: str, mark: Mark) -> list[str]:
    """The words of a command. Raises WrongShape for a quote that is never closed."""
    words: list[str] = []
    letters = iter(text)
    word: str | None = None
    for letter in letters:
        if letter in _SPACES:
            if word is not None:
                words.append(word)
            word = None
        elif letter == "#" and word is None:
            for rest in letters:
                if rest == "\n":
                    break
        elif letter == "'":
            word = (word or "") + _until(letters, "'", is_escaping=False, mark=mark)
        elif letter == '"':
            word = (word or "") + _until(letters, '"', is_escaping=True, mark=mark)
        elif letter == "\\":
            word = (word or "") + _escaped(letters, mark)
        else:
            word = (word or "") + letter
    return words if word is None else [*words, word]


def _until(letters: Iterator[str], quote: str, *, is_escaping: bool, mark: Mark) -> str:
    """What stands before the closing quote."""
    found = ""
    for letter in letters:
        if letter == quote:
            return found
        found += _escaped(letters, mark) if letter == "\\" and is_escaping else letter
    raise WrongShape("EOF found when expecting closing quote", mark)


def _escaped(letters: Iterator[str], mark: Mark) -> str:
    for letter in letters:
        return str(letter)
    raise WrongShape("EOF found after escape character", mark)
