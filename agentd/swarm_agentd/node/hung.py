"""Tells a manager that is hung from one that is busy (docs/design/node.md 6.4.3).

Rules
1. A manager is hung when its event loop says nothing for SILENT_S. Time in which its thread wanted a processor and had none is not counted:
   a machine with too much to do says nothing about the manager. A loop that turns in one callback for ever uses its processor, one that
   waits for a lock or is stopped wants none; both are found.
2. However little the machine gives, LOOKS_MAX looks in a row without a word are enough.
3. A manager whose loop turns is given the time of UNANSWERED_BEATS_MAX signs of life for the answer to a question. A busy loop gives fewer of them.
4. A look counts as much as it was planned to last, however late it comes, and finds no more signs of life than fit in: a daemon that was stopped, or
   starved itself, has not watched meanwhile.
"""

import math
from dataclasses import dataclass

from swarm_core.runtime.heartbeat import BEAT_S

LOOK_S = 5.0
SILENT_S = 30.0
LOOKS_MAX = 60
UNANSWERED_BEATS_MAX = 30
_BEATS_PER_LOOK = math.ceil(LOOK_S / BEAT_S)


@dataclass(slots=True)
class Vigil:
    """What was seen of one manager since it served. `beats` and `starved_s` are as of the last look."""

    at: float
    beats: int
    starved_s: float
    unanswered_beats: int = 0
    silent_s: float = 0.0
    silent_looks: int = 0

    @classmethod
    def begin(cls, at: float, beats: int, starved_s: float) -> "Vigil":
        """From now on."""
        return cls(at, beats, starved_s)

    def answered(self) -> None:
        """It answered a question."""
        self.unanswered_beats = 0

    def look(self, at: float, beats: int, starved_s: float) -> str | None:
        """What is wrong with it now, as the rest of a sentence; None while nothing is."""
        had_s = max(0.0, (at - self.at) - max(0.0, starved_s - self.starved_s))
        if beats != self.beats:
            self.silent_s, self.silent_looks = 0.0, 0
            self.unanswered_beats += min(beats - self.beats, _BEATS_PER_LOOK)
        else:
            self.silent_s += min(had_s, LOOK_S)
            self.silent_looks += 1
        self.at, self.beats, self.starved_s = at, beats, starved_s
        return self._judge()

    def _judge(self) -> str | None:
        if self.silent_s >= SILENT_S:
            return f"has said nothing for {self.silent_s:.0f} s in which it could have run"
        if self.silent_looks >= LOOKS_MAX:
            return f"has said nothing for {self.silent_looks * LOOK_S:.0f} s"
        if self.unanswered_beats >= UNANSWERED_BEATS_MAX:
            return f"runs and does not answer ({self.unanswered_beats} signs of life since its last answer)"
        return None
