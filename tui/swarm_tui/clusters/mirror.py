"""The client's copy of a cluster, fed by a watch and read by everything that is drawn. It is one thing: what is fed and what is read are the
same tables.

Rules:
- Reads never wait and cost nothing: objects by id, tasks by service and by node, sums per service and node.
- Objects are the watch's messages; nobody changes them. A manager's status is in no event: `Managers` tell it, and its
  node's object here holds it as last told.
- A change older than what is held is ignored (a resumed stream may repeat itself).
- Listeners are told at most once per flush interval what changed in the meantime, never once per event; while nothing
  changes nobody is woken. What a watch told since the last flush is read with the next: until then everything here is of then.
- A service's and a node's row depends on its tasks, a task's on its node's name and state, a volume's on what is told of its failure: changes of one
  touch the other.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.progress_pb2 import TaskProgress
from swarm_core.api.proto.raft_status_pb2 import GetRaftStatusResponse
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.client.managers import Managers, statuses_of, with_status
from swarm_core.client.watch import MIRRORED, Action, Changed, Listed, Lost, Resumed, Update
from swarm_core.rules.usage import UsageHistory

from swarm_tui.clusters.changes import Changes, Phase, Stream
from swarm_tui.clusters.event_log import EventLog
from swarm_tui.clusters.failures import Failures
from swarm_tui.clusters.history import History
from swarm_tui.clusters.owned_tasks import OwnedIds, OwnedTasks
from swarm_tui.clusters.relations import RELATED, Relations
from swarm_tui.clusters.task_sums import TaskFacts, TaskSums
from swarm_tui.clusters.usage import UsageFigures
from swarm_tui.resources import registry
from swarm_tui.resources.events import Event
from swarm_tui.resources.model import FailureSums, NodeSums, Realm, ResourceKind, ServiceSums
from swarm_tui.resources.refs import ONLY_CLUSTER, ClusterId, ObjectRef
from swarm_tui.resources.stacks import Stack
from swarm_tui.resources.uses import Use

T = TypeVar("T")
FLUSH_INTERVAL_S = 0.1

_Node, _Service, _Task = objects_pb2.Node, objects_pb2.Service, objects_pb2.Task
_REMOVED = Action.REMOVED
_DOWN = types_pb2.NodeStatus.DOWN


class WallClock(Protocol):
    def wall_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""


class Mirror:
    """See the module's text."""

    realm: Realm = Realm.CLUSTER

    def __init__(
        self,
        clock: WallClock,
        *,
        cluster: ClusterId = ONLY_CLUSTER,
        flush_interval_s: float = FLUSH_INTERVAL_S,
    ) -> None:
        self.cluster = cluster
        self.flush_interval_s = flush_interval_s
        """How often those who feed it are to flush it."""
        self._clock = clock
        self._listeners: list[Callable[[Changes], None]] = []
        self._dirty: defaultdict[type[Any], set[str]] = defaultdict(set)
        self._is_reset = False
        self._is_stream_dirty = False
        self._resumed_ns: int | None = None
        self.stream = Stream(Phase.CONNECTING, clock.wall_ns())
        self.version = 0
        self._newest: tuple[Any, int] | None = None
        """The newest change and when it came in."""
        self._note: Callable[[Update | Managers], None] | None = None
        self._queued: list[tuple[Update, int]] = []
        """What a watch told and is not read yet, and when it came."""
        self.raft: GetRaftStatusResponse | None = None
        """How the managers stand with raft's log; None while it is not told."""
        self._progress: Mapping[str, TaskProgress] = {}
        self.figures = UsageFigures(clock)
        self._events = EventLog()
        self._clear()

    def _clear(self) -> None:
        self._objects: dict[type[Any], dict[str, Any]] = {kind: {} for kind in MIRRORED}
        self._versions: defaultdict[type[Any], dict[str, int]] = defaultdict(dict)
        """Of what changed since it was listed: read from an object they cost more."""
        self._relations = Relations()
        self._objects[Stack], self._objects[Event] = self._relations.stacks, self._events.events
        self._by_service, self._by_node = OwnedIds(), OwnedIds()
        self._managers: dict[str, types_pb2.ManagerStatus] = {}
        self._sums = TaskSums()
        self._hostnames: Counter[str] = Counter()
        self._down: set[str] = set()
        self._history = getattr(self, "_history", History())
        self._failures = getattr(self, "_failures", Failures())

    # -- one of several -------------------------------------------------------------------------

    @property
    def parts(self) -> "tuple[Mirror, ...]":
        """The mirrors of the clusters that are shown: of one cluster itself (docs/design/contexts.md 17.2)."""
        return (self,)

    def home(self, kind: type[Any], id_: str) -> "Mirror":
        """The mirror of the cluster that the object is of."""
        return self

    def shown(self, kind: ResourceKind[Any]) -> ResourceKind[Any]:
        """The kind as it is listed here."""
        return kind

    def called(self, cluster: ClusterId, name: str) -> str:
        """What an object of `cluster` with this name is called where those of all clusters stand together."""
        return name

    # -- reading --------------------------------------------------------------------------------

    def get(self, kind: type[T], id_: str) -> T | None:
        """The object, if it is there."""
        item: T | None = self._objects[kind].get(id_)
        return item

    def objects(self, kind: type[T]) -> Collection[T]:
        """Every object of a kind, in no order; valid until the next change. Of a kind that is not kept there are none."""
        return self._objects.get(kind, {}).values()

    def ids(self, kind: type[Any]) -> Collection[str]:
        """Every id of a kind."""
        return self._objects[kind].keys()

    @property
    def lag_ns(self) -> int:
        """How old the newest change was when it came in, by the two machines' clocks; 0 while there is none."""
        if self._newest is None:
            return 0
        item, came_ns = self._newest
        updated_ns = timestamp_ns(item.meta.updated_at)
        return max(came_ns - updated_ns, 0) if updated_ns else 0

    def tasks_of_service(self, service_id: str) -> Collection[objects_pb2.Task]:
        """All tasks of a service, ended ones included."""
        return OwnedTasks(self._objects[_Task], self._by_service.of(service_id))

    def tasks_of_node(self, node_id: str) -> Collection[objects_pb2.Task]:
        """All tasks on a node, ended ones included."""
        return OwnedTasks(self._objects[_Task], self._by_node.of(node_id))

    def service_sums(self, service_id: str) -> ServiceSums:
        """The sums of a service's tasks."""
        return self._sums.services.get(service_id) or ServiceSums()

    def node_sums(self, node_id: str) -> NodeSums:
        """The sums of a node's tasks."""
        return self._sums.nodes.get(node_id) or NodeSums()

    @property
    def down_nodes(self) -> Collection[str]:
        """Ids of the nodes that are down."""
        return self._down

    def running_history(self, service_id: str, now_ns: int) -> list[float | None]:
        """The share of its goal that a service ran in each of the last minutes; None where nothing is known."""
        self._history.catch_up(self)
        return self._history.minutes(service_id, now_ns)

    def failures(self, service: objects_pb2.Service, now_ns: int) -> FailureSums:
        """How often its tasks failed lately, those included that the cluster has forgotten."""
        return self._failures.sums(service, now_ns)

    def users(self, noun: str, called: Collection[str]) -> Collection[str]:
        """Ids of the services that use the secret, config, network or volume that is called by any of these."""
        return self._relations.users(noun, called)

    def on_engine(self, key: str, kind: type[Any]) -> Collection[str]:
        """Ids of the objects of a kind that an engine has: none where none are followed."""
        return ()

    @property
    def events(self) -> Collection[Event]:
        """What changed while this program was looking, the oldest first."""
        return self._events.events.values()

    def namesakes(self, hostname: str) -> int:
        """How many nodes have this host name."""
        return self._hostnames[hostname]

    def progress(self, task_id: str) -> TaskProgress | None:
        """What a task is busy with while it is prepared; None when nothing is told."""
        return self._progress.get(task_id)

    def usage(self, id_: str) -> UsageHistory | None:
        """What a node or a task uses; None when nothing is told."""
        return self.figures.get(id_)

    @property
    def tasks_alive(self) -> int:
        """Tasks that run or are meant to."""
        return self._sums.alive

    # -- feeding --------------------------------------------------------------------------------

    def queue(self, update: Update) -> None:
        """Take one update in with the next flush: to read many at once costs less than to read each when it comes."""
        if self._note is not None:
            self._note(update)
        self._queued.append((update, self._clock.wall_ns()))

    @property
    def queued(self) -> int:
        """How many updates are read with the next flush."""
        return len(self._queued)

    def apply(self, update: Update | Managers) -> None:
        """Take one update in; listeners hear of it with the next flush."""
        if self._note is not None:
            self._note(update)
        self.read_queued()
        self._read(update, self._clock.wall_ns())

    def read_queued(self) -> None:
        """Take in what was queued."""
        queued, self._queued = self._queued, []
        for update, came_ns in queued:
            self._read(update, came_ns)

    def _read(self, update: Update | Managers, now_ns: int) -> None:
        if isinstance(update, Changed):
            self._apply_changed(update, now_ns)
            return
        match update:
            case Listed():
                self._apply_listed(update, now_ns)
            case Lost():
                self._set_stream(self.stream.lost(update.reason, now_ns, is_refusal=update.is_refusal))
            case Resumed():
                self._resumed_ns = now_ns
                self._set_stream(Stream(Phase.LIVE, now_ns))
            case Managers():
                self._apply_managers(update)

    def recall(self, ref: ObjectRef, earlier: Sequence[Event]) -> None:
        """Take in events of an object from before this program looked; listeners hear of them with the next flush."""
        self._dirty[Event] |= self._events.recall(ref, earlier)

    def record_to(self, note: Callable[[Update | Managers], None] | None) -> None:
        """Call `note` with every update from now on, before it is taken in; None ends it."""
        self._note = note

    def set_progress(self, told: Mapping[str, TaskProgress]) -> None:
        """Take in what tasks are busy with, by task id; what is not in it is over."""
        before, self._progress = self._progress, told
        for task_id in {*before, *told}:
            if before.get(task_id) != told.get(task_id):
                self._touch(_Task, task_id)

    def _apply_managers(self, told: Managers) -> None:
        if told.statuses is not None:
            before, self._managers = self._managers, dict(told.statuses)
            for node_id in {*before, *self._managers}:
                held = self._objects[_Node].get(node_id)
                if held is not None and before.get(node_id) != self._managers.get(node_id):
                    self._objects[_Node][node_id] = with_status(held, self._managers)
                    self._touch(_Node, node_id)
        if told.raft != self.raft:
            self.raft = told.raft
            for node_id in self._managers:
                self._touch(_Node, node_id)

    def _set_stream(self, stream: Stream) -> None:
        self._is_stream_dirty = self._is_stream_dirty or stream is not self.stream
        self.stream = stream

    def _apply_listed(self, listed: Listed, now_ns: int) -> None:
        self._clear()
        for item in listed.objects:
            self._objects[type(item)][item.id] = item
            if isinstance(item, _Task):
                _, facts = self._sums.put(item.id, item)
                self._index(item.id, facts)
                if facts.is_troubled:
                    self._failures.note(item)
            elif isinstance(item, _Node):
                self._count_node(item, 1)
            elif type(item) in RELATED:
                self._relations.put(item)
        self._managers = statuses_of(listed.objects)
        self._sums.begin_anew()
        self._history.record_all(self._objects[_Service], self, now_ns)
        self.version = listed.version
        self._dirty.clear()
        self._is_reset = True
        self._set_stream(Stream(Phase.LIVE, now_ns))

    def _apply_changed(self, changed: Changed, now_ns: int) -> None:
        newest = None
        self._history.catch_up(self, before_ns=now_ns)
        for change in changed.changes:
            item = change.object
            kind = type(item)
            id_ = item.id
            if kind is _Service:
                self._history.catch_up(self)  # what ran until now ran for the goal until now
            if kind is _Node and id_ in self._managers and not item.HasField("manager_status"):
                item = with_status(item, self._managers)
            held = self._objects.get(kind)
            if held is None:
                continue
            old, versions = held.get(id_), self._versions[kind]
            is_removed = change.action is _REMOVED
            if is_removed:
                versions.pop(id_, None)
                if held.pop(id_, None) is None:
                    continue
            else:
                version = item.meta.version.index
                if old is not None and (versions.get(id_) or old.meta.version.index) > version:
                    continue
                held[id_], versions[id_] = item, version
                newest = item
            self._dirty[kind].add(id_)
            if kind is _Task:
                self._task_changed(id_, item, is_removed, now_ns)
            elif kind is _Node:
                self._node_changed(item, old, is_removed)
            elif kind is _Service and is_removed:
                self._history.forget(id_)
                self._failures.forget(id_)
            elif kind is _Service:
                self._history.record_all((id_,), self, now_ns)
            elif kind is objects_pb2.Resource:
                self._touch(objects_pb2.Volume, item.annotations.name)
            if kind in RELATED:
                self._relate(kind, id_, None if is_removed else item)
        if changed.version > self.version:
            self.version = changed.version
        if newest is not None:
            self._newest = newest, now_ns
            if self._resumed_ns is not None:
                self._count_missed(newest, self._resumed_ns, len(changed.changes))

    def _count_missed(self, newest: Any, resumed_ns: int, count: int) -> None:
        """Changes from before the stream was there again were missed until now."""
        if 0 < timestamp_ns(newest.meta.updated_at) < resumed_ns:
            missed = self.stream.missed + count
            self._set_stream(replace(self.stream, missed=missed))

    def _index(self, task_id: str, facts: TaskFacts) -> None:
        self._by_service.add(facts.service_id, task_id)
        self._by_node.add(facts.node_id, task_id)

    def _task_changed(self, id_: str, task: objects_pb2.Task, is_removed: bool, now_ns: int) -> None:
        old = new = None
        if is_removed:
            old = self._sums.remove(id_)
        else:
            old, new = self._sums.put(id_, task)
            self._touch(_Service, new.service_id)
            self._touch(_Node, new.node_id)
            if old is new:
                return
            if new.is_troubled and self._failures.note(task):
                self._events.note_failure(task, now_ns, self)
        if old is None or new is None or old.node_id != new.node_id or old.service_id != new.service_id:
            self._place_changed(id_, old, new)
        if old is None or new is None or old.is_running != new.is_running:
            self._history.change(new.service_id if new is not None else task.service_id, now_ns)

    def _place_changed(self, task_id: str, old: TaskFacts | None, new: TaskFacts | None) -> None:
        """The task came or went, or is on another node."""
        if new is not None:
            self._index(task_id, new)
        if old is not None and (new is None or old.node_id != new.node_id):
            self._by_node.drop(old.node_id, task_id)
            self._touch(_Node, old.node_id)
        if old is not None and (new is None or old.service_id != new.service_id):
            self._by_service.drop(old.service_id, task_id)
            self._touch(_Service, old.service_id)

    def _node_changed(self, node: objects_pb2.Node, old: objects_pb2.Node | None, is_removed: bool) -> None:
        if old is not None:
            self._count_node(old, -1)
        if not is_removed:
            self._count_node(node, 1)
        if (
            old is not None
            and not is_removed
            and old.status.state == node.status.state
            and old.description.hostname == node.description.hostname
        ):
            return
        for task in self.tasks_of_node(node.id):
            self._touch(_Task, task.id)
            self._touch(_Service, task.service_id)

    def _count_node(self, node: objects_pb2.Node, sign: int) -> None:
        self._hostnames[node.description.hostname] += sign
        if node.status.state == _DOWN:
            (self._down.add if sign > 0 else self._down.discard)(node.id)

    def _relate(self, kind: type[Any], id_: str, item: Any) -> None:
        """The object is as `item` now, or gone: its stack's row and those of what a service uses may look different."""
        relations = self._relations
        stacks, used = relations.put(item) if item is not None else relations.remove(kind, id_)
        self._dirty[Stack] |= stacks
        for use in used:
            self._touch_used(use)

    def _touch_used(self, use: Use) -> None:
        noun, called = use
        kind = registry.by_noun(noun).message
        for id_ in (called,) if called in self._objects[kind] else self._objects[kind]:
            self._touch(kind, id_)

    def _touch(self, kind: type[Any], id_: str) -> None:
        if id_ in self._objects[kind]:
            self._dirty[kind].add(id_)

    # -- telling --------------------------------------------------------------------------------

    @property
    def is_dirty(self) -> bool:
        """Whether a flush would tell something."""
        return bool(self._queued) or bool(self._dirty) or self._is_reset or self._is_stream_dirty

    def listen(self, listener: Callable[[Changes], None]) -> Callable[[], None]:
        """Call `listener` with every flush; the returned call ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def flush(self) -> None:
        """Tell the listeners what changed since the last flush, if anything."""
        self.read_queued()
        if not self.is_dirty:
            return
        self._history.catch_up(self)
        self._dirty[Stack].update(self._relations.stacks_of(self._dirty.get(_Service, ())))
        told = self._events.take(self, self._dirty, self._clock.wall_ns(), is_reset=self._is_reset)
        self._dirty[Event] |= told
        changes = Changes(
            {kind: frozenset(ids) for kind, ids in self._dirty.items() if ids},
            is_reset=self._is_reset,
            is_stream=self._is_stream_dirty,
        )
        self._dirty = defaultdict(set)
        self._is_reset = self._is_stream_dirty = False
        for listener in list(self._listeners):
            listener(changes)
