"""How often the screen is brought up to date when changes never end.

Single changes are shown at once and a burst as fast as the mirror tells of it; a storm that keeps on may take its pace's share of a
processor's time and no more, so it is shown in longer steps. Pure; told the time.
"""

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Pace:
    """The share of a processor that frames may take, and the longest rest between two, however dear they are."""

    share: float
    rest_s_max: float


STORM: Final = Pace(0.03, 0.5)
FLOOD: Final = Pace(0.02, 1.0)
"""Of so many changes that nobody follows a single one."""


@dataclass(slots=True)
class FrameBudget:
    """A credit of processor time that grows with time, up to `burst_s`, and is spent by frames."""

    burst_s: float = 0.1
    _credit_s: float = field(default=0.1, init=False)
    _seen_at: float = field(default=0.0, init=False)

    def spent(self, cost_s: float, now: float, pace: Pace = STORM) -> float:
        """A frame took `cost_s` of processor time; how many seconds to rest before the next."""
        grown = self._credit_s + (now - self._seen_at) * pace.share
        # What the longest rest does not pay for is forgiven: one dear frame, such as a long list's first, must not make the next ones late for long.
        self._credit_s = max(min(grown, self.burst_s) - cost_s, -pace.rest_s_max * pace.share)
        self._seen_at = now
        return max(-self._credit_s / pace.share, 0.0)
