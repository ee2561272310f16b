"""A cluster in memory behind the client's connection: for tests of the client, the mirror, the command line and the dashboard.

`FakeCluster` answers `call` and `stream` as `client.connection.Connection` does, from objects it holds:

- Control's Get, List, Create, Update and Remove for every kind, with SwarmKit's codes (NOT_FOUND, ALREADY_EXISTS,
  UNKNOWN "update out of sequence", …); a scaled or removed service gets or loses its tasks at once when `orchestrate`
  is set;
- Watch with marks, versions and resume; Logs from the lines given by `log_lines`;
- a script of troubles: `fail_next`, `cut`, `unreachable`, `compacted`, `silent_versions` (as a Docker follower),
  `missing_kinds` (as an old engine).

Nothing waits and nothing is random: tests change the content with `put`, `update` and `remove`, each call one commit.
Time is `now_ns`, which tests move by hand.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, TypeVar

from google.protobuf.message import Message
from swarm_core.api.proto import (
    control_pb2,
    logbroker_pb2,
    objects_pb2,
    raft_status_pb2,
    types_pb2,
    watch_pb2,
)
from swarm_core.api.timestamps import timestamp
from swarm_core.client.errors import CallFailed, Unreachable

from swarm_testkit.factories import make_cluster, make_id, make_node, make_resources, make_service, make_task

T = TypeVar("T", bound=Message)

START_NS = 1_760_000_000 * 1_000_000_000
KINDS: dict[str, type[Message]] = {
    "node": objects_pb2.Node,
    "service": objects_pb2.Service,
    "network": objects_pb2.Network,
    "task": objects_pb2.Task,
    "cluster": objects_pb2.Cluster,
    "secret": objects_pb2.Secret,
    "config": objects_pb2.Config,
    "extension": objects_pb2.Extension,
    "volume": objects_pb2.Volume,
}
_NAMES = {kind: name for name, kind in KINDS.items()}
_STREAM_ITEMS_MAX = 10_000

CREATE = watch_pb2.WATCH_ACTION_CREATE
UPDATE = watch_pb2.WATCH_ACTION_UPDATE
REMOVE = watch_pb2.WATCH_ACTION_REMOVE


def name_of(item: Any) -> str:
    """The name of any object, as the store's name index knows it."""
    if isinstance(item, objects_pb2.Node):
        return item.description.hostname
    if isinstance(item, objects_pb2.Task):
        return f"{item.service_annotations.name}.{item.slot or item.node_id}.{item.id}"
    return str(item.spec.annotations.name)


class FakeCluster:
    """See the module's text. `calls` records every (method, request) in order."""

    def __init__(self, objects: Iterable[Message] = (), *, orchestrate: bool = False) -> None:
        self.now_ns = START_NS
        self.version = 10
        self.orchestrate = orchestrate
        self.silent_versions = False
        self.compacted = False
        self.unreachable: str | None = None
        self.missing_kinds: set[str] = set()
        self.raft: raft_status_pb2.GetRaftStatusResponse | None = None
        self.raft_asked = 0
        self.calls: list[tuple[str, Message]] = []
        self.closed = False
        self._objects: dict[type[Message], dict[str, Message]] = {kind: {} for kind in KINDS.values()}
        self._log: list[tuple[int, watch_pb2.WatchMessage]] = []
        self._watchers: list[_Watcher] = []
        self._failures: dict[str, list[Exception]] = {}
        self._log_lines: list[logbroker_pb2.LogMessage] = []
        self._log_streams: list[_LogStream] = []
        if objects:
            self.put(*objects)

    # -- content, for the test ------------------------------------------------------------------

    def put(self, *objects: Message) -> None:
        """Create or replace these objects in one commit; versions and times are stamped."""
        self._commit([(None, item) for item in objects])

    def update(self, kind: type[T], id_: str, change: Callable[[T], object]) -> T:
        """Change a copy of one object with `change` and commit it."""
        item = kind()
        item.CopyFrom(self.get(kind, id_))
        change(item)
        self.put(item)
        return item

    def remove(self, kind: type[Message], *ids: str) -> None:
        """Delete these objects in one commit."""
        self._commit([(REMOVE, self.get(kind, id_)) for id_ in ids])

    def get(self, kind: type[T], id_: str) -> T:
        """The object; KeyError when there is none."""
        item = self._objects[kind][id_]
        assert isinstance(item, kind)
        return item

    def all(self, kind: type[T]) -> list[T]:
        """Every object of a kind, in id order."""
        held = self._objects[kind]
        return [item for _, item in sorted(held.items()) if isinstance(item, kind)]

    def advance(self, seconds: float) -> None:
        """Move the cluster's time on."""
        self.now_ns += int(seconds * 1e9)

    def wall_ns(self) -> int:
        """The cluster's time, as a clock's method."""
        return self.now_ns

    # -- troubles, for the test -----------------------------------------------------------------

    def fail_next(self, method: str, error: Exception, *, times: int = 1) -> None:
        """The next calls or streams of "Service.Method" raise `error`."""
        self._failures.setdefault(method, []).extend([error] * times)

    def cut(self, reason: str = "connection reset") -> None:
        """End every open stream as a lost connection does."""
        for outlet in [*self._watchers, *self._log_streams]:
            outlet.end(Unreachable(reason))

    @property
    def streams_open(self) -> int:
        """Watch and log streams that are being read."""
        return len(self._watchers) + len(self._log_streams)

    def log_lines(self, *lines: logbroker_pb2.LogMessage) -> None:
        """Publish log lines: kept for later subscribers, sent to those that follow."""
        self._log_lines.extend(lines)
        for stream in self._log_streams:
            chosen = [line for line in lines if stream.wants(line)]
            if chosen:
                stream.put(logbroker_pb2.SubscribeLogsMessage(messages=chosen))

    # -- the connection's face ------------------------------------------------------------------

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        """Answer one unary call."""
        if method == "RaftStatus.GetRaftStatus":
            return self._raft_status(method)
        self.calls.append((method, request))
        self._raise_trouble(method)
        service, _, name = method.partition(".")
        assert service == "Control", f"FakeCluster does not serve {method}"
        if name == "ListServiceStatuses":
            return self._statuses(request)
        for verb in ("Get", "List", "Create", "Update", "Remove"):
            if name.startswith(verb):
                noun = name.removeprefix(verb).lower()
                return self._control(verb, noun.removesuffix("s") if verb == "List" else noun, request)
        raise AssertionError(f"unknown method {method}")

    def _raft_status(self, method: str) -> raft_status_pb2.GetRaftStatusResponse:
        self.raft_asked += 1
        self._raise_trouble(method)
        if self.raft is None:
            raise CallFailed("UNIMPLEMENTED", f"unknown service for {method}")
        return self.raft

    async def stream(
        self, method: str, request: Message, *, timeout: float | None = None
    ) -> AsyncIterator[Any]:
        """Answer one server stream."""
        self.calls.append((method, request))
        self._raise_trouble(method)
        outlet: _Outlet
        if isinstance(request, watch_pb2.WatchRequest):
            outlet = self._watch(request)
        elif isinstance(request, logbroker_pb2.SubscribeLogsRequest):
            outlet = self._subscribe_logs(request)
        else:
            raise AssertionError(f"FakeCluster does not serve {method}")
        registry: list[Any] = self._watchers if isinstance(outlet, _Watcher) else self._log_streams
        if not outlet.is_ended:
            registry.append(outlet)
        try:
            async for message in outlet.messages():
                yield message
        finally:
            if outlet in registry:
                registry.remove(outlet)

    async def close(self) -> None:
        """End every stream; later calls fail."""
        self.closed = True
        self.unreachable = "connection closed"
        self.cut("connection closed")

    # -- inside ---------------------------------------------------------------------------------

    def _raise_trouble(self, method: str) -> None:
        if self.unreachable is not None:
            raise Unreachable(self.unreachable)
        if waiting := self._failures.get(method):
            raise waiting.pop(0)

    def _commit(self, changes: list[tuple[int | None, Any]]) -> None:
        based_on = self.version
        self.version += 1
        message = watch_pb2.WatchMessage()
        message.version.index = self.version
        for action, item in changes:
            held = self._objects[type(item)]
            old = held.get(item.id)
            if action == REMOVE:
                del held[item.id]
                kept = item
            else:
                kept = type(item)()
                kept.CopyFrom(item)
                self._stamp(kept, based_on)
                held[item.id] = kept
                action = CREATE if old is None else UPDATE
            event = message.events.add(action=action)
            getattr(event.object, _NAMES[type(item)]).CopyFrom(kept)
            if old is not None and action == UPDATE:
                getattr(event.old_object, _NAMES[type(item)]).CopyFrom(old)
        self._log.append((self.version, message))
        for watcher in list(self._watchers):
            watcher.offer(message, self.silent_versions)

    def _stamp(self, item: Any, based_on: int) -> None:
        item.meta.version.index = based_on
        if not item.meta.HasField("created_at"):
            item.meta.created_at.CopyFrom(timestamp(self.now_ns))
        item.meta.updated_at.CopyFrom(timestamp(self.now_ns))

    def _watch(self, request: watch_pb2.WatchRequest) -> "_Watcher":
        watcher = _Watcher(request)
        watcher.put(watch_pb2.WatchMessage())
        if request.HasField("resume_from"):
            first = request.resume_from.index
            if self.compacted:
                raise CallFailed("UNKNOWN", "requested index is unavailable due to compaction")
            for version, message in self._log:
                if version > first:
                    watcher.offer(message, False)
        return watcher

    def _subscribe_logs(self, request: logbroker_pb2.SubscribeLogsRequest) -> "_LogStream":
        stream = _LogStream(request)
        chosen = [line for line in self._log_lines if stream.wants(line)]
        if request.options.tail < 0:
            last = -request.options.tail - 1
            chosen = chosen[len(chosen) - last :] if last else []
        if chosen:
            stream.put(logbroker_pb2.SubscribeLogsMessage(messages=chosen))
        if not request.options.follow:
            stream.end(None)
        return stream

    def _control(self, verb: str, noun: str, request: Any) -> Message:
        if noun in self.missing_kinds or noun not in KINDS:
            raise CallFailed("UNIMPLEMENTED", f"unknown method {verb}{noun.title()}")
        kind = KINDS[noun]
        plural = f"{noun.title()}s" if verb == "List" else noun.title()
        response: Any = getattr(control_pb2, f"{verb}{plural}Response")()
        if verb == "List":
            getattr(response, f"{noun}s").extend(i for i in self.all(kind) if _matches(i, request.filters))
        elif verb == "Create":
            getattr(response, noun).CopyFrom(self._create(kind, request.spec))
        else:
            item = self._objects[kind].get(getattr(request, f"{noun}_id"))
            if item is None:
                raise CallFailed("NOT_FOUND", f"{noun} {getattr(request, f'{noun}_id')} not found")
            if verb == "Get":
                getattr(response, noun).CopyFrom(item)
            elif verb == "Update":
                getattr(response, noun).CopyFrom(self._update(noun, item, request))
            else:
                self.remove(kind, getattr(request, f"{noun}_id"))
                self._settle(item, removed=True)
        answer: Message = response
        return answer

    def _create(self, kind: type[Message], spec: Any) -> Message:
        if any(name_of(other) == spec.annotations.name for other in self._objects[kind].values()):
            raise CallFailed("ALREADY_EXISTS", "name conflicts with an existing object")
        item: Any = kind()
        item.id = make_id(_NAMES[kind])
        item.spec.CopyFrom(spec)
        self.put(item)
        self._settle(item)
        return self.get(kind, str(item.id))

    def _update(self, noun: str, item: Any, request: Any) -> Message:
        if item.meta.version.index != getattr(request, f"{noun}_version").index:
            raise CallFailed("UNKNOWN", "update out of sequence")
        new = type(item)()
        new.CopyFrom(item)
        new.spec.CopyFrom(request.spec)
        self.put(new)
        self._settle(new)
        kind: type[Message] = type(item)
        return self.get(kind, item.id)

    def _settle(self, item: Any, *, removed: bool = False) -> None:
        """What an orchestrator would have done in the end: as many running tasks as replicas."""
        if not self.orchestrate or not isinstance(item, objects_pb2.Service):
            return
        held = [task for task in self.all(objects_pb2.Task) if task.service_id == item.id]
        wanted = 0 if removed else item.spec.replicated.replicas
        for slot in range(len(held) + 1, wanted + 1):
            nodes = self.all(objects_pb2.Node)
            node_id = nodes[slot % len(nodes)].id if nodes else ""
            self.put(
                make_task(service=item, slot=slot, node_id=node_id, state="RUNNING", status_ns=self.now_ns)
            )
        for task in held[wanted:]:
            self.remove(objects_pb2.Task, task.id)

    def _statuses(self, request: Any) -> Message:
        response = control_pb2.ListServiceStatusesResponse()
        for id_ in request.services:
            tasks = [task for task in self.all(objects_pb2.Task) if task.service_id == id_]
            service = self._objects[objects_pb2.Service].get(id_)
            response.statuses.add(
                service_id=id_,
                desired_tasks=service.spec.replicated.replicas
                if isinstance(service, objects_pb2.Service)
                else 0,
                running_tasks=sum(task.status.state == types_pb2.RUNNING for task in tasks),
            )
        return response


class _Outlet:
    """One stream's messages: bounded, ended by `end`."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Message | Exception | None] = asyncio.Queue(_STREAM_ITEMS_MAX)
        self.is_ended = False

    def put(self, message: Message) -> None:
        if not self.is_ended:
            self._queue.put_nowait(message)

    def end(self, error: Exception | None) -> None:
        if not self.is_ended:
            self._queue.put_nowait(error)
            self.is_ended = True

    async def messages(self) -> AsyncIterator[Message]:
        while (item := await self._queue.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item


class _Watcher(_Outlet):
    def __init__(self, request: watch_pb2.WatchRequest) -> None:
        super().__init__()
        self._wanted = {entry.kind: entry.action for entry in request.entries}
        self._with_old = request.include_old_object

    def offer(self, message: watch_pb2.WatchMessage, silent_version: bool) -> None:
        cut = watch_pb2.WatchMessage()
        for event in message.events:
            kind = event.object.WhichOneof("Object") or ""
            if event.action & self._wanted.get(kind, watch_pb2.WATCH_ACTION_UNKNOWN):
                cut.events.append(event)
        if not self._with_old:
            for event in cut.events:
                event.ClearField("old_object")
        if cut.events:
            if not silent_version:
                cut.version.CopyFrom(message.version)
            self.put(cut)


class _LogStream(_Outlet):
    def __init__(self, request: logbroker_pb2.SubscribeLogsRequest) -> None:
        super().__init__()
        self._selector = request.selector
        self._options = request.options

    def wants(self, line: logbroker_pb2.LogMessage) -> bool:
        context = line.context
        selected = (
            context.service_id in self._selector.service_ids
            or context.task_id in self._selector.task_ids
            or context.node_id in self._selector.node_ids
        )
        since = self._options.since
        recent = (line.timestamp.seconds, line.timestamp.nanos) >= (since.seconds, since.nanos)
        return selected and recent and (not self._options.streams or line.stream in self._options.streams)


def _matches(item: Any, filters: Any) -> bool:
    """SwarmKit's rule: AND between criteria, OR within one."""
    criteria: list[tuple[str, Callable[[Any], bool]]] = [
        ("names", lambda value: name_of(item) == value),
        ("name_prefixes", lambda value: name_of(item).startswith(value)),
        ("id_prefixes", lambda value: item.id.startswith(value)),
        ("service_ids", lambda value: item.service_id == value),
        ("node_ids", lambda value: item.node_id == value),
        ("desired_states", lambda value: item.desired_state == value),
        ("roles", lambda value: item.role == value),
    ]
    present = {field.name for field in filters.DESCRIPTOR.fields}
    for field, is_match in criteria:
        values = list(getattr(filters, field)) if field in present else []
        if values and not any(is_match(value) for value in values):
            return False
    return True


def log_line(
    task: objects_pb2.Task, text: str, *, at_ns: int = START_NS, is_stderr: bool = False
) -> logbroker_pb2.LogMessage:
    """One line as `task` would write it."""
    stream = logbroker_pb2.LOG_STREAM_STDERR if is_stderr else logbroker_pb2.LOG_STREAM_STDOUT
    return logbroker_pb2.LogMessage(
        context=logbroker_pb2.LogContext(service_id=task.service_id, node_id=task.node_id, task_id=task.id),
        timestamp=timestamp(at_ns),
        stream=stream,
        data=text.encode() + b"\n",
    )


def lively_cluster() -> FakeCluster:
    """Three managers and nine workers with healthy services, one short of replicas, one in motion, one that crashes,
    a node down and one draining: every look the dashboard has."""
    gib = 1 << 30
    fake = FakeCluster(orchestrate=True)
    fake.advance(-41 * 86_400)
    fake.put(make_cluster("cluster-1"))
    nodes = [
        make_node(
            f"n{index:02}-{name}",
            hostname=name,
            role="MANAGER" if name.startswith("m") else "WORKER",
            state="DOWN" if name == "w7" else "READY",
            availability="DRAIN" if name == "w4" else "ACTIVE",
            labels={"zone": "abc"[index % 3]},
            addr=f"10.0.3.{10 + index}",
            resources=make_resources(cpus=8, memory=32 * gib),
        )
        for index, name in enumerate(["m1", "m2", "m3", "w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "w9"])
    ]
    for index, node in enumerate(nodes[:3]):
        node.manager_status.raft_id = index + 1
        node.manager_status.leader = index == 0
        node.manager_status.reachability = types_pb2.RaftMemberStatus.REACHABLE
        node.manager_status.addr = f"{node.status.addr}:4242"
    fake.put(*nodes)
    healthy = ["w1", "w2", "w3", "w5", "w6", "w8", "w9"]
    ids = {node.description.hostname: node.id for node in nodes}
    for name, stack, replicas, image, running, last_state, err, age_s in (
        ("api", "shop", 9, "registry/api:1.42", 6, "PREPARING", "", 3 * 86_400),
        ("billing", "shop", 3, "registry/billing:2.0", 1, "PENDING", "no suitable node", 240),
        ("mailer", "ops", 1, "registry/mailer:0.9", 0, "FAILED", "task: non-zero exit (1)", 9 * 86_400),
        ("db", "shop", 1, "postgres:17", 1, "", "", 41 * 86_400),
        ("cache", "shop", 3, "redis:7", 3, "", "", 41 * 86_400),
        ("metrics", "ops", 8, "node-exporter:1.9", 8, "", "", 9 * 86_400),
        ("web", "shop", 12, "registry/web:7.1.3", 12, "", "", 6 * 86_400),
        ("worker", "shop", 20, "registry/worker:3.3", 20, "", "", 6 * 86_400),
    ):
        fake.now_ns = START_NS - age_s * 1_000_000_000
        service = make_service(
            f"s-{name}", name=name, replicas=replicas, labels={"com.docker.stack.namespace": stack}
        )
        service.spec.task.container.image = image
        service.spec.task.resources.reservations.CopyFrom(make_resources(cpus=0.5, memory=gib))
        fake.put(service)
        for slot in range(1, replicas + 1):
            is_running = slot <= running
            host = "w4" if name == "worker" and slot > 17 else healthy[slot % 7]
            since_ns = fake.now_ns if is_running or name == "billing" else START_NS - slot * 2 * 10**9
            fake.put(
                make_task(
                    f"t-{name}-{slot:02}",
                    service=service,
                    slot=slot,
                    node_id="" if last_state == "PENDING" and not is_running else ids[host],
                    state="RUNNING" if is_running else last_state,
                    err="" if is_running else err,
                    status_ns=since_ns,
                )
            )
    fake.now_ns = START_NS
    return fake
