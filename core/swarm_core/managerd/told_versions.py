"""Tells the daemon of this node at which entry each kind of object was changed last, without a call (docs/design/store.md 1.11).

Rules
1. A change is told before anybody is told that it is made.
2. While another manager leads, nothing that this one tells is to be relied on, and it says so.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swarm_core.api import store_versions
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.shared_numbers import SharedNumbers
from swarm_core.runtime.waiting import event_or_time

if TYPE_CHECKING:
    from swarm_core.managerd.leader import RaftLeaderLocator
    from swarm_core.raft_node.leading.leadership import Leadership

_LOOK_S = 0.5


class ToldVersions:
    """The file and what stands in it. Raises OSError when it cannot be made."""

    def __init__(self, path: Path, rng: random.Random) -> None:
        self._path = path
        self._numbers = SharedNumbers.make(path, store_versions.COUNT)
        self._numbers[store_versions.LIFE] = rng.getrandbits(64)

    def changed(self, version: int, kinds: Iterable[type[Any]]) -> None:
        """An entry has changed objects of these kinds."""
        for kind in kinds:
            self._numbers[store_versions.PLACE_OF[kind]] = version

    def leads(self, *, is_leader: bool) -> None:
        """Whether this manager answers for the cluster."""
        self._numbers[store_versions.LEADS] = is_leader

    async def run(self, leadership: Leadership, locator: RaftLeaderLocator, clock: Clock) -> None:
        """Say when this manager has begun to lead, until cancelled. That it has ceased is said by who knows it first."""
        try:
            while True:
                changed = leadership.changed
                self.leads(is_leader=locator.leads)
                await event_or_time(clock, changed, _LOOK_S)
        finally:
            self.leads(is_leader=False)
            self._path.unlink(missing_ok=True)


def announced(told: ToldVersions | None, announce: Callable[[bool], None]) -> Callable[[bool], None]:
    """`announce`, which takes whether this manager leads; its loss is told before."""
    if told is None:
        return announce

    def announced_and_told(is_leader: bool) -> None:
        if not is_leader:
            told.leads(is_leader=False)
        announce(is_leader)

    return announced_and_told
