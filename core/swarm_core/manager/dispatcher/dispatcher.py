"""The Dispatcher service on the leader: sessions, heartbeats, reports and assignments (docs/design/dispatcher.md 5).

Rules
1. Outside `run` every call is answered Aborted, and open streams end.
2. One subscription to the store serves all streams; one timer serves all nodes.
3. A node that misses its heartbeats, or loses its connection and does not come back, becomes DOWN and is no longer registered; after a day its tasks are orphaned. After a
   change of leader every node is UNKNOWN until it registers, and has twice the time for it.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from swarm_core.api.proto.dispatcher_pb2 import (
    AssignmentsRequest,
    HeartbeatRequest,
    HeartbeatResponse,
    SessionMessage,
    SessionRequest,
    TasksRequest,
    UpdateTaskStatusRequest,
    UpdateTaskStatusResponse,
    UpdateVolumeStatusRequest,
    UpdateVolumeStatusResponse,
)
from swarm_core.api.proto.objects_pb2 import Cluster, Node, Task, Volume
from swarm_core.api.proto.types_pb2 import NodeStatus, WeightedPeer
from swarm_core.api.runtimes import is_ours
from swarm_core.api.timestamps import duration, duration_s
from swarm_core.manager.dispatcher.config import DispatcherConfig
from swarm_core.manager.dispatcher.feed import AssignmentFeed
from swarm_core.manager.dispatcher.liveness import Liveness
from swarm_core.manager.dispatcher.registrations import Registrations
from swarm_core.manager.dispatcher.status_writer import NodeUpdate, StatusWriter
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Aborted, Code, NotFound, PermissionDenied, RpcFailure, Unknown
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.store.events import Commit, Deleted, Updated
from swarm_core.store.memory import MemoryStore
from swarm_core.watch.queue import Overflow, Subscription

_log = logging.getLogger(__name__)


class Dispatcher:
    """Handler of docker.swarmkit.v1.Dispatcher and component of the leader.

    `managers` gives the managers as agents shall know them, each with a weight; call `managers_changed` when it would give
    another answer. `managers_are_ours` says whether each of them is known to be of our make. `node_id` is this manager's.
    """

    name = "dispatcher"

    def __init__(
        self,
        store: MemoryStore,
        clock: Clock,
        rng: random.Random,
        *,
        node_id: str,
        managers: Callable[[], Sequence[WeightedPeer]],
        managers_are_ours: Callable[[], bool],
        config: DispatcherConfig | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._managers = managers
        self._managers_are_ours = managers_are_ours
        self._config = config or DispatcherConfig()
        self._registrations = Registrations(self._config, rng)
        self._writer = StatusWriter(store, clock, node_id, self._config)
        self._feed = AssignmentFeed(store, clock, self._config, self._catch_up)
        self._liveness = Liveness(
            store, clock, rng, config=self._config, writer=self._writer, lost=self._forget
        )
        self._sessions: dict[str, list[asyncio.Event]] = {}
        self._events: Subscription[Commit] | None = None  # None: not running

    # the component

    async def run(self) -> None:
        """Serve from now until cancelled."""
        self._events = self._subscribe()
        try:
            self._take_over()
            async with Group() as group:
                group.spawn(self._writer.run(), name="dispatcher status writer")
                group.spawn(self._follow_events(), name="dispatcher events")
                group.spawn(self._liveness.run(), name="dispatcher liveness")
                group.spawn(self._feed.run(), name="dispatcher assignments")
        finally:
            self._events.close()
            self._events = None
            self._registrations.clear()
            self._liveness.clear()
            self._wake_sessions()
            self._feed.wake()

    def _manager_host(self, node_id: str) -> str:
        """Where a manager's own agent is, which comes by no network: where the manager is."""
        for each in self._managers():
            if each.peer.node_id == node_id:
                return each.peer.addr.rpartition(":")[0].strip("[]")
        return ""

    @property
    def sessions(self) -> int:
        """How many nodes have a session now."""
        return len(self._sessions)

    @property
    def reports_waiting(self) -> int:
        """How many reports of nodes are not written yet."""
        return self._writer.waiting

    def managers_changed(self) -> None:
        """Tell every agent the new list of managers."""
        self._wake_sessions()

    # the handler

    async def session(self, request: SessionRequest, caller: Caller) -> AsyncIterator[SessionMessage]:
        """Register the calling node, or confirm its session; then its node object, managers, keys and root CA as they change."""
        self._check_running()
        node_id = caller.node_id
        update = NodeUpdate(
            state=NodeStatus.READY,
            addr=caller.host or self._manager_host(node_id),
            description=request.description if request.HasField("description") else None,
        )
        if self._registrations.holds(node_id, request.session_id):
            session_id = request.session_id
            await self._mark_ready(node_id, update)
        else:
            session_id = await self._register(node_id, update)
            _log.debug("%s has registered", caller)
        with self._cut_off_noted(node_id, session_id), self._session_signal(node_id) as woken:
            last: SessionMessage | None = None
            while self._events is not None:
                self._registrations.check(node_id, session_id)
                woken.clear()
                message = self._session_message(node_id, session_id)
                if message != last:
                    last = message
                    yield message
                await woken.wait()
            if self._store.get(Node, node_id) is not None:
                yield self._session_message(node_id, session_id)
        raise Aborted("dispatcher is stopped; node must reconnect")

    async def heartbeat(self, request: HeartbeatRequest, caller: Caller) -> HeartbeatResponse:
        """Put the node's deadline off; the answer says when to call again."""
        self._check(caller.node_id, request.session_id)
        node_id = caller.node_id
        return HeartbeatResponse(
            period=duration(self._liveness.beat(node_id, is_quick=self._is_quick(node_id)))
        )

    async def update_task_status(
        self, request: UpdateTaskStatusRequest, caller: Caller
    ) -> UpdateTaskStatusResponse:
        """Queue the reported states; the answer does not wait until they are written."""
        self._check(caller.node_id, request.session_id)
        known = []
        for update in request.updates:
            task = self._store.get(Task, update.task_id)
            if task is None or not update.HasField("status"):
                continue
            if task.node_id != caller.node_id:
                raise PermissionDenied(f"task {task.id} does not belong to node {caller.node_id}")
            known.append(update)
        for update in known:
            self._writer.put_task(update.task_id, update.status)
        return UpdateTaskStatusResponse()

    async def update_volume_status(
        self, request: UpdateVolumeStatusRequest, caller: Caller
    ) -> UpdateVolumeStatusResponse:
        """Queue which volumes the node no longer uses."""
        self._check(caller.node_id, request.session_id)
        for update in request.updates:
            if update.unpublished:
                self._writer.put_unpublished(update.id, caller.node_id)
        return UpdateVolumeStatusResponse()

    def assignments(self, request: AssignmentsRequest, caller: Caller) -> AsyncIterator[bytes]:
        """Encoded AssignmentsMessages: the node's full set, then changes."""
        return self._feed.follow(caller.node_id, self._stream_check(caller.node_id, request.session_id))

    def tasks(self, request: TasksRequest, caller: Caller) -> AsyncIterator[bytes]:
        """Encoded TasksMessages, for agents that do not know assignments."""
        return self._feed.follow_tasks(caller.node_id, self._stream_check(caller.node_id, request.session_id))

    # sessions

    def _check_running(self) -> None:
        if self._events is None:
            raise Aborted("dispatcher is stopped")

    def _check(self, node_id: str, session_id: str) -> None:
        self._check_running()
        self._registrations.check(node_id, session_id)

    def _stream_check(self, node_id: str, session_id: str) -> Callable[[], None]:
        opened = False

        def check() -> None:
            nonlocal opened
            if opened and self._events is None:
                raise RpcFailure(Code.CANCELLED, "dispatcher is stopped")
            self._check(node_id, session_id)
            opened = True

        return check

    async def _register(self, node_id: str, update: NodeUpdate) -> str:
        self._registrations.admit(node_id, self._clock.monotonic())
        if self._store.get(Node, node_id) is None:
            raise Unknown(f"node {node_id} does not exist")
        await self._mark_ready(node_id, update)
        self._check_running()
        session_id = self._registrations.register(node_id, self._clock.monotonic())
        self._wake_sessions(node_id)
        self._feed.wake(node_id)
        return session_id

    async def _mark_ready(self, node_id: str, update: NodeUpdate) -> None:
        self._liveness.arrive(node_id)
        # Shielded: the future belongs to everybody who waits for this node's update.
        await asyncio.shield(self._writer.put_node(node_id, update))

    def _session_message(self, node_id: str, session_id: str) -> SessionMessage:
        node = self._store.get(Node, node_id)
        if node is None:
            raise NotFound("node not registered")
        message = SessionMessage(session_id=session_id, node=node, managers=self._managers())
        for cluster in self._store.find(Cluster):
            message.network_bootstrap_keys.extend(cluster.network_bootstrap_keys)
            message.RootCA = cluster.root_ca.ca_cert
        return message

    @contextlib.contextmanager
    def _session_signal(self, node_id: str) -> Iterator[asyncio.Event]:
        woken = asyncio.Event()
        signals = self._sessions.setdefault(node_id, [])
        signals.append(woken)
        try:
            yield woken
        finally:
            signals.remove(woken)
            if not signals and self._sessions.get(node_id) is signals:
                del self._sessions[node_id]

    @contextlib.contextmanager
    def _cut_off_noted(self, node_id: str, session_id: str) -> Iterator[None]:
        """Note when a session is ended from outside: its connection is lost. Not while another stream of the node is open."""
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            is_alone = self._events is not None and not self._sessions.get(node_id)
            if is_alone and self._registrations.holds(node_id, session_id) and self._is_quick(node_id):
                self._liveness.cut_off(node_id)
            raise

    def _is_quick(self, node_id: str) -> bool:
        """Whether the node shows more often that it lives (5.5.2)."""
        node = self._store.get(Node, node_id)
        return node is not None and is_ours(node) and self._managers_are_ours()

    def _wake_sessions(self, node_id: str | None = None) -> None:
        chosen = self._sessions.values() if node_id is None else [self._sessions.get(node_id, [])]
        for signals in chosen:
            for woken in signals:
                woken.set()

    def _forget(self, node_id: str) -> None:
        self._registrations.remove(node_id)
        self._wake_sessions(node_id)
        self._feed.wake(node_id)

    # the store

    def _subscribe(self) -> Subscription[Commit]:
        return self._store.subscribe(Task, Node, Cluster, Volume)

    def _take_over(self) -> None:
        for cluster in self._store.find(Cluster):
            self._adopt(cluster)
        for node in self._store.find(Node):
            if node.status.state == NodeStatus.DOWN:
                self._liveness.await_down(node.id)
                continue
            self._registrations.expect(node.id, self._clock.monotonic())
            self._liveness.await_unknown(node.id)
            message = "waiting for the node to register with the new leader"
            self._writer.put_node(node.id, NodeUpdate(NodeStatus.UNKNOWN, message))

    def _adopt(self, cluster: Cluster) -> None:
        period_s = duration_s(cluster.spec.dispatcher.heartbeat_period)
        self._liveness.periods.base_s = period_s or self._config.heartbeat_period_s

    async def _follow_events(self) -> None:
        while (events := self._events) is not None:
            try:
                self._apply(await events.next())
            except Overflow:
                if events is self._events:
                    self._start_anew()

    def _catch_up(self) -> None:
        assert self._events is not None
        try:
            self._apply(self._events.take())
        except Overflow:
            self._start_anew()

    def _start_anew(self) -> None:
        _log.warning("the dispatcher fell behind the store and sends full sets")
        self._events = self._subscribe()
        self._feed.start_anew()
        for cluster in self._store.find(Cluster):
            self._adopt(cluster)
        self._wake_sessions()

    def _apply(self, commits: Sequence[Commit]) -> None:
        for commit in commits:
            for event in commit.events:
                item = event.object
                if isinstance(item, Task):
                    if isinstance(event, Deleted):
                        self._feed.remove(item)
                    else:
                        self._feed.put(item, event.encoded)
                elif isinstance(item, Node):
                    if isinstance(event, Deleted):
                        self._liveness.forget(item.id)
                        self._forget(item.id)
                    self._wake_sessions(item.id)
                elif isinstance(item, Cluster):
                    self._adopt(item)
                    self._wake_sessions()
                elif isinstance(item, Volume):
                    if isinstance(event, Deleted):
                        self._feed.remove_volume(item)
                    else:
                        old = event.old if isinstance(event, Updated) else None
                        assert old is None or isinstance(old, Volume)
                        self._feed.put_volume(item, old)
