"""What changed lately, told in a few words: objects as they were seen to differ.

Each kind decides what it tells, and whether it does at all (tasks come and go by the thousand, and are not told). The
feed begins when the interface does and keeps the last `ENTRIES_MAX` changes.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources import registry
from swarm_tui.resources.model import ResourceKind
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.widgets.clock_text import time_of_day
from swarm_tui.widgets.notes import Note

ENTRIES_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of one object."""

    at_ns: int
    ref: ObjectRef
    name: str
    text: str


class ChangeFeed:
    """Remembers the objects last seen, and what became different."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._seen: list[tuple[ResourceKind[Any], dict[str, Any]]] = [
            (kind, {}) for kind in registry.kinds() if kind.changes is not None
        ]
        self._entries: deque[Entry] = deque(maxlen=ENTRIES_MAX)
        self._has_listed = False

    def apply(self, changes: Changes, now_ns: int) -> bool:
        """Take in what the mirror told; whether there is something new to tell."""
        before = self._entries[-1] if self._entries else None
        is_told = self._has_listed
        self._has_listed = self._has_listed or changes.is_reset
        for kind, seen in self._seen:
            ids = set(changes.of(kind.message))
            if changes.is_reset:
                ids = {*seen, *self._mirror.ids(kind.message)}
            for id_ in sorted(ids):
                self._look(kind, seen, id_, now_ns if is_told else None)
        return before is not (self._entries[-1] if self._entries else None)

    def notes(self) -> list[Note]:
        """The changes as notes, the newest first."""
        return [
            Note(
                [
                    (time_of_day(entry.at_ns), "muted"),
                    ("  ", "text"),
                    (entry.name, "special"),
                    (f"  {entry.text}", "text"),
                ],
                target=entry.ref,
            )
            for entry in reversed(self._entries)
        ]

    def _look(self, kind: ResourceKind[Any], seen: dict[str, Any], id_: str, told_ns: int | None) -> None:
        """Remember the object as it is now; tell at `told_ns`, if given, what is different."""
        old, new = seen.get(id_), self._mirror.get(kind.message, id_)
        if old is new:
            return
        if new is None:
            del seen[id_]
        else:
            seen[id_] = new
        if told_ns is None:
            return
        assert kind.changes is not None
        ref = ObjectRef(self._mirror.cluster, kind.noun, id_)
        name = kind.name(new if new is not None else old, self._mirror)
        for text in kind.changes(old, new, self._mirror):
            self._entries.append(Entry(told_ns, ref, name, text))
