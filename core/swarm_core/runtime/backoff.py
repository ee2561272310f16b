"""Exponential backoff with full jitter, as the agent's session uses it (docs/design/agent.md 6.1)."""

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """bound := min(base + factor * bound, ceiling) after each failure; waits are uniform in [0, bound)."""

    rng: random.Random
    base_s: float = 0.1
    factor: float = 2.0
    ceiling_s: float = 8.0
    _bound_s: float = field(default=0.0, init=False)

    def failed(self) -> float:
        """Count one failure; the seconds to wait before the next try."""
        self._bound_s = min(self.base_s + self.factor * self._bound_s, self.ceiling_s)
        return self.rng.random() * self._bound_s

    def succeeded(self) -> None:
        """Forget the failures."""
        self._bound_s = 0.0
