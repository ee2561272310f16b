"""What is to be asked of an engine, and when.

Rules
1. The first mark of something that is not known yet is asked for after GATHER_S, so that what belongs together comes together; after
   that at most once in APART_S.
2. Details of what is known wait `patience_s` longer, and go along with whatever is asked earlier.
3. What an engine did not answer is marked anew.
"""

from swarm_core.engines.effects import Effects, Need
from swarm_core.engines.records import Kind

GATHER_S = 0.02
APART_S = 1.0
IDS_MAX = 200
"""More containers than this are asked for as the whole list."""


class Dirty:
    """Marks, and the time at which they are due."""

    def __init__(self) -> None:
        self.containers: set[str] = set()
        self.lists: set[Kind] = set()
        self.specs = False
        self.due_s: float | None = None
        """None: nothing is marked."""
        self._asked_s = float("-inf")

    def mark(self, effects: Effects, now_s: float, patience_s: float) -> bool:
        """Mark what an event asks for; whether that is due earlier than what was marked before."""
        is_soon = effects.need is Need.SOON or bool(effects.lists) or effects.asks_specs
        if not is_soon and effects.need is Need.NOTHING:
            return False
        if effects.need is not Need.NOTHING and effects.container:
            self.containers.add(effects.container)
        self.lists.update(effects.lists)
        self.specs |= effects.asks_specs
        return self._set_due(now_s + (GATHER_S if is_soon else patience_s))

    def mark_again(self, taken: "Taken", now_s: float) -> None:
        """Mark what was taken and not answered."""
        self.containers |= taken.containers
        self.lists |= taken.lists
        self.specs |= taken.specs
        self._set_due(now_s + APART_S)

    def look_again(self, containers: set[str], at_s: float) -> None:
        """Ask for these anew: engines do not always tell how a passing state ended."""
        if containers:
            self.containers |= containers
            self._set_due(at_s)

    def mark_everything(self, now_s: float) -> None:
        """Ask for every list."""
        self.lists.update(kind for kind in Kind if kind is not Kind.ENGINE)
        self._set_due(now_s)

    def _set_due(self, at_s: float) -> bool:
        at_s = max(at_s, self._asked_s + APART_S)
        if self.due_s is not None and self.due_s <= at_s:
            return False
        self.due_s = at_s
        return True

    def take(self, now_s: float) -> "Taken":
        """What is marked; nothing is any more."""
        taken = Taken(self.containers, self.lists, self.specs)
        if len(self.containers) > IDS_MAX:
            taken.lists.add(Kind.CONTAINER)
        self.containers, self.lists, self.specs = set(), set(), False
        self.due_s, self._asked_s = None, now_s
        return taken


class Taken:
    """What is asked for at once."""

    __slots__ = ("containers", "lists", "specs")

    def __init__(self, containers: set[str], lists: set[Kind], specs: bool) -> None:
        self.containers, self.lists, self.specs = containers, lists, specs
