"""What is in motion: services on their way to their goal, nodes that are being drained, and whatever else a kind calls so.

Kept up to date object by object; the notes are made when they are asked for.
"""

from typing import Any, Final

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources import registry
from swarm_tui.resources.model import MotionNote, ResourceKind, Role
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.widgets.cells import cell_spans
from swarm_tui.widgets.notes import Note
from swarm_tui.widgets.paint import Span

NOTES_MAX: Final = 12
_BAR: Final = 16


class MotionBoard:
    """Ids of the objects in motion."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._moving: list[tuple[ResourceKind[Any], set[str]]] = [
            (kind, set()) for kind in registry.kinds() if kind.motion is not None
        ]

    def apply(self, changes: Changes, now_ns: int) -> None:
        """Look at what changed, or at everything after a reset."""
        mirror = self._mirror
        for kind, moving in self._moving:
            assert kind.motion is not None
            if changes.is_reset:
                moving.clear()
            for id_ in mirror.ids(kind.message) if changes.is_reset else changes.of(kind.message):
                item = mirror.get(kind.message, id_)
                is_moving = item is not None and kind.motion.is_moving(
                    item, mirror.home(kind.message, id_), now_ns
                )
                (moving.add if is_moving else moving.discard)(id_)

    @property
    def targets(self) -> set[ObjectRef]:
        """All that is in motion."""
        return {self._ref(kind, id_) for kind, moving in self._moving for id_ in moving}

    def notes(self, now_ns: int) -> list[Note]:
        """One note for each of the first `NOTES_MAX`, by name."""
        found: list[tuple[str, ObjectRef, ResourceKind[Any], Any]] = []
        for kind, moving in self._moving:
            for id_ in moving:
                item = self._mirror.get(kind.message, id_)
                if item is not None:
                    ref = self._ref(kind, id_)
                    name = self._mirror.called(ref.cluster, kind.name(item, self._mirror))
                    found.append((name, ref, kind, item))
        found.sort(key=lambda one: one[:2])
        return [self._note(*one, now_ns) for one in found[:NOTES_MAX]]

    def _ref(self, kind: ResourceKind[Any], id_: str) -> ObjectRef:
        return ObjectRef(self._mirror.home(kind.message, id_).cluster, kind.noun, id_)

    def _note(self, name: str, ref: ObjectRef, kind: ResourceKind[Any], item: Any, now_ns: int) -> Note:
        assert kind.motion is not None
        note: MotionNote = kind.motion.note(item, self._mirror.home(kind.message, ref.id), now_ns)
        heading: list[Span] = [(f"{note.health.glyph} ", note.health.role), (name, "text+bold")]
        heading.append(("  ", note.heading[0].spans[0].role if note.heading[0].spans else Role.TEXT))
        for cell in note.heading:
            heading += cell_spans(cell, _BAR) if cell.bar is not None else cell.spans
        return Note(heading, [line.spans for line in note.lines], ref)
