"""What a forecast says. Values only."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Pair:
    """An object before and after; None where it is not there."""

    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class ServiceCourse:
    """How many tasks of a service run: now, at the least while the plan is carried out, and in the end."""

    name: str
    now: int
    lowest: int
    end: int
    goal: int


@dataclass(frozen=True, slots=True)
class Homeless:
    """So many tasks of a service that find no node, and why, as a sentence with the numbers."""

    service: str
    count: int
    why: str


@dataclass(frozen=True, slots=True)
class Stuck:
    """A rollout that finds no room for its next task: so many of its tasks are replaced before."""

    service: str
    replaced: int
    dirty: int


@dataclass(frozen=True, slots=True)
class Managers:
    """The managers before and after, and the losses that they bear then; `is_lost` means that no majority would be left."""

    before: int
    after: int
    tolerates: int
    is_lost: bool


@dataclass(frozen=True, slots=True)
class Forecast:
    """`restarts` are slots whose task is replaced by one that finds a node, `starts` slots that are new, `stops` tasks that end without such a
    successor, and `relieved` tasks that waited already and find a node. `landing` counts the new tasks by node. `is_whole` is False where the plan was
    too large to be played to its end."""

    restarts: int = 0
    starts: int = 0
    stops: int = 0
    relieved: int = 0
    landing: tuple[tuple[str, int], ...] = ()
    homeless: tuple[Homeless, ...] = ()
    services: tuple[ServiceCourse, ...] = ()
    stuck: tuple[Stuck, ...] = ()
    managers: Managers | None = None
    seconds: float | None = None
    is_whole: bool = True

    @property
    def fits(self) -> bool:
        """Whether every new task finds a node."""
        return not self.homeless
