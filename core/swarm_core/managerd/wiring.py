"""Builds the parts of a manager and runs them until told to stop.

Order of life (control-plane spec 5.2): load the node's identity, load raft and replay its log into the store, lead,
only then answer. So the first answer of a restarted manager is already complete. On the way down everything ends in
the reverse order; raft's files are closed last.
"""

import asyncio
import logging
import random
import socket
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from swarm_core.api.proto import (
    ca_pb2,
    control_pb2,
    dispatcher_pb2,
    health_pb2,
    logbroker_pb2,
    objects_pb2,
    specs_pb2,
    types_pb2,
    watch_pb2,
)
from swarm_core.ca import tls
from swarm_core.ca.external_ca import ExternalCas
from swarm_core.ca.key_file import KeyFile
from swarm_core.ca.root_ca import RootCa
from swarm_core.ca.tokens import parse_external_ca
from swarm_core.manager.ca_server import CaServer
from swarm_core.manager.cluster_init import Founding, take_over
from swarm_core.manager.control_api.server import ControlApi
from swarm_core.manager.dispatcher.dispatcher import Dispatcher
from swarm_core.manager.health import Health
from swarm_core.manager.key_manager import KeyManager
from swarm_core.manager.log_broker.broker import LogBroker
from swarm_core.manager.manager import Manager
from swarm_core.manager.orchestrator.constraint_enforcer import ConstraintEnforcer
from swarm_core.manager.orchestrator.global_ import GlobalOrchestrator
from swarm_core.manager.orchestrator.replicated import ReplicatedOrchestrator
from swarm_core.manager.orchestrator.task_reaper import TaskReaper
from swarm_core.manager.role_manager import RoleManager
from swarm_core.manager.root_rotation import RootRotation
from swarm_core.manager.scheduler.scheduler import Scheduler
from swarm_core.manager.watch_api import WatchApi
from swarm_core.managerd.autolock import Autolock
from swarm_core.managerd.config import ROOT_KEY_FILE, Config
from swarm_core.managerd.credentials import LiveCredentials
from swarm_core.raft_node.config import LogLimits, RaftNodeConfig
from swarm_core.raft_node.disk import SystemDisk
from swarm_core.raft_node.errors import RaftNodeError
from swarm_core.raft_node.keyring import Keyring
from swarm_core.raft_node.node import RaftNode
from swarm_core.raft_node.transport import NoTransport
from swarm_core.rpc import tls_listener
from swarm_core.rpc.authorization import MANAGER, Authorizer
from swarm_core.rpc.caller import Caller, format_address
from swarm_core.rpc.errors import AddressUnusable
from swarm_core.rpc.server import Services, serve_control, serve_remote
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.store.errors import StoreError
from swarm_core.store.memory import MemoryStore

_log = logging.getLogger(__name__)
_AVAILABILITY = {
    "active": specs_pb2.NodeSpec.ACTIVE,
    "pause": specs_pb2.NodeSpec.PAUSE,
    "drain": specs_pb2.NodeSpec.DRAIN,
}
# A sole member leads within two syncs of its disk; longer means that something else is wrong.
_LEAD_WAIT_S = 5.0
_MANAGER_WEIGHT = 10


class ManagerDaemon:
    """One manager process: `run` serves until cancelled.

    Raises CaError, RaftNodeError, AddressUnusable or OSError with one sentence for a person.
    """

    def __init__(
        self,
        config: Config,
        clock: Clock,
        rng: random.Random,
        *,
        kek: bytes | None,
        tell: Callable[[bytes], None],
    ) -> None:
        """`kek` opens the node's key file, None when it is in the clear; `tell` is called with each one that follows."""
        self._config = config
        self._clock = clock
        self._rng = rng
        self._disk = SystemDisk()
        self._key_file = KeyFile(config.certificates)
        self._credentials = LiveCredentials(self._key_file, kek, clock)
        self._identity = self._credentials.identity
        self._keyring = Keyring(self._key_file, kek=kek)
        self._store = MemoryStore(clock=clock)
        self._health = Health()
        self._listening: list[socket.socket] = (
            tls_listener.bind(config.remote_address) if config.remote_address else []
        )
        self._raft = self._make_raft()
        self._store.use_proposer(self._raft)
        self._autolock = Autolock(
            self._store, self._key_file, self._keyring, self._credentials, self._disk, tell
        )

    def _make_raft(self) -> RaftNode:
        config = self._config
        raft_config = RaftNodeConfig(
            directory=config.raft_dir,
            node_id=self._identity.node_id,
            address=self._advertised(),
            # The founder's file of the CA key goes once the log holds it.
            may_found=self._root_key_path.exists(),
            tick_s=config.tick_s,
            election_tick=config.election_tick,
            heartbeat_tick=config.heartbeat_tick,
        )
        return RaftNode(
            raft_config,
            self._disk,
            NoTransport(),
            self._store,
            self._clock,
            self._rng,
            keyring=self._keyring,
            limits=self._log_limits,
        )

    def _advertised(self) -> str:
        """Where others reach this manager: as told, else where it listens."""
        if self._config.advertise_address or not self._listening:
            return self._config.advertise_address
        return format_address(self._listening[0].getsockname())

    def _cluster(self) -> objects_pb2.Cluster | None:
        return self._store.get(objects_pb2.Cluster, self._identity.organization)

    def _log_limits(self) -> LogLimits:
        cluster = self._cluster()
        if cluster is None:
            return LogLimits()
        raft = cluster.spec.raft
        return LogLimits(raft.snapshot_interval, raft.keep_old_snapshots, raft.log_entries_for_slow_followers)

    def _blacklist(self) -> Collection[str]:
        cluster = self._cluster()
        return () if cluster is None else cluster.blacklisted_certificates

    def _members(self) -> dict[str, types_pb2.ManagerStatus]:
        leader_id = self._raft.leader_id
        return {
            member.node_id: types_pb2.ManagerStatus(
                raft_id=member.raft_id,
                addr=member.address,
                leader=member.raft_id == leader_id,
                reachability=types_pb2.RaftMemberStatus.REACHABLE,
            )
            for member in self._raft.members()
        }

    def _peers(self) -> list[types_pb2.WeightedPeer]:
        return [
            types_pb2.WeightedPeer(
                peer=types_pb2.Peer(node_id=member.node_id, addr=member.address), weight=_MANAGER_WEIGHT
            )
            for member in self._raft.members()
        ]

    # taking over

    def _founding(self) -> Founding:
        root_key = self._root_key_path.read_bytes() if self._root_key_path.exists() else b""
        return Founding(
            cluster_id=self._identity.organization,
            node_id=self._identity.node_id,
            root=RootCa.load(self._credentials.tls.roots, root_key or None),
            root_key=root_key,
            heartbeat_tick=self._config.heartbeat_tick,
            election_tick=self._config.election_tick,
            availability=_AVAILABILITY[self._config.availability],
            unlock_key=self._credentials.kek,
            external_cas=tuple(parse_external_ca(text) for text in self._config.external_cas),
        )

    @property
    def _root_key_path(self) -> Path:
        return self._config.certificates / ROOT_KEY_FILE

    def _root_key_committed(self) -> None:
        """The cluster object holds the CA key now; the founder's file has done its work."""
        cluster = self._cluster()
        if cluster is not None and cluster.root_ca.ca_key:
            self._root_key_path.unlink(missing_ok=True)

    async def _prepare(self) -> None:
        await take_over(self._store, self._founding(), self._root_key_committed)

    # the parts

    def _build(self) -> tuple[Services, Services, Manager]:
        """What the control socket serves, what the remote API serves, and the leader's components."""
        store, clock, rng = self._store, self._clock, self._rng
        dispatcher = Dispatcher(store, clock, rng, node_id=self._identity.node_id, managers=self._peers)
        external = ExternalCas(lambda: self._credentials.tls)
        ca_server = CaServer(store, clock, rng, external)
        control_api = ControlApi(
            store, clock, rng, members=self._members, can_remove=self._raft.can_remove, external=external
        )
        log_broker = LogBroker(store, clock, rng)
        plain = (StoreError, RaftNodeError)
        local, remote = Services(plain=plain), Services(plain=plain)
        for services in (local, remote):
            _add(services, control_pb2, "Control", control_api)
            _add(services, watch_pb2, "Watch", WatchApi(store))
            _add(services, health_pb2, "Health", self._health)
            _add(services, dispatcher_pb2, "Dispatcher", dispatcher, to_leader=True)
            _add(services, ca_pb2, "CA", ca_server, to_leader=True)
            _add(services, ca_pb2, "NodeCA", ca_server, to_leader=True)
            _add(services, logbroker_pb2, "Logs", log_broker)
            _add(services, logbroker_pb2, "LogBroker", log_broker, to_leader=True)
        loops = {"store": store, "clock": clock, "rng": rng}
        components = (
            dispatcher,
            log_broker,
            ca_server,
            RoleManager(store, clock, rng, self._raft),
            KeyManager(store, clock, rng),
            RootRotation(store, clock, rng),
            Scheduler(**loops),  # type: ignore[arg-type]
            ConstraintEnforcer(**loops),  # type: ignore[arg-type]
            TaskReaper(**loops),  # type: ignore[arg-type]
            ReplicatedOrchestrator(**loops),  # type: ignore[arg-type]
            GlobalOrchestrator(**loops),  # type: ignore[arg-type]
        )
        manager = Manager(components, prepare=self._prepare, clock=clock, backoff=lambda: Backoff(rng))
        return local, remote, manager

    @asynccontextmanager
    async def _serving(self, local: Services, remote: Services) -> AsyncIterator[None]:
        credentials, identity = self._credentials.tls, self._identity
        caller = Caller(
            identity.node_id, frozenset({MANAGER}), identity.organization, remote_addr="", is_local=True
        )
        async with AsyncExitStack() as stack:
            control = await stack.enter_async_context(
                serve_control(
                    local,
                    self._config.control_socket,
                    certificate=credentials.certificate,
                    key=credentials.key,
                    local=caller,
                )
            )
            self._credentials.listen(lambda now: control.reload(now.certificate, now.key))
            if self._listening:
                context = tls.server_context(credentials)
                authorizer = Authorizer(identity.organization, self._blacklist)
                server = await stack.enter_async_context(
                    serve_remote(
                        remote, self._config.remote_address, context, authorizer, self._clock,
                        listening=self._listening,
                    )
                )  # fmt: skip
                self._credentials.listen(lambda now: server.reload(tls.server_context(now)))
                _log.info("remote API on %s", server.address)
            self._health.set("Raft", True)
            self._health.set("ControlAPI", True)
            yield

    async def run(self) -> None:
        """Serve until cancelled."""
        self._health.set("Raft", False)
        self._health.set("ControlAPI", False)
        local, remote, manager = self._build()
        self._raft.on_leadership = manager.set_leadership
        await self._raft.start()
        async with Group() as group:
            group.spawn(self._raft.run(), name="raft")
            group.spawn(self._store.run(), name="store")
            group.spawn(manager.run(), name="manager")
            group.spawn(self._credentials.run(), name="credentials")
            group.spawn(self._autolock.run(), name="autolock")
            group.spawn(self._serve(local, remote, manager), name="servers")

    async def _serve(self, local: Services, remote: Services, manager: Manager) -> None:
        try:
            async with asyncio.timeout(_LEAD_WAIT_S):
                await manager.until_leading()
        except TimeoutError:
            _log.warning("no leader after %g s; answering without one", _LEAD_WAIT_S)
        async with self._serving(local, remote):
            _log.info("control socket at %s", self._config.control_socket)
            await asyncio.Event().wait()


def _add(services: Services, module: object, name: str, handler: object, *, to_leader: bool = False) -> None:
    descriptor = module.DESCRIPTOR.services_by_name[name]  # type: ignore[attr-defined]
    services.add(descriptor, handler, to_leader=to_leader)


UNUSABLE = (AddressUnusable, RaftNodeError, OSError)
"""Why a manager cannot start or go on, apart from bugs; the text is for a person."""
