"""Several clusters seen as one: their mirrors side by side (docs/design/contexts.md 17.2).

Rules:
- Nothing is copied. Each cluster keeps its mirror, which is fed by its own stream; this one only asks them.
- Objects of different clusters are told apart by their ids, which managers choose at random. What this program derives (stacks, events) has
  ids that are alike in all: here they have the cluster's name before them.
- What is asked about one object is answered by its own cluster (`home`): a row, a problem or a plan never counts another cluster's nodes.
- The whole is live while one of them is. Rows of a cluster whose stream is lost are grey, and their ages stand still.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.progress_pb2 import TaskProgress
from swarm_core.rules.usage import UsageHistory

from swarm_tui.clusters.changes import Changes, Phase, Stream
from swarm_tui.clusters.mirror import Mirror, WallClock
from swarm_tui.clusters.usage import UsageFigures
from swarm_tui.resources import format as fmt
from swarm_tui.resources.events import Event
from swarm_tui.resources.model import (
    Cell,
    Column,
    FailureSums,
    NodeSums,
    ResourceKind,
    Role,
    RowCells,
    ServiceSums,
    Span,
    spans,
)
from swarm_tui.resources.refs import ClusterId, ObjectRef

T = TypeVar("T")
SEPARATOR: Final = "/"
FIELD: Final = "cluster"
OLD: Final = (Phase.STALE, Phase.RESYNCING)
"""What is shown of a cluster in these phases is of before."""
_BEST: Final = (Phase.LIVE, Phase.RESYNCING, Phase.STALE, Phase.CONNECTING)
_NS: Final = 1_000_000_000


class Merged(Mirror):
    """See the module's text. It is fed by nobody: `parts` are."""

    def __init__(self, clock: WallClock, parts: Sequence[Mirror]) -> None:
        assert len({part.cluster for part in parts}) == len(parts) > 1
        super().__init__(clock, cluster=ClusterId(" + ".join(part.cluster for part in parts)))
        self._parts = tuple(parts)
        self.figures = _Figures(clock, self._parts)
        self.stream = self._best()
        self._phases = [part.stream.phase for part in parts]
        for number, part in enumerate(self._parts):
            part.listen(partial(self._hear, number))

    @property
    def parts(self) -> tuple[Mirror, ...]:
        return self._parts

    def part(self, cluster: ClusterId) -> Mirror | None:
        """The one that is called so; None when there is none."""
        return next((one for one in self._parts if one.cluster == cluster), None)

    def home(self, kind: type[Any], id_: str) -> Mirror:
        found = self._home(kind, id_)
        return self if found is None else found[0]

    def shown(self, kind: ResourceKind[Any]) -> ResourceKind[Any]:
        return with_cluster(kind)

    def called(self, cluster: ClusterId, name: str) -> str:
        return f"{cluster}{SEPARATOR}{name}"

    # -- reading --------------------------------------------------------------------------------

    def get(self, kind: type[T], id_: str) -> T | None:
        found = self._home(kind, id_)
        return None if found is None else found[0].get(kind, found[1])

    def objects(self, kind: type[T]) -> Collection[T]:
        return [item for part in self._parts for item in part.objects(kind)]

    def ids(self, kind: type[Any]) -> Collection[str]:
        return [id_among(part, kind, id_) for part in self._parts for id_ in part.ids(kind)]

    @property
    def lag_ns(self) -> int:
        return max((part.lag_ns for part in self._parts if part.stream.phase is Phase.LIVE), default=0)

    def tasks_of_service(self, service_id: str) -> Collection[objects_pb2.Task]:
        return self._of(objects_pb2.Service, service_id).tasks_of_service(service_id)

    def tasks_of_node(self, node_id: str) -> Collection[objects_pb2.Task]:
        return self._of(objects_pb2.Node, node_id).tasks_of_node(node_id)

    def service_sums(self, service_id: str) -> ServiceSums:
        return self._of(objects_pb2.Service, service_id).service_sums(service_id)

    def node_sums(self, node_id: str) -> NodeSums:
        return self._of(objects_pb2.Node, node_id).node_sums(node_id)

    @property
    def down_nodes(self) -> Collection[str]:
        return [node_id for part in self._parts for node_id in part.down_nodes]

    def running_history(self, service_id: str, now_ns: int) -> list[float | None]:
        return self._of(objects_pb2.Service, service_id).running_history(service_id, now_ns)

    def failures(self, service: objects_pb2.Service, now_ns: int) -> FailureSums:
        return self._of(objects_pb2.Service, service.id).failures(service, now_ns)

    def users(self, noun: str, called: Collection[str]) -> Collection[str]:
        return [id_ for part in self._parts for id_ in part.users(noun, called)]

    @property
    def events(self) -> Collection[Event]:
        every = [event for part in self._parts for event in part.events]
        return sorted(every, key=lambda event: event.at_ns)

    def namesakes(self, hostname: str) -> int:
        return max(part.namesakes(hostname) for part in self._parts)

    def progress(self, task_id: str) -> TaskProgress | None:
        return self._of(objects_pb2.Task, task_id).progress(task_id)

    def usage(self, id_: str) -> UsageHistory | None:
        return self.figures.get(id_)

    @property
    def tasks_alive(self) -> int:
        return sum(part.tasks_alive for part in self._parts)

    # -- telling --------------------------------------------------------------------------------

    @property
    def is_dirty(self) -> bool:
        return any(part.is_dirty for part in self._parts)

    def flush(self) -> None:
        for part in self._parts:
            part.flush()

    def recall(self, ref: ObjectRef, earlier: Sequence[Event]) -> None:
        part = self.part(ref.cluster)
        if part is not None:
            part.recall(ref, earlier)

    def _hear(self, number: int, changes: Changes) -> None:
        """One of the mirrors tells. Where its stream is lost or back all of its rows look different: everything is listed anew."""
        part, before = self._parts[number], self._phases[number]
        self._phases[number] = phase = part.stream.phase
        self.stream = self._best()
        self.version = sum(one.version for one in self._parts)
        told = Changes(
            {kind: frozenset(id_among(part, kind, id_) for id_ in ids) for kind, ids in changes.ids.items()},
            is_reset=changes.is_reset or (before in OLD) != (phase in OLD),
            is_stream=changes.is_stream,
        )
        for listener in list(self._listeners):
            listener(told)

    def _best(self) -> Stream:
        """The stream of the whole: the best that one of them has."""
        return min((part.stream for part in self._parts), key=lambda stream: _BEST.index(stream.phase))

    # -- finding --------------------------------------------------------------------------------

    def _home(self, kind: type[Any], id_: str) -> tuple[Mirror, str] | None:
        """Whose the object is, and its id there."""
        if _is_derived(kind):
            name, _, own = id_.partition(SEPARATOR)
            part = self.part(ClusterId(name))
            return None if part is None else (part, own)
        return next(((part, id_) for part in self._parts if part.get(kind, id_) is not None), None)

    def _of(self, kind: type[Any], id_: str) -> Mirror:
        """The mirror to ask; where nobody knows the object any of them says that there is nothing."""
        found = self._home(kind, id_)
        return self._parts[0] if found is None else found[0]


class _Figures(UsageFigures):
    """What the nodes of all of them tell."""

    def __init__(self, clock: WallClock, parts: Sequence[Mirror]) -> None:
        self._parts: Sequence[Mirror] = ()
        super().__init__(clock)
        self._parts = parts

    def get(self, id_: str) -> UsageHistory | None:
        found = (part.figures.get(id_) for part in self._parts)
        return next((one for one in found if one is not None), None)

    @property
    def is_told(self) -> bool:
        return any(part.figures.is_told for part in self._parts)

    @property
    def revision(self) -> int:
        return sum(part.figures.revision for part in self._parts)

    @revision.setter
    def revision(self, value: int) -> None:
        """The sum is nobody's to set."""


def _is_derived(kind: type[Any]) -> bool:
    return not issubclass(kind, Message)


def id_among(part: Mirror, kind: type[Any], id_: str) -> str:
    """The id among all of an object of one of the clusters."""
    return f"{part.cluster}{SEPARATOR}{id_}" if _is_derived(kind) else id_


def named(view: Any, kind: ResourceKind[Any]) -> Iterator[tuple[ObjectRef, str, tuple[str, ...]]]:
    """Every object of a kind: its row, its name, and all words for it. Where several clusters are shown the name has its cluster before it,
    and the bare name is a word for it too."""
    parts: Sequence[Any] = view.parts if isinstance(view, Merged) else (view,)
    for part in parts:
        for item in part.objects(kind.message):
            name = bare = kind.name(item, part)
            id_ = item.id
            if part is not view:
                name, id_ = view.called(part.cluster, bare), id_among(part, kind.message, item.id)
            yield ObjectRef(part.cluster, kind.noun, id_), name, (item.id, name, bare)


def own_id(kind: type[Any], id_: str) -> str:
    """The id of an object in its own cluster."""
    return id_.partition(SEPARATOR)[2] if _is_derived(kind) else id_


def homes(view: Any, kind: type[Any], ids: Sequence[str]) -> list[tuple[Any, list[str]]]:
    """The objects with these ids by the cluster that each is of, in the order in which they are named; what is gone is left out.
    Of a single cluster all are its own."""
    if not isinstance(view, Merged):
        return [(view, list(ids))]
    found: dict[ClusterId, tuple[Mirror, list[str]]] = {}
    for id_ in ids:
        home = view.home(kind, id_)
        if home is not view:
            found.setdefault(home.cluster, (home, []))[1].append(id_)
    return list(found.values())


# -- rows ------------------------------------------------------------------------------------------


def with_cluster(kind: ResourceKind[Any]) -> ResourceKind[Any]:
    """The kind with the cluster in front of its rows, and among the fields of its filter and the keys of its order."""
    keys: dict[str, Callable[[Any, Any, int], Any]] = {
        key: _as_of_then(of) for key, of in kind.sort_keys.items()
    }
    usual = keys[kind.default_sort]
    return replace(
        kind,
        columns=(Column(FIELD, "CLUSTER", 10, wanted=2), *kind.columns),
        row=partial(_row, kind),
        fields={
            **{name: _as_of_then(of) for name, of in kind.fields.items()},
            FIELD: lambda item, view, now_ns: view.cluster,
        },
        sort_keys={
            **keys,
            FIELD: lambda item, view, now_ns: (fmt.natural(view.cluster), usual(item, view, now_ns)),
        },
    )


def _then(view: Any, now_ns: int) -> int:
    """The time to which ages of this cluster are counted: they stand still while it tells nothing."""
    return min(now_ns, view.stream.since_ns) if view.stream.phase in OLD else now_ns


def _as_of_then(of: Callable[[Any, Any, int], Any]) -> Callable[[Any, Any, int], Any]:
    return lambda item, view, now_ns: of(item, view, _then(view, now_ns))


def _row(kind: ResourceKind[Any], item: Any, view: Any, now_ns: int) -> RowCells:
    cells = kind.row(item, view, _then(view, now_ns))
    if view.stream.phase not in OLD:
        return (spans((view.cluster, Role.SPECIAL)), *cells)
    age = fmt.short_duration(max(now_ns - view.stream.since_ns, 0) / _NS)
    name = spans((f"◌ {age} ", Role.WARNING), (view.cluster, Role.MUTED))
    return (name, *(_grey(one) for one in cells))


def _grey(cell: Cell) -> Cell:
    return replace(cell, spans=tuple(Span(span.text, Role.MUTED) for span in cell.spans), role=Role.MUTED)
