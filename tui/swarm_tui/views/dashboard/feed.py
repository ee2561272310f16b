"""What changed lately, told in a few words: services and nodes as they were seen to differ.

Only what a person did or what befell a node is told; tasks come and go by the thousand and are not. The
feed begins when the interface does and keeps the last `ENTRIES_MAX` changes.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from swarm_core.api.proto import objects_pb2

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources import nodes, services
from swarm_tui.resources.format import image
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.widgets.clock_text import time_of_day
from swarm_tui.widgets.notes import Note

ENTRIES_MAX: Final = 200

_Node: TypeAlias = objects_pb2.Node
_Service: TypeAlias = objects_pb2.Service


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of one object."""

    at_ns: int
    ref: ObjectRef
    name: str
    text: str


class ChangeFeed:
    """Remembers the services and nodes last seen, and what became different."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._services: dict[str, _Service] = {}
        self._nodes: dict[str, _Node] = {}
        self._entries: deque[Entry] = deque(maxlen=ENTRIES_MAX)
        self._has_listed = False

    def apply(self, changes: Changes, now_ns: int) -> bool:
        """Take in what the mirror told; whether there is something new to tell."""
        before = self._entries[-1] if self._entries else None
        if changes.is_reset:
            service_ids = set(self._services) | set(self._mirror.ids(_Service))
            node_ids = set(self._nodes) | set(self._mirror.ids(_Node))
        else:
            service_ids, node_ids = set(changes.of(_Service)), set(changes.of(_Node))
        is_told = self._has_listed
        self._has_listed = self._has_listed or changes.is_reset
        for id_ in sorted(service_ids):
            self._service(id_, now_ns, is_told)
        for id_ in sorted(node_ids):
            self._node(id_, now_ns, is_told)
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

    def _service(self, id_: str, now_ns: int, is_told: bool) -> None:
        old, new = self._services.get(id_), self._mirror.get(_Service, id_)
        if old is new:
            return
        if new is None:
            del self._services[id_]
        else:
            self._services[id_] = new
        if is_told:
            shown = new or old
            assert shown is not None
            for text in _service_changes(old, new):
                self._entries.append(
                    Entry(now_ns, ObjectRef(self._mirror.cluster, "service", id_), services.name(shown), text)
                )

    def _node(self, id_: str, now_ns: int, is_told: bool) -> None:
        old, new = self._nodes.get(id_), self._mirror.get(_Node, id_)
        if old is new:
            return
        if new is None:
            del self._nodes[id_]
        else:
            self._nodes[id_] = new
        if is_told:
            shown = new or old
            assert shown is not None
            for text in _node_changes(old, new):
                self._entries.append(
                    Entry(now_ns, ObjectRef(self._mirror.cluster, "node", id_), nodes.name(shown), text)
                )


def _service_changes(old: _Service | None, new: _Service | None) -> Iterator[str]:
    if new is None:
        yield "removed"
    elif old is None:
        yield "created"
    elif old.spec != new.spec:
        yield ", ".join(_spec_changes(old, new)) or "spec changed"


def _spec_changes(old: _Service, new: _Service) -> Iterator[str]:
    before, after = services.runtime_text(old.spec.task)[1], services.runtime_text(new.spec.task)[1]
    if before != after:
        yield _runs_change(image(before), image(after))
    if old.spec.replicated.replicas != new.spec.replicated.replicas:
        yield f"scaled {old.spec.replicated.replicas} → {new.spec.replicated.replicas}"
    if old.spec.task.resources != new.spec.task.resources:
        yield "resources"
    if old.spec.task.placement != new.spec.task.placement:
        yield "placement"
    if old.spec.annotations.labels != new.spec.annotations.labels:
        yield "labels"
    if old.spec.task.force_update != new.spec.task.force_update:
        yield "restarted"


def _runs_change(before: str, after: str) -> str:
    """Old and new; of an image that stays in its repository only the tags."""
    repository, _, tag = after.rpartition(":")
    if repository and before.startswith(f"{repository}:"):
        return f"image {before.removeprefix(f'{repository}:')} → {tag}"
    return f"{before} → {after}"


def _node_changes(old: _Node | None, new: _Node | None) -> Iterator[str]:
    if new is None:
        yield "removed"
    elif old is None:
        yield "joined"
    else:
        if old.status.state != new.status.state:
            yield nodes.state_of(new)[0]
        if old.spec.availability != new.spec.availability:
            yield f"{nodes.availability(old)} → {nodes.availability(new)}"
        if old.role != new.role:
            yield f"now a {'manager' if new.role else 'worker'}"
        if old.manager_status.leader != new.manager_status.leader and new.manager_status.leader:
            yield "leads now"
        if old.spec.annotations.labels != new.spec.annotations.labels:
            yield "labels"
