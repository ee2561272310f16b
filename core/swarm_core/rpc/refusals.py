"""What a server refused, by reason: counted, and told in one line a minute.

Whoever can reach the port can break rules as often as he likes. A line of the log for each would be his to fill the disk
with, and would hide everything else.
"""

from collections import Counter


class Refusals:
    """`total` is since the start."""

    def __init__(self) -> None:
        self.total: Counter[str] = Counter()
        self._told: Counter[str] = Counter()

    def count(self, reason: str) -> None:
        """One more, for a reason out of a fixed set: never a text of the other end."""
        self.total[reason] += 1

    def news(self) -> str:
        """What came since the last time, in words; empty when nothing did."""
        new = self.total - self._told
        self._told = self.total.copy()
        return ", ".join(f"{number} × {reason}" for reason, number in sorted(new.items()))
