"""Figures of both sides from one run, as a table: the middle of the rounds, their lows and highs, and the ratio.

A ratio above 1 says that ours is ahead, whether more or less is better. It is that of the middles; beside it are the lowest
and the highest ratio of two rounds that followed one another.
"""

import statistics
from dataclasses import dataclass, field


@dataclass(slots=True)
class Figure:
    """One measured thing. `aim`: the ratio that is wanted, 0 where none is said."""

    what: str
    unit: str
    more_is_better: bool = False
    aim: float = 0.0
    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)

    def take(self, name: str, value: float) -> None:
        """A round's value of the side "ours" or "peer"."""
        getattr(self, name).append(value)

    def ratio(self) -> float:
        return self._ratio(statistics.median(self.ours), statistics.median(self.peer))

    def _ratio(self, ours: float, peer: float) -> float:
        if self.more_is_better:
            ours, peer = peer, ours
        return peer / ours if ours else float("inf")

    def line(self) -> str:
        """A row of the table."""
        if not self.peer:
            return f"| {self.what} | {self.unit} | {_range(self.ours)} | | |"
        ratios = [self._ratio(*pair) for pair in zip(self.ours, self.peer, strict=False)]
        shown = f"{self.ratio():.2f} [{min(ratios):.2f}–{max(ratios):.2f}]"
        if self.aim:
            shown += f", aim {self.aim:g}"
        return f"| {self.what} | {self.unit} | {_range(self.ours)} | {_range(self.peer)} | {shown} |"


def head(peer: str) -> str:
    """The table's head."""
    return f"| | | ours | {peer} | ratio |\n|---|---|---|---|---|"


def _range(values: list[float]) -> str:
    middle = statistics.median(values)
    return f"{_number(middle)} [{_number(min(values))}–{_number(max(values))}]"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
