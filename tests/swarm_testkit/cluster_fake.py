"""A cluster in memory behind the client's connection: for tests of the client, the mirror, the command line and the dashboard.

`FakeCluster` answers `call` and `stream` as `client.connection.Connection` does. The answers are the product's: a
`SoleManager` holds the objects and serves Control, Watch, Logs, CA, Progress and RaftStatus. What is scripted stands around it:

- content: `put`, `update` and `remove`, each one commit of another manager's; what raft knows of managers is `members`;
- tasks: with `orchestrate` a service gets its running tasks, or loses them, as soon as it was created, changed or removed;
- logs: the lines given by `log_lines`;
- troubles of the way to the manager: `fail_next`, `cut`, `unreachable`, and of the manager: `compact`, `silent_versions`
  (a Docker follower), `missing_kinds` (an old engine), no `raft` (a Docker Engine).

Nothing waits for time and nothing is random. Time is `now_ns`, which tests move by hand.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

from google.protobuf.message import Message
from swarm_core.api.proto import (
    control_pb2,
    exec_pb2,
    logbroker_pb2,
    objects_pb2,
    progress_pb2,
    raft_status_pb2,
    types_pb2,
    usage_pb2,
    watch_pb2,
)
from swarm_core.api.proto.manager_figures_pb2 import ListFiguresResponse
from swarm_core.api.timestamps import timestamp
from swarm_core.client.errors import CallFailed, Unreachable
from swarm_core.rpc.caller import Caller
from swarm_core.runtime.tasks import cancel_and_wait
from swarm_core.store import actions
from swarm_core.store.by import ByService, Name
from swarm_core.store.tables import SCHEMA_OF

from swarm_testkit.factories import make_cluster, make_node, make_resources, make_service, make_task
from swarm_testkit.in_process import LOST, InProcessConnection, copied
from swarm_testkit.node_logs import LogLines
from swarm_testkit.sole_manager import CommitLog, ScriptedRaft, SoleManager

T = TypeVar("T", bound=Message)

START_NS = 1_760_000_000 * 1_000_000_000
_FIRST_INDEX = 10
_RAFT_STATUS = "RaftStatus.GetRaftStatus"
_PROGRESS = "Progress.WatchProgress"
_USAGE = "Usage.WatchUsage"


class ClusterClock:
    """A Clock whose time of day is the cluster's and whose waiting is real."""

    def __init__(self, cluster: "FakeCluster") -> None:
        self._cluster = cluster

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def wall_ns(self) -> int:
        return self._cluster.now_ns

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))


class FakeCluster:
    """See the module's text. `calls` records every (method, request) in order; counted are the questions for raft's status,
    the streams that are open (that of progress apart, which comes and goes with tasks that are prepared, and that of usage), and the messages of all
    streams."""

    def __init__(self, objects: Iterable[Message] = (), *, orchestrate: bool = False) -> None:
        self.now_ns = START_NS
        self.clock = ClusterClock(self)
        self.orchestrate = orchestrate
        self.silent_versions = False
        self.unreachable: str | None = None
        self.missing_kinds: set[str] = set()
        self.used: dict[str, Mapping[str, tuple[float, int]]] = {}
        """What nodes tell to who begins to watch."""
        self.raft_asked = 0
        self.calls: list[tuple[str, Message]] = []
        self.closed = False
        self.streams_open = self.progress_open = self.messages_given = 0
        self._hanging: set[str] = set()
        self._failures: dict[str, list[BaseException]] = {}
        self._log = CommitLog(_FIRST_INDEX)
        self._rng = random.Random(1)
        self._raft = ScriptedRaft()
        self._lines = LogLines()
        self._manager = SoleManager(self._log, self.clock, self._rng, self._raft, self._lines)
        self.changed_at: dict[type[Message], int] = {}
        """The entry that changed objects of a kind last, of which a manager tells its daemon."""
        self._manager.store.tell_changed = self._note_changed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: InProcessConnection | None = None
        if objects:
            self.put(*objects)

    # -- content, for the test ------------------------------------------------------------------

    def put(self, *objects: Message) -> None:
        """Create or replace these objects in one commit; versions and times are stamped. The manager status of a node is
        what raft knows of it, and is kept in `members`."""
        records = []
        for item in map(copied, objects):
            self._check_name(item)
            if isinstance(item, objects_pb2.Node):
                self._note_member(item)
            self._stamp(item)
            action = actions.CREATE if self._held(item) is None else actions.UPDATE
            records.append((type(item), action, item))
        self._commit(records)

    def _note_changed(self, version: int, kinds: Iterable[type[Message]]) -> None:
        self.changed_at.update(dict.fromkeys(kinds, version))

    def update(self, kind: type[T], id_: str, change: Callable[[T], object]) -> T:
        """Change a copy of one object with `change` and commit it."""
        item = copied(self.get(kind, id_))
        change(item)
        self.put(item)
        return item

    def remove(self, kind: type[Message], *ids: str) -> None:
        """Delete these objects in one commit."""
        self._commit([(kind, actions.REMOVE, self.get(kind, id_)) for id_ in ids])
        for id_ in ids:
            self.members.pop(id_, None)

    def get(self, kind: type[T], id_: str) -> T:
        """The object, to be read only; KeyError when there is none."""
        item: Any = self._manager.store.get(kind, id_)
        if item is None:
            raise KeyError(id_)
        shown: T = self._shown(item)
        return shown

    def all(self, kind: type[T]) -> list[T]:
        """Every object of a kind, in id order, to be read only."""
        found: list[Any] = self._manager.store.find(kind)
        return [self._shown(item) for item in found]

    @property
    def version(self) -> int:
        """The index of the newest commit."""
        return self._manager.store.version

    @property
    def members(self) -> dict[str, types_pb2.ManagerStatus]:
        """What raft knows of the managers, by node id. A change here is in no event."""
        return self._raft.managers

    @property
    def figures(self) -> list[ListFiguresResponse]:
        """What managers tell of themselves, one answer after the other, the last for ever; without any this is a Docker Engine."""
        return self._raft.figures

    @property
    def raft(self) -> raft_status_pb2.GetRaftStatusResponse | None:
        """How raft stands; None when this manager does not tell, as a Docker Engine."""
        return self._raft.told

    @raft.setter
    def raft(self, told: raft_status_pb2.GetRaftStatusResponse | None) -> None:
        self._raft.told = told

    def advance(self, seconds: float) -> None:
        """Move the cluster's time on."""
        self.now_ns += int(seconds * 1e9)

    def wall_ns(self) -> int:
        """The cluster's time, as a clock's method."""
        return self.now_ns

    def log_lines(self, *lines: logbroker_pb2.LogMessage) -> None:
        """Let tasks write these lines: kept for later readers, sent to those that follow."""
        for line in lines:
            self._lines.write(line)

    async def tell_progress(self, *tasks: progress_pb2.TaskProgress) -> None:
        """Let the nodes tell that these tasks, and no others, are busy."""
        for node in self.all(objects_pb2.Node):
            own = [each for each in tasks if self.get(objects_pb2.Task, each.task_id).node_id == node.id]
            caller = Caller(node.id, frozenset({"swarm-worker"}), "cluster", "192.0.2.1:1")
            request = progress_pb2.ReportProgressRequest(tasks=own)
            async with self._reached("Progress.ReportProgress"):
                await self._manager.connection(caller).call("Progress.ReportProgress", request)

    async def _tell_what_is_used(self) -> None:
        """Let the nodes tell `used`."""
        for node_id, used in self.used.items():
            await self.tell_usage(node_id, used)

    async def tell_usage(self, node_id: str, used: Mapping[str, tuple[float, int]]) -> None:
        """Let a node tell, once somebody watches, what uses which processors and memory: its tasks by their ids, itself by its own."""
        while not self._manager.usage.is_watched:
            await asyncio.sleep(0)
        usage = usage_pb2.NodeUsage()
        for id_, (cpus, memory) in used.items():
            series = usage.machine if id_ == node_id else usage.tasks.add(task_id=id_).series
            series.CopyFrom(usage_pb2.UsageSeries(ago_ms=[0], cpus=[cpus], memory_bytes=[memory]))
        caller = Caller(node_id, frozenset({"swarm-worker"}), "cluster", "192.0.2.1:1")
        async with self._reached("Usage.ReportUsage"):
            request = usage_pb2.ReportUsageRequest(usage=usage)
            await self._manager.connection(caller).call("Usage.ReportUsage", request)

    # -- troubles, for the test -----------------------------------------------------------------

    def fail_next(self, method: str, error: BaseException, *, times: int = 1) -> None:
        """The next calls or streams of "Service.Method" raise `error`."""
        self._failures.setdefault(method, []).extend([error] * times)

    def fail_no_more(self, method: str) -> None:
        """Calls of `method` are answered again."""
        self._failures.pop(method, None)

    def hang(self, method: str) -> None:
        """Calls of `method` are noted and never answered."""
        self._hanging.add(method)

    def cut(self, reason: str = LOST) -> None:
        """End everything under way as a lost connection does; whoever calls again has a new one."""
        if self._connection is not None:
            self._connection.cut(reason)
            self._connection = None

    def compact(self) -> None:
        """Forget the history: no watch resumes from before now."""
        self._log.compact()

    # -- the connection's face ------------------------------------------------------------------

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        """The answer of one unary call. Raises CallFailed or Unreachable."""
        self._note(method, request)
        if method in self._hanging:
            await asyncio.Event().wait()
        async with self._reached(method) as connection:
            answer = await connection.call(method, request, timeout=timeout)
        if self.orchestrate:
            self._settle(request, answer)
        return answer

    async def stream(self, method: str, request: Message) -> AsyncIterator[Any]:
        """The messages of one server stream."""
        self._note(method, request)
        async with (
            self._reached(method) as connection,
            aclosing(connection.stream(method, request)) as messages,  # type: ignore[type-var]
        ):
            self._count(method, 1)
            telling = asyncio.ensure_future(self._tell_what_is_used()) if method == _USAGE else None
            try:
                async for message in messages:
                    if isinstance(message, watch_pb2.WatchMessage) and self.silent_versions:
                        message.ClearField("version")
                    self.messages_given += 1
                    yield message
            finally:
                self._count(method, -1)
                if telling is not None:
                    await cancel_and_wait(telling)

    async def both_ways(self, method: str, requests: AsyncIterator[Message]) -> AsyncIterator[Any]:
        """The messages of a stream against another."""
        self._note(method, exec_pb2.ExecRequest())
        async with (
            self._reached(method) as connection,
            aclosing(connection.both_ways(method, requests)) as messages,  # type: ignore[type-var]
        ):
            async for message in messages:
                yield message

    async def close(self) -> None:
        """End every stream; later calls fail."""
        self.closed = True
        self.unreachable = "connection closed"
        self.cut("connection closed")

    # -- inside ---------------------------------------------------------------------------------

    def _count(self, method: str, change: int) -> None:
        if method == _USAGE:
            return
        if method == _PROGRESS:
            self.progress_open += change
        else:
            self.streams_open += change

    def _note(self, method: str, request: Message) -> None:
        """Record what is asked, and raise the trouble that is due."""
        if method == _RAFT_STATUS:
            self.raft_asked += 1
        elif method not in (_PROGRESS, _USAGE):
            self.calls.append((method, request))
        if self.unreachable is not None:
            raise Unreachable(self.unreachable)
        if waiting := self._failures.get(method):
            raise waiting.pop(0)
        noun = method.lower().removesuffix("s")
        is_missing = method.startswith("Control.") and any(noun.endswith(kind) for kind in self.missing_kinds)
        if is_missing or (method == _RAFT_STATUS and self.raft is None):
            raise CallFailed("UNIMPLEMENTED", f"unknown method {method}")

    @asynccontextmanager
    async def _reached(self, method: str) -> AsyncIterator[InProcessConnection]:
        """A connection to the manager, whose loops run until the block is left. In a new event loop the manager begins
        anew."""
        loop = asyncio.get_running_loop()
        if self._loop not in (None, loop):
            former, self._connection = self._manager.store, None
            self._manager = SoleManager(
                self._log, self.clock, self._rng, self._raft, self._lines, former=former
            )
        self._loop = loop
        if self._connection is None:
            self._connection = self._manager.connection()
        connection = self._connection
        async with self._manager.reached(method):
            yield connection

    def _commit(self, records: list[tuple[type[Any], int, Any]]) -> None:
        request = b"".join(
            actions.encode_action(kind, action, item.SerializeToString()) for kind, action, item in records
        )
        self._manager.store.apply(self._log.append(request), request)

    def _held(self, item: Any) -> Any:
        return self._manager.store.get(type(item), item.id)

    def _check_name(self, item: Any) -> None:
        """A leader would have refused a second object of this name."""
        schema: Any = SCHEMA_OF[type(item)]
        if schema.unique_name:
            holders = self._manager.store.find(schema.kind, Name(schema.name_of(item)))
            assert all(holder.id == item.id for holder in holders), f"two {schema.name}s are called alike"

    def _stamp(self, item: Any) -> None:
        item.meta.version.index = self._log.commit_index()
        if not item.meta.HasField("created_at"):
            item.meta.created_at.CopyFrom(timestamp(self.now_ns))
        item.meta.updated_at.CopyFrom(timestamp(self.now_ns))

    def _note_member(self, node: objects_pb2.Node) -> None:
        if node.HasField("manager_status"):
            self.members[node.id] = copied(node.manager_status)
            node.ClearField("manager_status")
        else:
            self.members.pop(node.id, None)

    def _shown(self, item: Any) -> Any:
        if isinstance(item, objects_pb2.Node) and item.id in self.members:
            item = copied(item)
            item.manager_status.CopyFrom(self.members[item.id])
        return item

    def _settle(self, request: Message, answer: Any) -> None:
        """What the orchestrator, the scheduler and the agents would have done in the end."""
        if isinstance(request, control_pb2.RemoveServiceRequest):
            self._run_tasks(objects_pb2.Service(id=request.service_id))
        elif isinstance(request, control_pb2.CreateServiceRequest | control_pb2.UpdateServiceRequest):
            self._run_tasks(answer.service)

    def _run_tasks(self, service: objects_pb2.Service) -> None:
        """As many running tasks as replicas are wanted."""
        wanted = service.spec.replicated.replicas
        held = self._manager.store.find(objects_pb2.Task, ByService(service.id))
        nodes = self._manager.store.find(objects_pb2.Node)
        for slot in range(len(held) + 1, wanted + 1):
            node_id = nodes[slot % len(nodes)].id if nodes else ""
            self.put(
                make_task(service=service, slot=slot, node_id=node_id, state="RUNNING", status_ns=self.now_ns)
            )
        for task in held[wanted:]:
            self.remove(objects_pb2.Task, task.id)


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
