"""How far a person may change a cluster, in four levels (docs/design/plans.md 13.1). Values only.

0 look; 1 operate what is there; 2 configure; 3 what cannot be taken back, or moves everything that runs on a node.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Level(IntEnum):
    """What may be changed."""

    LOOK = 0
    OPERATE = 1
    CONFIGURE = 2
    IMPACT = 3


MEANINGS: Final = {
    Level.LOOK: "look",
    Level.OPERATE: "operate: scale, restart, roll back, update the image",
    Level.CONFIGURE: "configure: create, edit, labels, pause and activate",
    Level.IMPACT: "impact: remove, drain, change roles, cluster settings",
}
BY_COMMAND: Final = "--level {} allows it"
BY_DASHBOARD: Final = ":level {} allows it"


def word(level: Level) -> str:
    """The level in one word."""
    return MEANINGS[level].partition(":")[0]


def named(level: Level) -> str:
    """The level as screens and commands tell it: its number and its word."""
    return f"level {int(level)} {word(level)}"


def parse(text: str) -> Level | None:
    """A level as people write it, by number or word; None for anything else."""
    wanted = text.strip().lower()
    return next((one for one in Level if wanted in (str(int(one)), word(one))), None)


@dataclass(slots=True)
class Allowance:
    """The level of now, which the person may change; `way` says how, with a place for the level."""

    level: Level = Level.IMPACT
    way: str = BY_DASHBOARD

    def refusal(self, needed: Level) -> str:
        """Why what needs that level is refused, as the rest of a sentence; empty where it may be done."""
        if needed <= self.level:
            return ""
        return (
            f"it needs level {int(needed)} ({word(needed)}), and level {int(self.level)} ({word(self.level)}) "
            f"is set; {self.way.format(int(needed))}"
        )
