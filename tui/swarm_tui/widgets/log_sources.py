"""How the sources of a log are told apart: each has a letter, a colour and a name. Pure.

Rules: the letter says without colour what the colour says, and stays with its source as long as the log is looked at. With more sources
than letters the letters begin anew with a second one behind the first: a … z, aa, ab.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from swarm_tui.resources.printable import width_of

ROLES: Final = (
    "accent",
    "special",
    "ok",
    "data",
    "muted",
    "accent+bold",
    "special+bold",
    "ok+bold",
    "data+bold",
    "text+bold",
)
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


@dataclass(slots=True)
class Source:
    """One of them; `name` may be learned later."""

    letter: str
    role: str
    name: str
    slot: str = ""
    """Its short name beside the letter, for narrow terminals."""


class Sources:
    """Every source that has lines, in the order of their first."""

    def __init__(self) -> None:
        self._all: dict[str, Source] = {}
        self.width = self.letter_width = self.slot_width = 0

    def __iter__(self) -> Iterator[tuple[str, Source]]:
        return iter(self._all.items())

    def __contains__(self, key: str) -> bool:
        return key in self._all

    def __len__(self) -> int:
        return len(self._all)

    def of(self, key: str) -> Source:
        """The source called `key`, which becomes one now if it was none."""
        source = self._all.get(key)
        if source is None:
            number = len(self._all)
            source = self._all[key] = Source(_letter(number), ROLES[number % len(ROLES)], "")
            self.name(key, key)
        return source

    def name(self, key: str, name: str, slot: str = "") -> None:
        """It is called `name` from now on."""
        source = self.of(key)
        source.name, source.slot = name, slot
        self.width = max((width_of(one.name) for one in self._all.values()), default=0)
        self.slot_width = max((width_of(one.slot) for one in self._all.values()), default=0)
        self.letter_width = max((len(one.letter) for one in self._all.values()), default=0)

    def clear(self) -> None:
        """There are none any more."""
        self._all.clear()
        self.width = self.letter_width = self.slot_width = 0


def _letter(number: int) -> str:
    first, second = divmod(number, len(_LETTERS))
    return _letter(first - 1) + _LETTERS[second] if first else _LETTERS[second]
