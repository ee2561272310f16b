"""A door to fake engines, opened as the program opens real ones."""

from collections.abc import Callable, Sequence

from swarm_core.engines.discovery import Fixed
from swarm_core.engines.opening import no_engines_yet
from swarm_core.engines.records import EngineEntry
from swarm_tui.clusters.allowance import Allowance
from swarm_tui.clusters.engine_hands import Stats
from swarm_tui.clusters.session import Clock
from swarm_tui.engines.room import EngineRoom

from swarm_testkit.engine_hands import Book, Runs


class FakeDoor:
    """Implements `engines.door.Door`."""

    def __init__(self, entries: Sequence[EngineEntry]) -> None:
        self._entries = tuple(entries)
        self.stats: Stats | None = None
        """Of the engines once they are looked at."""

    def open(self, clock: Clock, allowance: Allowance, tell: Callable[[str], None]) -> EngineRoom:
        """Look at them."""
        names = (entry.name for entry in self._entries)
        room = EngineRoom(
            no_engines_yet(), [Fixed(self._entries)], clock, allowance, tell, Book(*names), Runs()
        )
        assert room.session.engines is not None
        self.stats = room.session.engines.stats
        return room
