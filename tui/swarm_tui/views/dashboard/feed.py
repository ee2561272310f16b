"""The newest events as notes, for the dashboard's pane of changes."""

from itertools import islice
from typing import Final

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources.events import Event, text
from swarm_tui.widgets.clock_text import time_of_day
from swarm_tui.widgets.notes import Note

ENTRIES_MAX: Final = 200


class ChangeFeed:
    """Knows when there is something new to tell; failures are told as problems, not here."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    def apply(self, changes: Changes) -> bool:
        """Whether there is something new to tell."""
        return bool(changes.of(Event))

    def notes(self) -> list[Note]:
        """The changes as notes, the newest first."""
        newest = (one for one in reversed(tuple(self._mirror.events)) if not one.is_failure)
        return [
            Note(
                [
                    (time_of_day(event.at_ns), "muted"),
                    ("  ", "text"),
                    (self._mirror.called(event.ref.cluster, event.name), "special"),
                    (f"  {text(event)}", "text"),
                ],
                target=event.ref,
            )
            for event in islice(newest, ENTRIES_MAX)
        ]
