"""What a log is about: whose lines, how they are called, and how much of them. Pure."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.client.log_query import LogQuery

from swarm_tui.resources import registry, tasks
from swarm_tui.resources.model import PREVIOUS, ClusterView, ResourceKind
from swarm_tui.resources.time_ranges import TimeRange
from swarm_tui.views.place import Place

Task = objects_pb2.Task
TAIL = 500
"""Lines of each task's past that a log begins with, unless a time was asked for."""
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Scope:
    """See the module's text."""

    title: str
    query: LogQuery
    kind: ResourceKind[Any] | None = None
    """The objects that it is about are of this kind; they may write lines themselves."""
    is_previous: bool = False
    """Only attempts that have ended: nothing of it is followed."""

    @property
    def is_empty(self) -> bool:
        """Whether it is about nothing at all."""
        return not (self.query.service_ids or self.query.task_ids or self.query.node_ids)

    def source(self, key: str, view: ClusterView) -> tuple[str, str] | None:
        """What who wrote a line is called, and the letter of its lines; None while it is not known."""
        task = view.get(Task, key)
        if task is not None:
            return tasks.name(task, view), str(task.slot) if task.slot else ""
        item = view.get(self.kind.message, key) if self.kind is not None else None
        return None if item is None or self.kind is None else (self.kind.name(item, view), "")

    def within(self, asked: TimeRange) -> LogQuery:
        """The query for the lines of a stretch of time."""
        if asked == TimeRange():
            return self.query
        is_past = asked.until_ns is not None
        return replace(
            self.query, tail=None, since_ns=asked.since_ns or None, follow=self.query.follow and not is_past
        )

    def tasks(self, view: ClusterView) -> Iterator[Task]:
        """The tasks that it is about."""
        for service_id in self.query.service_ids:
            yield from view.tasks_of_service(service_id)
        for node_id in self.query.node_ids:
            yield from view.tasks_of_node(node_id)
        for task_id in self.query.task_ids:
            task = view.get(Task, task_id)
            if task is not None:
                yield task


def scope_of(place: Place, view: ClusterView) -> Scope:
    """The logs of the objects that `place` is about; of their ended attempts alone where it says so."""
    kind, ids = registry.by_noun(place.kind), (place.id, *place.link.others)
    assert kind.logs is not None, f"a {kind.noun} has no logs"
    selectors = [kind.logs(id_, view) for id_ in ids]
    held = [(id_, view.get(kind.message, id_)) for id_ in ids[:_NAMED]]
    names = [kind.name(item, view) if item is not None else id_ for id_, item in held]
    title = ", ".join(names) + (f" +{len(ids) - _NAMED}" if len(ids) > _NAMED else "")
    query = LogQuery(
        service_ids=_all(one.service_ids for one in selectors),
        task_ids=_all(one.task_ids for one in selectors),
        node_ids=_all(one.node_ids for one in selectors),
        follow=True,
        tail=TAIL,
    )
    if place.link.mode != PREVIOUS:
        return Scope(title, query, kind)
    ended = tuple(task.id for task in _attempts(Scope(title, query), view))
    return Scope(f"{title} · ended attempts", LogQuery(task_ids=ended, tail=TAIL), is_previous=True)


def _attempts(scope: Scope, view: ClusterView) -> list[Task]:
    """The attempts that have ended: of a task those of its place in the service, itself among them."""
    found = {task.id: task for task in scope.tasks(view)}
    for task in [found[id_] for id_ in scope.query.task_ids if id_ in found]:
        found |= {
            other.id: other for other in view.tasks_of_service(task.service_id) if is_same_place(task, other)
        }
    ended = [task for task in found.values() if has_ended(task)]
    return sorted(ended, key=lambda task: timestamp_ns(task.meta.created_at))


def is_same_place(one: Task, other: Task) -> bool:
    """Whether both are attempts of the same place in their service: its slot, or where there are none its node."""
    return one.slot == other.slot and (one.slot != 0 or one.node_id == other.node_id)


def has_ended(task: Task) -> bool:
    """Whether it will write nothing more."""
    return task.status.state > types_pb2.RUNNING


def _all(parts: Iterator[Collection[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(id_ for part in parts for id_ in part))
