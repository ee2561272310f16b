"""One manager in this process: the product's own services over a store whose entries are committed at once.

What a control socket answers of Control, Watch, Logs, CA, Progress, Usage and RaftStatus is answered here by the same handlers. The loops
that would change the cluster by themselves (scheduler, orchestrators, dispatcher) do not run: a test says what happens.

Two things are scripted, because they are ports of those services: raft (`ScriptedRaft`) and the nodes that have the logs
(`node_logs`). `CommitLog` is raft's log: with it a manager can be started again from what was committed, and a watch
can be resumed.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import cast

from google.protobuf.descriptor import ServiceDescriptor
from swarm_core.api.proto import (
    ca_pb2,
    control_pb2,
    exec_pb2,
    logbroker_pb2,
    manager_figures_pb2,
    progress_pb2,
    raft_status_pb2,
    rollouts_pb2,
    usage_pb2,
    watch_pb2,
)
from swarm_core.api.proto.manager_figures_pb2 import (
    GetOwnFiguresRequest,
    GetOwnFiguresResponse,
    ListFiguresRequest,
    ListFiguresResponse,
)
from swarm_core.api.proto.objects_pb2 import Node
from swarm_core.api.proto.raft_status_pb2 import GetRaftStatusResponse, MemberProgress
from swarm_core.api.proto.types_pb2 import ManagerStatus, NodeStatus, RaftMemberStatus
from swarm_core.ca.external_ca import ExternalCas
from swarm_core.ca.tls import TlsIdentity
from swarm_core.manager.ca_server import CaServer
from swarm_core.manager.control_api.parts import control_handlers
from swarm_core.manager.control_api.services.rollouts import RolloutsApi
from swarm_core.manager.exec import Exec
from swarm_core.manager.log_broker.broker import LogBroker
from swarm_core.manager.parts import PLAIN_ERRORS
from swarm_core.manager.progress import Progress
from swarm_core.manager.raft_api import RaftStatusApi
from swarm_core.manager.usage import Usage
from swarm_core.manager.watch_api import WatchApi
from swarm_core.raft.progress import ProgressState
from swarm_core.raft.status import ProgressStatus, Status
from swarm_core.raft.types import ConfState, HardState, SoftState, StateRole
from swarm_core.raft_node.membership import Member
from swarm_core.raft_node.node import RaftNode
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Unimplemented
from swarm_core.rpc.server import Services
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group, cancel_and_wait
from swarm_core.store.memory import MemoryStore

from swarm_testkit.in_process import InProcessConnection
from swarm_testkit.node_logs import LogLines, NodeLogs

OPERATOR = Caller("", frozenset({"swarm-manager"}), "cluster", "", is_local=True)


class CommitLog:
    """Raft's log where nobody else votes: the store's Proposer. The first entry comes after `index`."""

    def __init__(self, index: int) -> None:
        self._compacted_to = self._index = index
        self._entries: list[tuple[int, bytes]] = []

    def commit_index(self) -> int:
        return self._index

    async def propose(self, actions: bytes, on_commit: Callable[[int], None]) -> None:
        on_commit(self.append(actions))

    def append(self, actions: bytes) -> int:
        """Commit an entry; its index."""
        self._index += 1
        self._entries.append((self._index, actions))
        return self._index

    def compact(self) -> None:
        """Forget every entry, as a manager does after a snapshot."""
        self._entries.clear()
        self._compacted_to = self._index

    def changes_between(self, low: int, high: int) -> list[tuple[int, bytes]]:
        if low < self._compacted_to:
            raise LookupError("requested index is unavailable due to compaction")
        return [(index, actions) for index, actions in self._entries if low < index <= high]


class Leading:
    """The leadership of a manager that has it for good."""

    is_leader = True


class ScriptedMembers:
    """The members that a test tells of."""

    def __init__(self, raft: "ScriptedRaft") -> None:
        self._raft = raft

    def all(self) -> list[Member]:
        assert self._raft.told is not None
        return [Member(member.raft_id, member.node_id, "") for member in self._raft.told.members]


class ScriptedFigures:
    """What managers tell of themselves, one answer after the other, the last for ever; without any this manager is a Docker Engine."""

    def __init__(self, told: list[ListFiguresResponse]) -> None:
        self._told = told

    async def list_figures(self, request: ListFiguresRequest, caller: Caller) -> ListFiguresResponse:
        if not self._told:
            raise Unimplemented("unknown service")
        return self._told.pop(0) if len(self._told) > 1 else self._told[0]

    async def get_own_figures(self, request: GetOwnFiguresRequest, caller: Caller) -> GetOwnFiguresResponse:
        raise Unimplemented("unknown service")


class ScriptedRaft:
    """What a manager asks of raft, as a test says it. `managers` are the members by node id; `told` is how raft stands
    (None: this manager is a Docker Engine, which does not tell)."""

    def __init__(self) -> None:
        self.managers: dict[str, ManagerStatus] = {}
        self.told: GetRaftStatusResponse | None = None
        self.figures: list[ListFiguresResponse] = []
        self.leadership = Leading()
        self.members = ScriptedMembers(self)

    def can_remove(self, raft_id: int) -> bool:
        """Whether those that can be reached are still a majority without this member."""
        left = [member for member in self.managers.values() if member.raft_id != raft_id]
        reachable = [member for member in left if member.reachability == RaftMemberStatus.REACHABLE]
        return len(reachable) > len(left) // 2

    def status(self) -> Status:
        told = self.told
        assert told is not None
        return Status(
            id=told.leader_raft_id,
            hard_state=HardState(term=told.term, vote=told.leader_raft_id, commit=told.commit_index),
            soft_state=SoftState(lead=told.leader_raft_id, role=StateRole.LEADER),
            applied=told.applied_index,
            last_index=told.last_index,
            lead_transferee=0,
            conf_state=ConfState(voters=tuple(member.raft_id for member in told.members)),
            progress={member.raft_id: _progress(member) for member in told.members},
        )


def _progress(member: MemberProgress) -> ProgressStatus:
    return ProgressStatus(
        match=member.match_index,
        next=member.match_index + 1,
        state=ProgressState[MemberProgress.State.Name(member.state)],
        pending_snapshot=0,
        is_recently_active=member.is_recently_active,
        is_paused=False,
        is_learner=member.is_learner,
        inflight_messages=0,
        text="",
    )


class SoleManager:
    """One life of the manager, in one event loop. Its content is that of `former`, its life before, if it had one.

    Its loops run while it is `reached` for something, so that no task outlives its use.
    """

    def __init__(
        self,
        log: CommitLog,
        clock: Clock,
        rng: random.Random,
        raft: ScriptedRaft,
        lines: LogLines,
        *,
        former: MemoryStore | None = None,
    ) -> None:
        self.store = MemoryStore(clock=clock, proposer=log)
        if former is not None:
            self.store.restore(former.version, former.snapshot()())
        self._clock = clock
        self._lines = lines
        self._broker = _Broker(LogBroker(self.store, clock, rng))
        self._progress = Progress(self.store, clock)
        self._exec = Exec(self.store, clock, rng)
        self.usage = Usage(self.store, clock)
        self._ca_server = CaServer(self.store, clock, rng, ExternalCas(_no_identity))
        control = control_handlers(
            self.store,
            clock,
            rng,
            members=lambda: raft.managers,
            can_remove=raft.can_remove,
            external=ExternalCas(_no_identity),
        )
        self._services = Services(plain=PLAIN_ERRORS)
        for module, name, handlers in (
            (control_pb2, "Control", control),
            (rollouts_pb2, "Rollouts", (RolloutsApi(self.store),)),
            (watch_pb2, "Watch", (WatchApi(self.store),)),
            (ca_pb2, "CA", (self._ca_server,)),
            (logbroker_pb2, "Logs", (self._broker.broker,)),
            (logbroker_pb2, "LogBroker", (self._broker,)),
            (progress_pb2, "Progress", (self._progress,)),
            (usage_pb2, "Usage", (self.usage,)),
            (exec_pb2, "Exec", (self._exec,)),
            (manager_figures_pb2, "ManagerFigures", (ScriptedFigures(raft.figures),)),
            (raft_status_pb2, "RaftStatus", (RaftStatusApi(cast(RaftNode, raft)),)),
        ):
            self._services.add(_service(module, name), *handlers)
        self._users = 0
        self._running: asyncio.Task[None] | None = None
        self._one_run = asyncio.Lock()
        self._started = asyncio.Event()
        self._group: Group | None = None
        self._has_authority = False
        self._nodes: dict[str, NodeLogs] = {}

    def connection(self, caller: Caller = OPERATOR) -> InProcessConnection:
        """A new connection to this manager."""
        return InProcessConnection(self._services, caller)

    @asynccontextmanager
    async def reached(self, method: str) -> AsyncIterator[None]:
        """Have the loops run that "Service.Method" needs, until the block is left."""
        self._users += 1
        try:
            if self._running is None:
                self._started.clear()
                self._running = asyncio.ensure_future(self._run())
            await self._started.wait()
            service = method.partition(".")[0]
            if service == "Logs":
                await self._until_nodes_listen()
            elif service == "CA":
                await self._until_authority_runs()
            yield
        finally:
            self._users -= 1
            if not self._users and self._running is not None:
                running, self._running = self._running, None
                await cancel_and_wait(running)

    async def _run(self) -> None:
        # The run before may need some turns to end, and clears then what every run uses.
        async with self._one_run:
            try:
                async with Group() as group:
                    group.spawn(self.store.run(), name="store")
                    group.spawn(self._broker.broker.run(), name="log broker")
                    group.spawn(self._progress.run(), name="progress")
                    group.spawn(self.usage.run(), name="usage")
                    group.spawn(self._exec.run(), name="exec")
                    await asyncio.sleep(0)
                    self._group = group
                    self._started.set()
            finally:
                self._group = None
                self._has_authority = False
                self._nodes.clear()
                self._broker.listening.clear()

    async def _until_authority_runs(self) -> None:
        assert self._group is not None
        if not self._has_authority:
            self._has_authority = True
            self._group.spawn(self._ca_server.run(), name="certificate authority")
            await asyncio.sleep(0)

    async def _until_nodes_listen(self) -> None:
        """Have every ready node wait for subscriptions of its tasks' logs."""
        assert self._group is not None
        for node in self.store.find(Node):
            if node.status.state == NodeStatus.READY and node.id not in self._nodes:
                caller = Caller(node.id, frozenset({"swarm-worker"}), "cluster", "192.0.2.1:1")
                logs = self._nodes[node.id] = NodeLogs(node.id, self.store, self._lines)
                self._group.spawn(logs.run(self.connection(caller), self._clock), name=f"logs of {node.id}")
        while not self._nodes.keys() <= self._broker.listening:
            await asyncio.sleep(0)


class _Broker:
    """LogBroker's handler; `listening` are the nodes whose stream stands."""

    def __init__(self, broker: LogBroker) -> None:
        self.broker = broker
        self.listening: set[str] = set()

    async def listen_subscriptions(
        self, request: logbroker_pb2.ListenSubscriptionsRequest, caller: Caller
    ) -> AsyncIterator[logbroker_pb2.SubscriptionMessage]:
        async with aclosing(self.broker.listen_subscriptions(request, caller)) as messages:  # type: ignore[type-var]
            # The next step registers the node, and nobody else runs in between.
            self.listening.add(caller.node_id)
            async for message in messages:
                yield message

    async def publish_logs(
        self, requests: AsyncIterator[logbroker_pb2.PublishLogsMessage], caller: Caller
    ) -> logbroker_pb2.PublishLogsResponse:
        return await self.broker.publish_logs(requests, caller)


def _service(module: object, name: str) -> ServiceDescriptor:
    found: ServiceDescriptor = module.DESCRIPTOR.services_by_name[name]  # type: ignore[attr-defined]
    return found


def _no_identity() -> TlsIdentity:
    raise AssertionError("no test of a cluster in memory asks an external authority")
