"""Seeds that once found something (docs/design/simulation.md), played again, without the backups that nobody took then.

A seed plays another story once the program does something else: what each of them found has a test of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from swarm_testkit.simulation.plan import Plan
from swarm_testkit.simulation.replay import PLANS

QUICK: Final[Mapping[str | None, Sequence[int]]] = {
    None: (75, 130, 2013, 2242, 2323, 3675),
    "ordering": (73, 365, 452, 476, 574),
}
"""Those that a test run plays, by the kind of their plan."""

LONG: Final[Mapping[str | None, Sequence[int]]] = {None: (2025,), "ordering": (120, 124, 323, 430)}
"""Those that take several times as long: `make sim` plays them too."""


def plan(seed: int, kind: str | None) -> Plan:
    """What is played of it."""
    return replace(PLANS[kind](seed), takes_backups=False)
