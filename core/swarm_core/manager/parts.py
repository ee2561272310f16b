"""What a manager is made of: the services it answers, and the components that run while it leads.

`build` makes them all from ports; `managerd` and the simulated cluster both use it, so there is one list of each.

Rules:
- The control socket passes everything on to the leader but what a member answers from its own copy (watching, health) and
  what its own node asks of it (a certificate, when nobody else believes the present one).
- The remote API answers Control, Logs and RaftStatus itself, as the other implementations do; what nodes ask of any manager goes
  to the leader.
- Components start in the order of the tuples: the dispatcher first, so that nodes find it while the rest takes over.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from google.protobuf.descriptor import ServiceDescriptor

from swarm_core.api.proto import (
    backup_pb2,
    ca_pb2,
    control_pb2,
    dispatcher_pb2,
    endpoints_pb2,
    exec_pb2,
    health_pb2,
    logbroker_pb2,
    manager_figures_pb2,
    objects_pb2,
    own_certificate_pb2,
    progress_pb2,
    raft_pb2,
    raft_status_pb2,
    resource_pb2,
    rollouts_pb2,
    types_pb2,
    usage_pb2,
    watch_pb2,
)
from swarm_core.api.proto.manager_figures_pb2 import Measured
from swarm_core.ca.certificates import NodeIdentity
from swarm_core.ca.external_ca import ExternalCas
from swarm_core.ca.tls import TlsIdentity
from swarm_core.manager.allocator.allocator import Allocator
from swarm_core.manager.backup import BackupApi
from swarm_core.manager.ca_server import CaServer
from swarm_core.manager.control_api.parts import control_handlers
from swarm_core.manager.control_api.services.rollouts import RolloutsApi
from swarm_core.manager.dispatcher.dispatcher import Dispatcher
from swarm_core.manager.endpoints.api import EndpointsApi
from swarm_core.manager.exec import Exec
from swarm_core.manager.figures_api import AskOther, ManagerFiguresApi
from swarm_core.manager.health import Health
from swarm_core.manager.key_manager import KeyManager
from swarm_core.manager.log_broker.broker import LogBroker
from swarm_core.manager.manager import LeaderComponent, Manager
from swarm_core.manager.orchestrator.constraint_enforcer import ConstraintEnforcer
from swarm_core.manager.orchestrator.global_ import GlobalOrchestrator
from swarm_core.manager.orchestrator.jobs import JobsOrchestrator
from swarm_core.manager.orchestrator.replicated import ReplicatedOrchestrator
from swarm_core.manager.orchestrator.task_reaper import TaskReaper
from swarm_core.manager.orchestrator.volume_enforcer import VolumeEnforcer
from swarm_core.manager.own_certificate import OwnCertificateApi
from swarm_core.manager.progress import Progress
from swarm_core.manager.raft_api import RaftApi, RaftMembershipApi, RaftStatusApi
from swarm_core.manager.resource_api import ResourceApi
from swarm_core.manager.role_manager import RoleManager
from swarm_core.manager.root_rotation import RootRotation
from swarm_core.manager.scheduler.scheduler import Scheduler
from swarm_core.manager.usage import Usage
from swarm_core.manager.volumes.manager import VolumeManager
from swarm_core.manager.volumes.ports import Plugins
from swarm_core.manager.watch_api import WatchApi
from swarm_core.raft_node.errors import RaftNodeError
from swarm_core.raft_node.member_status import MemberStatuses
from swarm_core.raft_node.node import RaftNode
from swarm_core.rpc.observed import CallObserver
from swarm_core.rpc.server import Services
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.clock import Clock
from swarm_core.store.errors import StoreError
from swarm_core.store.memory import MemoryStore

PLAIN_ERRORS = (StoreError, RaftNodeError)
"""Exceptions of handlers that reach callers with their text."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the parts need of the process around them. `check_joiner` raises JoinFailed unless the manager at an address takes part;
    `prepare` is what a new leader does first; `identity` is this node's by its certificate of now, `own` the files
    behind it; `address` is where others reach this manager. `observer` and `decided`, where there are any, are told of calls and of the
    scheduler's passes; `ask_figures` asks another manager for its own, and `measured` tells those of one that is measured."""

    node_id: str
    store: MemoryStore
    raft: RaftNode
    clock: Clock
    rng: random.Random
    external: ExternalCas
    raft_api: RaftApi
    statuses: MemberStatuses
    check_joiner: Callable[[str], Awaitable[None]]
    prepare: Callable[[], Awaitable[None]]
    identity: Callable[[], NodeIdentity]
    own: Callable[[], TlsIdentity]
    address: str
    plugins: Plugins
    observer: CallObserver | None = None
    decided: Callable[[float, int], None] | None = None
    ask_figures: AskOther | None = None
    measured: Callable[[], Measured] | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """`local` is what the control socket serves, `remote` what the remote API serves; each says how well it is."""

    local: Services
    remote: Services
    local_health: Health
    remote_health: Health
    manager: Manager
    dispatcher: Dispatcher


def build(ports: Ports) -> Parts:
    """All parts of one manager; nothing runs yet."""
    store, clock, rng = ports.store, ports.clock, ports.rng
    called = _Called(
        dispatcher=Dispatcher(
            store,
            clock,
            rng,
            node_id=ports.node_id,
            managers=ports.statuses.peers,
            managers_are_ours=ports.raft.members_are_ours,
        ),
        log_broker=LogBroker(store, clock, rng),
        ca_server=CaServer(store, clock, rng, ports.external),
        endpoints=EndpointsApi(store, ports.statuses.peers),
        progress=Progress(store, clock),
        usage=Usage(store, clock),
        exec=Exec(store, clock, rng),
    )

    def managers_changed() -> None:
        called.dispatcher.managers_changed()
        called.endpoints.managers_changed()

    ports.raft.members.on_change = managers_changed
    handlers = _Handlers(ports, called)
    local_health, remote_health = Health(), Health()
    return Parts(
        local=handlers.services(local_health, is_local=True),
        remote=handlers.services(remote_health, is_local=False),
        local_health=local_health,
        remote_health=remote_health,
        manager=Manager(
            called.all(),
            _loops(ports),
            prepare=ports.prepare,
            clock=clock,
            backoff=lambda: Backoff(rng),
        ),
        dispatcher=called.dispatcher,
    )


def _loops(ports: Ports) -> tuple[LeaderComponent, ...]:
    """The components that nobody calls: they work from the store alone, whatever was written before they started."""
    store, clock, rng = ports.store, ports.clock, ports.rng
    return (
        RoleManager(store, clock, rng, ports.raft.members, ports.raft.handover.transfer),
        KeyManager(store, clock, rng),
        RootRotation(store, clock, rng),
        Allocator(store=store, clock=clock, rng=rng),
        Scheduler(store=store, clock=clock, rng=rng, decided=ports.decided),
        ConstraintEnforcer(store=store, clock=clock, rng=rng),
        VolumeManager(store, clock, rng, ports.plugins),
        VolumeEnforcer(store=store, clock=clock, rng=rng),
        TaskReaper(store=store, clock=clock, rng=rng),
        ReplicatedOrchestrator(store=store, clock=clock, rng=rng),
        GlobalOrchestrator(store=store, clock=clock, rng=rng),
        JobsOrchestrator(store=store, clock=clock, rng=rng),
    )


@dataclass(frozen=True, slots=True)
class _Called:
    """Components of the leader that answer calls, in the order in which they start."""

    dispatcher: Dispatcher
    log_broker: LogBroker
    ca_server: CaServer
    endpoints: EndpointsApi
    progress: Progress
    usage: Usage
    exec: Exec

    def all(self) -> tuple[LeaderComponent, ...]:
        return (
            self.dispatcher,
            self.log_broker,
            self.ca_server,
            self.endpoints,
            self.progress,
            self.usage,
            self.exec,
        )


class _Handlers:
    """The handlers of one manager, by service."""

    def __init__(self, ports: Ports, called: _Called) -> None:
        self._ports = ports
        self._called = called
        self._figures = ManagerFiguresApi(ports.raft, ports.clock, ports.ask_figures, ports.measured)
        self._resources = ResourceApi(ports.store, ports.clock, ports.rng)
        self._control = control_handlers(
            ports.store,
            ports.clock,
            ports.rng,
            members=ports.statuses.by_node,
            can_remove=ports.raft.members.can_remove,
            external=ports.external,
        )

    def services(self, health: Health, *, is_local: bool) -> Services:
        """What one of the two ways in serves."""
        raft = self._ports.raft
        services = Services(plain=PLAIN_ERRORS, observer=self._ports.observer)
        services.add(_service(control_pb2, "Control"), *self._control, to_leader=is_local)
        services.add(_service(rollouts_pb2, "Rollouts"), RolloutsApi(self._ports.store), to_leader=is_local)
        services.add(_service(watch_pb2, "Watch"), WatchApi(self._ports.store))
        services.add(_service(health_pb2, "Health"), health)
        services.add(_service(dispatcher_pb2, "Dispatcher"), self._called.dispatcher, to_leader=True)
        services.add(_service(ca_pb2, "CA"), self._called.ca_server, to_leader=True)
        services.add(_service(ca_pb2, "NodeCA"), self._called.ca_server, to_leader=True)
        services.add(_service(logbroker_pb2, "Logs"), self._called.log_broker, to_leader=is_local)
        services.add(_service(logbroker_pb2, "LogBroker"), self._called.log_broker, to_leader=True)
        services.add(_service(endpoints_pb2, "Endpoints"), self._called.endpoints, to_leader=True)
        services.add(_service(resource_pb2, "ResourceAllocator"), self._resources, to_leader=True)
        services.add(_service(raft_status_pb2, "RaftStatus"), RaftStatusApi(raft), to_leader=is_local)
        services.add(_service(manager_figures_pb2, "ManagerFigures"), self._figures)
        services.add(_service(progress_pb2, "Progress"), self._called.progress, to_leader=True)
        services.add(_service(usage_pb2, "Usage"), self._called.usage, to_leader=True)
        services.add(_service(exec_pb2, "Exec"), self._called.exec, to_leader=True)
        if is_local:
            services.add(_service(own_certificate_pb2, "OwnCertificate"), self._own_certificate())
            services.add(_service(backup_pb2, "Backup"), self._backup())
        else:
            membership = RaftMembershipApi(
                raft.members, raft.leadership, self._ports.check_joiner, self._is_to_be_manager
            )
            services.add(_service(raft_pb2, "Raft"), self._ports.raft_api)
            services.add(_service(raft_pb2, "RaftMembership"), membership, to_leader=True)
        return services

    def _own_certificate(self) -> OwnCertificateApi:
        ports = self._ports
        leadership = ports.raft.leadership
        return OwnCertificateApi(
            ports.store, ports.clock, ports.identity, lambda: leadership.is_leader, ports.rng.randbytes
        )

    def _backup(self) -> BackupApi:
        ports = self._ports
        return BackupApi(ports.store, ports.raft, ports.clock, ports.own, ports.address)

    def _is_to_be_manager(self, node_id: str) -> bool:
        node = self._ports.store.get(objects_pb2.Node, node_id)
        return node is not None and node.spec.desired_role == types_pb2.MANAGER


def _service(module: object, name: str) -> ServiceDescriptor:
    found: ServiceDescriptor = module.DESCRIPTOR.services_by_name[name]  # type: ignore[attr-defined]
    return found
