"""Which failures are new, for those who do not look at the screen.

Rules:
- What was wrong when the program began, or after everything was listed anew, is no news.
- An object that fails again and again is told once in `AGAIN_NS`.
- Warnings are told to nobody.
"""

from collections.abc import Sequence
from typing import Final

from swarm_tui.resources.model import Problem
from swarm_tui.resources.printable import cut, printable
from swarm_tui.resources.refs import ObjectRef

AGAIN_NS: Final = 300 * 1_000_000_000
_TEXT_MAX: Final = 120
_REMEMBERED_MAX: Final = 10_000


class Alarms:
    """Remembers when failures of one cluster were told."""

    def __init__(self) -> None:
        self._told_ns: dict[ObjectRef, int] = {}

    def news(self, begun: Sequence[Problem], now_ns: int) -> list[Problem]:
        """Of failures that began, those that are news."""
        found = [one for one in begun if self._is_due(one.ref, now_ns)]
        self._told_ns.update((one.ref, now_ns) for one in found)
        if len(self._told_ns) > _REMEMBERED_MAX:
            self._told_ns = {ref: at for ref, at in self._told_ns.items() if now_ns - at < AGAIN_NS}
        return found

    def _is_due(self, ref: ObjectRef, now_ns: int) -> bool:
        told_ns = self._told_ns.get(ref)
        return told_ns is None or now_ns - told_ns >= AGAIN_NS


def text_of(news: Sequence[Problem]) -> str:
    """News on one line, for a terminal's notification: nothing in it steers the terminal."""
    first = printable(f"{news[0].name}: {news[0].summary}")
    more = f" and {len(news) - 1} more" if len(news) > 1 else ""
    return cut(first, _TEXT_MAX) + more
