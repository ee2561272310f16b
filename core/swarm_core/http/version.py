"""Versions of the Engine's HTTP API: ordered pairs of numbers, as they stand in a path (`/v1.41/…`) and in headers."""

import re
from typing import NamedTuple

_NUMBER_DIGITS_MAX = 9
_TEXT = re.compile(rf"[0-9]{{1,{_NUMBER_DIGITS_MAX}}}(\.[0-9]{{1,{_NUMBER_DIGITS_MAX}}})*", re.ASCII)


class Version(NamedTuple):
    """Compared part by part as numbers: 1.9 is older than 1.10."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def parse(text: str) -> Version:
    """The version that `text` writes; a missing part is 0, and what follows the second one does not count. Raises ValueError."""
    if _TEXT.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no API version")
    parts = [int(part) for part in text.split(".")]
    return Version(parts[0], parts[1] if len(parts) > 1 else 0)


OLDEST = Version(1, 24)
"""The oldest client that is answered."""
NEWEST = Version(1, 47)
"""The newest version whose fields and routes we know."""
