"""What happened, in order: a digest over all of it, and the last lines for people."""

import hashlib
from collections import deque
from collections.abc import Callable

LINES_KEPT = 400


class Trace:
    """`now` gives the time of a line. With `keep_all` no line is dropped."""

    def __init__(self, now: Callable[[], float], *, keep_all: bool = False) -> None:
        self._now = now
        self._digest = hashlib.blake2b(digest_size=16)
        self.lines: deque[str] = deque(maxlen=None if keep_all else LINES_KEPT)
        self.count = 0

    def note(self, text: str) -> None:
        line = f"{self._now():12.6f} {text}"
        self._digest.update(line.encode())
        self.lines.append(line)
        self.count += 1

    def digest(self) -> str:
        return self._digest.hexdigest()
