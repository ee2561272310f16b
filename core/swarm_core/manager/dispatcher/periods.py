"""How often nodes show that they live, and how long they may be silent (docs/design/dispatcher.md 5.5).

SwarmKit's 5 seconds and three misses serve every agent. A node that runs our daemon shows it each second while every manager
is ours and nobody chose another period; with very many nodes less often, so that the leader hears no more heartbeats
a second than it would otherwise.
"""

import random
from dataclasses import dataclass

from swarm_core.manager.dispatcher.config import DispatcherConfig

_QUICK_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Period:
    """`seconds` until the next heartbeat is due, `silence_s` until the node is lost without one."""

    seconds: float
    silence_s: float


class Periods:
    """`base_s` is the cluster's period from now on."""

    def __init__(self, config: DispatcherConfig, rng: random.Random) -> None:
        self.base_s = config.heartbeat_period_s
        self._config = config
        self._rng = rng

    @property
    def is_chosen(self) -> bool:
        """Whether somebody chose another period than the usual one, and gets exactly that."""
        return self.base_s != self._config.heartbeat_period_s

    def draw(self, *, is_quick: bool, nodes: int) -> Period:
        """The next period of a node among `nodes`; each a little different, so that they do not all call at once."""
        config = self._config
        usual = self._usual_s()
        if not is_quick or self.is_chosen:
            return Period(usual, usual * config.grace_factor)
        quick_s = max(config.quick_period_s, nodes / config.quick_beats_per_s_max)
        if quick_s >= self.base_s:
            return Period(usual, usual * config.grace_factor)
        seconds = quick_s * (1 + self._rng.uniform(-_QUICK_JITTER, _QUICK_JITTER))
        silence_s = min(quick_s * config.quick_grace_factor, self.base_s * config.grace_factor)
        return Period(seconds, silence_s)

    def unknown_s(self) -> float:
        """How long a node of an earlier leader has to register with this one."""
        return self._usual_s() * self._config.grace_factor_unknown

    def _usual_s(self) -> float:
        jitter_s = min(self._config.heartbeat_jitter_s, self.base_s / 2)
        return self.base_s + self._rng.uniform(-jitter_s, jitter_s)
