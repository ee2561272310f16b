"""What changed while the program was looking: each kind says in a few words what became different in its objects.

Tasks come and go by the thousand and tell nothing, except that they failed: failures of one service with the same cause
within `SAME_NS` are one event with a count. What is there when the program begins is no news.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from swarm_core.api.proto import objects_pb2

from swarm_tui.resources import registry, services
from swarm_tui.resources.events import EVENTS_MAX, Event
from swarm_tui.resources.model import ClusterView, ResourceKind
from swarm_tui.resources.owners import stack_name
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.resources.states import cause, unexplained

SAME_NS: Final = 60_000_000_000
_CAUSE_MAX: Final = 200


class EventLog:
    """The last `EVENTS_MAX` events by id, the oldest first."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self._kinds: list[tuple[ResourceKind[Any], dict[str, Any]]] = [
            (kind, {}) for kind in registry.stored() if kind.changes is not None
        ]
        """Kinds that tell, and their objects as they were last seen."""
        self._last = self._first = 0
        self._recalled: dict[ObjectRef, tuple[str, ...]] = {}
        """By object the ids of what was recalled."""
        self._has_listed = False
        self._failing: dict[tuple[str, str], str] = {}
        """By service and cause the newest event about it."""
        self._causes: dict[str, tuple[str, str]] = {}
        """The other way round, for the events that are kept."""
        self._touched: set[str] = set()

    def take(
        self, view: ClusterView, ids: Mapping[type[Any], Collection[str]], now_ns: int, *, is_reset: bool
    ) -> set[str]:
        """Look at objects that changed, or at everything; the ids of the events that came, changed or were forgotten."""
        is_told = self._has_listed
        self._has_listed = self._has_listed or is_reset
        for kind, seen in self._kinds:
            changed = ids.get(kind.message, ())
            if is_reset:
                changed = {*seen, *(item.id for item in view.objects(kind.message))}
            differ = [id_ for id_ in changed if seen.get(id_) is not view.get(kind.message, id_)]
            for id_ in sorted(differ):
                self._look(kind, seen, id_, view, now_ns if is_told else None)
        touched, self._touched = self._touched, set()
        return touched

    def recall(self, ref: ObjectRef, earlier: Sequence[Event]) -> set[str]:
        """Keep what is known of an object from before anything here, the oldest first, as far as there is room. What was
        recalled of it before is forgotten. The ids of the events that came or went."""
        touched = {id_ for id_ in self._recalled.pop(ref, ()) if self.events.pop(id_, None) is not None}
        mine = [event for event in self.events.values() if event.ref == ref]
        first_ns = min((event.at_ns for event in mine), default=None)
        older = [event for event in earlier if first_ns is None or event.at_ns < first_ns]
        room = EVENTS_MAX - len(self.events)
        kept: dict[str, Event] = {}
        for event in older[len(older) - min(len(older), room) :]:
            self._first -= 1
            id_ = f"{self._first:010}"
            kept[id_] = replace(event, id=id_)
        self._recalled[ref] = tuple(kept)
        newer = dict(self.events)
        self.events.clear()
        self.events.update(kept)
        self.events.update(newer)
        return touched | kept.keys()

    def note_failure(self, task: objects_pb2.Task, now_ns: int, view: ClusterView) -> None:
        """A task failed, and was not seen to before."""
        text = cause(task)[:_CAUSE_MAX] or unexplained(task)
        key = (task.service_id, text)
        before = self.events.get(self._failing.get(key, ""))
        if before is not None and now_ns - before.at_ns < SAME_NS:
            self.events[before.id] = replace(before, at_ns=now_ns, count=before.count + 1)
            self._touched.add(before.id)
            return
        service = view.get(objects_pb2.Service, task.service_id)
        name = services.name(service) if service is not None else task.service_annotations.name
        ref = ObjectRef(view.cluster, "service", task.service_id)
        added = self._add(
            now_ns, ref, name, f"task failed: {text}", is_failure=True, stack=stack_name(service)
        )
        self._failing[key], self._causes[added] = added, key

    def _look(
        self, kind: ResourceKind[Any], seen: dict[str, Any], id_: str, view: ClusterView, told_ns: int | None
    ) -> None:
        """Remember the object as it is now; tell at `told_ns`, if given, what is different."""
        old, new = seen.get(id_), view.get(kind.message, id_)
        if new is None:
            del seen[id_]
        else:
            seen[id_] = new
        if told_ns is None:
            return
        assert kind.changes is not None
        item = new if new is not None else old
        ref, name = ObjectRef(view.cluster, kind.noun, id_), kind.name(item, view)
        if old is not None and kind.name(old, view) != name:
            self._rename(ref, name)
        for text in kind.changes(old, new, view):
            self._add(told_ns, ref, name, text, stack=stack_name(item))

    def _rename(self, ref: ObjectRef, name: str) -> None:
        """A node joins before it says how it is called: what was told of it is told by its name, too."""
        for event in self.events.values():
            if event.ref == ref:
                self.events[event.id] = replace(event, name=name)
                self._touched.add(event.id)

    def _add(
        self, at_ns: int, ref: ObjectRef, name: str, text: str, *, is_failure: bool = False, stack: str = ""
    ) -> str:
        self._last += 1
        id_ = f"{self._last:010}"
        self.events[id_] = Event(id_, at_ns, ref, name, text, is_failure, stack=stack)
        self._touched.add(id_)
        if len(self.events) > EVENTS_MAX:
            self._forget(next(iter(self.events)))
        return id_

    def _forget(self, id_: str) -> None:
        del self.events[id_]
        self._touched.add(id_)
        key = self._causes.pop(id_, None)
        if key is not None and self._failing.get(key) == id_:
            del self._failing[key]
