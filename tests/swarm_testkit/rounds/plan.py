"""What the number of a round means: which cluster it is played on, and which faults come when. Pure.

`BLOCK` rounds that follow one another share a cluster, because its start costs more than a round.
"""

import random
from dataclasses import dataclass

KINDS = ("plain", "versions", "docker")
BLOCK = 10
MANAGERS, WORKERS = 3, 2
_FAULTS_MAX = 3
# No fault begins later, and none lasts longer. It is about the time after which a node is taken for lost: some are, some are not.
_BEGIN_S, _LASTS_S = 2.0, 4.0

MANAGER_KILLED, DAEMON_KILLED, MACHINE_KILLED = "manager killed", "daemon killed", "machine killed"
MANAGER_PAUSED, MACHINE_PAUSED = "manager paused", "machine paused"
CUT, ONE_WAY = "cut off", "one way lost"
LATE, LOSSY = "late packets", "lost packets"
FULL_DISK, SLOW_DISK = "full disk", "slow disk"
CLOCK = "clock moved"
OTHER_VERSION = "other version"
ENGINE_KILLED, ENGINE_PAUSED = "engine killed", "engine paused"

_FOR_MANAGERS = (MANAGER_KILLED, MANAGER_PAUSED)
_FOR_NODES = (
    DAEMON_KILLED,
    MACHINE_KILLED,
    MACHINE_PAUSED,
    CUT,
    ONE_WAY,
    LATE,
    LOSSY,
    FULL_DISK,
    SLOW_DISK,
)
_FOR_ENGINES = (ENGINE_KILLED, ENGINE_PAUSED, CUT, ONE_WAY, LATE, LOSSY)
HOLDS_ITS_BREATH = frozenset({MANAGER_PAUSED, MACHINE_PAUSED, SLOW_DISK, ENGINE_PAUSED})
"""Faults during which a leader may stand still and tell afterwards what was true before."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`what` happens `at_s` after the round's begin and lasts `lasts_s`. It meets the leader of that moment or, of the others of its sort, the one that
    `pick` (0 to 1) falls on. `amount` (0 to 1) says how much, where there is a measure."""

    what: str
    meets_leader: bool
    meets_worker: bool
    pick: float
    at_s: float
    lasts_s: float
    amount: float


@dataclass(frozen=True, slots=True)
class Shape:
    """The cluster of a block. `earlier`: the numbers of the nodes that run the version before, managers first; `engines`: how many managers
    are Docker Engines, the last ones; `has_clocks`: whether the clocks of our nodes can be moved."""

    earlier: frozenset[int] = frozenset()
    engines: int = 0
    has_clocks: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What the service of the cluster is to be from this round on. `program`: whether its tasks are to be replaced."""

    replicas: int
    is_new_program: bool


@dataclass(frozen=True, slots=True)
class Round:
    """What happens in a round."""

    faults: tuple[Fault, ...]
    order: Order

    @property
    def lag_s(self) -> float:
        """How long a leader may stand still in it, at most."""
        return sum(fault.lasts_s for fault in self.faults if fault.what in HOLDS_ITS_BREATH)


def shape(kind: str, number: int) -> Shape:
    """The cluster that the round is played on."""
    assert kind in KINDS
    rng = random.Random(f"{kind} cluster {number // BLOCK}")
    has_clocks = rng.random() < 0.5
    if kind == "docker":
        return Shape(engines=2, has_clocks=has_clocks)
    if kind == "plain":
        return Shape(has_clocks=has_clocks)
    count = rng.randint(1, MANAGERS + WORKERS - 1)
    earlier = frozenset(rng.sample(range(MANAGERS + WORKERS), count))
    return Shape(earlier=earlier, has_clocks=has_clocks)


def round_of(kind: str, number: int) -> Round:
    """What happens in round `number`."""
    rng = random.Random(f"{kind} round {number}")
    has_clocks = shape(kind, number).has_clocks
    faults = tuple(_fault(kind, has_clocks, rng) for _ in range(rng.randint(1, _FAULTS_MAX)))
    order = Order(replicas=rng.randint(2, 4), is_new_program=rng.random() < 0.4)
    return Round(tuple(sorted(faults, key=lambda fault: fault.at_s)), order)


def _fault(kind: str, has_clocks: bool, rng: random.Random) -> Fault:
    who = rng.random()
    meets_worker = who >= 0.85
    choice = [*_FOR_NODES, *(() if meets_worker else _FOR_MANAGERS)]
    if has_clocks:
        choice.append(CLOCK)
    if kind == "versions":
        choice.append(OTHER_VERSION)
    if kind == "docker" and not meets_worker:
        # Whom it meets is known when it happens; what an engine cannot suffer becomes what it can.
        choice = [*choice, *_FOR_ENGINES]
    return Fault(
        what=rng.choice(choice),
        meets_leader=who < 0.45,
        meets_worker=meets_worker,
        pick=rng.random(),
        at_s=round(rng.uniform(0, _BEGIN_S), 2),
        lasts_s=round(rng.uniform(0.3, _LASTS_S), 2),
        amount=rng.random(),
    )


def for_engine(what: str) -> str:
    """What happens to an engine where this would happen to a node of ours."""
    if what in (MANAGER_KILLED, DAEMON_KILLED, MACHINE_KILLED, FULL_DISK, CLOCK):
        return ENGINE_KILLED
    return ENGINE_PAUSED if what in (MANAGER_PAUSED, MACHINE_PAUSED, SLOW_DISK) else what


def for_ours(what: str) -> str:
    """What happens to a manager of ours where this would happen to an engine."""
    return {ENGINE_KILLED: MACHINE_KILLED, ENGINE_PAUSED: MACHINE_PAUSED}.get(what, what)
