"""What a dashboard asks of who knows the engines."""

from collections.abc import Callable
from typing import Protocol

from swarm_tui.clusters.allowance import Allowance
from swarm_tui.clusters.session import Clock, Session


class Room(Protocol):
    """Engines that are open."""

    @property
    def session(self) -> Session:
        """What the screen shows."""

    async def run(self) -> None:
        """Have the engines live until cancelled."""


class Door(Protocol):
    """Who knows which engines this person has."""

    def open(self, clock: Clock, allowance: Allowance, tell: Callable[[str], None]) -> Room:
        """Them, not yet asked for anything. `tell` is told what is wrong with who names them. Raises ValueError with a sentence."""
