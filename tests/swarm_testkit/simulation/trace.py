"""What happened, in order: a digest over all of it, and the last lines for people."""

import hashlib
from collections import deque
from collections.abc import Callable

LINES_KEPT = 400
_TOGETHER = 256


class Trace:
    """`now` gives the time of a line. With `keep_all` no line is dropped."""

    def __init__(self, now: Callable[[], float], *, keep_all: bool = False) -> None:
        self._now = now
        self._digest = hashlib.blake2b(digest_size=16)
        # Not summed up yet: many together cost a third.
        self._fresh: list[str] = []
        self.lines: deque[str] = deque(maxlen=None if keep_all else LINES_KEPT)
        self.count = 0

    def note(self, text: str) -> None:
        line = f"{self._now():12.6f} {text}"
        self._fresh.append(line)
        self.lines.append(line)
        self.count += 1
        if len(self._fresh) == _TOGETHER:
            self._sum_up()

    def digest(self) -> str:
        self._sum_up()
        return self._digest.hexdigest()

    def _sum_up(self) -> None:
        self._digest.update("".join(self._fresh).encode())
        self._fresh.clear()
