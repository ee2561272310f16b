"""Builds the parts of a manager and runs them until told to stop.

Order of life (docs/design/manager.md 5.2): load the node's identity, load raft and replay its log into the store, know a
leader, only then answer people. So the first answer of a restarted manager is already complete. What only a leader runs may still
be looking through what it found: reads are answered meanwhile, and calls that need it wait. Other managers are answered
before that: a new one must be reachable when it asks to join, and every one to be voted for.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import ssl
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack

from swarm_core.api.names import MANAGER_ROLE
from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.manager_figures_pb2 import GetOwnFiguresResponse
from swarm_core.api.proto.raft_pb2 import JoinResponse
from swarm_core.ca import tls
from swarm_core.ca.external_ca import ExternalCas
from swarm_core.ca.key_file import KeyFile
from swarm_core.manager import parts
from swarm_core.manager.health import CONTROL_API, RAFT
from swarm_core.manager.raft_api import RaftApi
from swarm_core.manager.volumes.ports import NoPlugins, Plugins
from swarm_core.managerd.autolock import Autolock
from swarm_core.managerd.config import Config
from swarm_core.managerd.credentials import LiveCredentials
from swarm_core.managerd.cross_signed import CrossSignedRoot
from swarm_core.managerd.founder import Founder
from swarm_core.managerd.introductions import Introductions
from swarm_core.managerd.leader import RaftLeaderLocator
from swarm_core.managerd.membership import AddressKeeper, ThisManager, advertised_address
from swarm_core.managerd.meters import Meters, NotMeasured, Watched
from swarm_core.managerd.told_versions import ToldVersions, announced
from swarm_core.raft_node.config import LogLimits, RaftNodeConfig
from swarm_core.raft_node.errors import RaftNodeError
from swarm_core.raft_node.life import MemberLife
from swarm_core.raft_node.log.disk import SystemDisk
from swarm_core.raft_node.log.keyring import Keyring
from swarm_core.raft_node.member_status import MemberStatuses
from swarm_core.raft_node.net.grpc_transport import SEND_TIMEOUT_S, GrpcTransport
from swarm_core.raft_node.net.joining import ask_to_join, check_joiner
from swarm_core.raft_node.node import RaftNode
from swarm_core.raft_node.receiver import Receiver
from swarm_core.rpc import dialler, forwarding, link
from swarm_core.rpc.authorization import Authorizer
from swarm_core.rpc.caller import Caller, format_address
from swarm_core.rpc.grpcio import grpc
from swarm_core.rpc.link import LinkClient
from swarm_core.rpc.observed import NAMED
from swarm_core.rpc.server import LinkUse, serve_control, serve_remote
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.listening import AddressUnusable, bind_tcp
from swarm_core.runtime.log import JSON
from swarm_core.runtime.tasks import Group
from swarm_core.store.memory import MemoryStore

_log = logging.getLogger(__name__)
# A sole member leads within two syncs of its disk; longer means that something else is wrong.
_LEAD_WAIT_S = 5.0
_JOIN_S = 5.0
_OWN_FIGURES = "/swarmtui.v1.ManagerFigures/GetOwnFigures"
_FIGURES_S = 5.0
# A call to another manager fails sooner where elections are sooner.
_SEND_MIN_S = 0.5


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
        tell: Callable[[bytes, bool], None],
        meters: Meters | None = None,
    ) -> None:
        """`kek` opens the node's key file, None when it is in the clear; `tell` is called with each one that follows. `on_serving`
        is called when the control socket serves. `meters` makes the parts that are looked at, where anybody wants figures."""
        self.on_serving: Callable[[], None] = lambda: None
        self._config = config
        self._clock = clock
        self._rng = rng
        self._meters = meters or NotMeasured()
        self._is_serving = False
        self._disk = SystemDisk(synced=self._meters.synced)
        self._key_file = KeyFile(config.certificates)
        self._credentials = LiveCredentials(self._key_file, kek, clock)
        self._identity = self._credentials.identity
        self._keyring = Keyring(self._key_file, kek=kek)
        self._store = self._meters.store() or MemoryStore(clock=clock)
        self._told = None if config.store_versions is None else ToldVersions(config.store_versions, rng)
        if self._told is not None:
            self._store.tell_changed = self._told.changed
        self._founder = Founder(config, self._credentials, self._store, rng)
        self._cross_signed = CrossSignedRoot(self._store, self._identity.organization)
        self._listening: list[socket.socket] = (
            bind_tcp(config.remote_address) if config.remote_address else []
        )
        election_s = config.election_tick * config.tick_s
        self._transport = GrpcTransport(
            self._dial,
            clock,
            dial_link=self._dial_link,
            timeout_s=min(SEND_TIMEOUT_S, max(_SEND_MIN_S, election_s)),
        )
        self._raft = self._make_raft()
        self._life = MemberLife(self._raft, self._transport)
        self._store.use_proposer(self._raft.proposer)
        self._autolock = Autolock(
            self._store, self._key_file, self._keyring, self._credentials, self._disk, tell
        )
        self._parts = self._build()
        self._manager = self._parts.manager
        self._locator = RaftLeaderLocator(
            self._raft.leadership,
            self._raft.members,
            self._raft.ticks,
            self._dial,
            clock,
            is_ready=lambda: self._manager.is_leading,
            dial_link=self._dial_link,
        )
        self._addresses = AddressKeeper(
            self._raft.leadership,
            self._raft.members,
            ThisManager(self._identity.node_id, self._advertised(), self._dial),
            clock,
            rng,
        )

        self._introductions = Introductions(self._store, clock, rng, self._advertised())

    @property
    def node_id(self) -> str:
        """Whose manager this is."""
        return self._identity.node_id

    def _make_raft(self) -> RaftNode:
        config = self._config
        raft_config = RaftNodeConfig(
            directory=config.raft_dir,
            node_id=self._identity.node_id,
            address=self._advertised(),
            may_found=self._founder.has_root_key,
            force_new_cluster=config.force_new_cluster,
            tick_s=config.tick_s,
            short_tick_s=config.short_tick_s,
            election_tick=config.election_tick,
            heartbeat_tick=config.heartbeat_tick,
        )
        return RaftNode(
            raft_config,
            self._disk,
            self._transport,
            self._store,
            self._clock,
            self._rng,
            keyring=self._keyring,
            limits=self._log_limits,
        )

    def _advertised(self) -> str:
        """Where others reach this manager."""
        listening = format_address(self._listening[0].getsockname()) if self._listening else ""
        return advertised_address(
            self._config.advertise_address, listening, towards=self._config.join_address
        )

    def _dial(self, address: str) -> grpc.aio.Channel:
        """A channel to another manager, as this node of now."""
        return dialler.DialledChannel(address, self._client_tls())

    async def _dial_link(self, address: str) -> LinkClient:
        """A link to another manager of ours, as this node of now."""
        return await link.dial(address, self._client_tls())

    async def _ask_figures(self, address: str) -> GetOwnFiguresResponse:
        """Another manager's own figures. Raises RpcFailure."""
        channel = self._dial(address)
        try:
            answer = await forwarding.unary(forwarding.Route(channel), _OWN_FIGURES, b"", (), _FIGURES_S)
        finally:
            await channel.close(None)
        return GetOwnFiguresResponse.FromString(answer)

    def _client_tls(self) -> tls.ClientTls:
        own = self._credentials.tls
        return tls.ClientTls(own.anchors, identity=own)

    def _server_context(self) -> ssl.SSLContext:
        return tls.server_context(self._credentials.tls, self._cross_signed.pem)

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

    def _build(self) -> parts.Parts:
        members, transport = self._raft.members, self._transport
        receiver = Receiver(
            members, self._raft.incoming.step, answers=transport.answers, heard=transport.heard
        )
        self._raft_api = RaftApi(members, receiver)
        return parts.build(
            parts.Ports(
                node_id=self._identity.node_id,
                store=self._store,
                raft=self._raft,
                clock=self._clock,
                rng=self._rng,
                external=ExternalCas(lambda: self._credentials.tls),
                raft_api=self._raft_api,
                statuses=MemberStatuses(self._raft.members, self._raft.leadership, self._transport),
                check_joiner=lambda address: check_joiner(self._dial, address),
                prepare=self._founder.prepare,
                identity=lambda: self._credentials.identity,
                own=lambda: self._credentials.tls,
                address=self._advertised(),
                plugins=_plugins(self._config),
                observer=self._meters.calls or (NAMED if self._config.log_format == JSON else None),
                decided=self._meters.decided,
                ask_figures=self._ask_figures,
                measured=self._meters.told,
            )
        )

    async def run(self) -> None:
        """Serve until cancelled. Raises NotMember, perhaps in an ExceptionGroup, when this manager was removed from the
        cluster; what it kept of it is gone then."""
        self._parts.remote_health.set(RAFT, False)
        self._parts.local_health.set(CONTROL_API, False)
        self._raft.leadership.announce_to = announced(self._told, self._manager.set_leadership)
        self._credentials.listen(lambda _: self._redial())
        watched = Watched(
            self._store, self._raft, self._parts, lambda: self._credentials.identity, lambda: self._is_serving
        )
        async with self._life.forgotten_if_removed(), self._meters.serving(watched), Group() as group:
            group.spawn(self._transport.run(), name="raft transport")
            # From the first moment: the cluster's root may rotate while this manager asks to be admitted.
            group.spawn(self._credentials.run(), name="credentials")
            group.spawn(self._serve(group), name="servers")
            group.spawn(self._meters.run(watched), name="figures")

    async def step_down(self) -> None:
        """Hand leadership on, if this manager has it and there is somebody; for a polite end."""
        if not self._raft.leadership.is_leader or len(self._raft.members.all()) < 2:
            return
        try:
            await self._raft.handover.transfer()
        except RaftNodeError as error:
            _log.warning("leadership was not handed over: %s", error)

    def _redial(self) -> None:
        """Other managers shall see the certificate of now."""
        self._transport.redial()
        self._locator.redial()

    async def _serve(self, group: Group) -> None:
        async with AsyncExitStack() as stack:
            asks = bool(self._config.join_address)
            has_joined = await self._life.begin((lambda former: self._ask(stack, former)) if asks else None)
            self._spawn_parts(group)
            if not has_joined:
                await self._until_alone_or_others()
                await self._serve_remote(stack)
            await self._until_led()
            await self._serve_control(stack)
            await asyncio.Event().wait()

    def _spawn_parts(self, group: Group) -> None:
        group.spawn(self._life.run(), name="raft")
        group.spawn(self._store.run(), name="store")
        group.spawn(self._manager.run(), name="manager")
        group.spawn(self._locator.run(), name="leader's connection")
        group.spawn(self._addresses.run(), name="own address")
        group.spawn(self._cross_signed.run(), name="cross-signed root")
        group.spawn(self._autolock.run(), name="autolock")
        group.spawn(self._introductions.run(), name="introductions of engines")
        if self._told is not None:
            told = self._told.run(self._raft.leadership, self._locator, self._clock)
            group.spawn(told, name="versions told to the daemon")

    async def _ask(self, stack: AsyncExitStack, former: frozenset[int]) -> JoinResponse:
        """Ask the cluster that this node has a certificate of to admit it: see raft_node.life. The others must reach it
        meanwhile."""
        await self._serve_remote(stack)
        config = self._config
        return await ask_to_join(
            self._dial,
            config.join_address,
            self._advertised(),
            self._clock,
            Backoff(self._rng),
            timeout_s=_JOIN_S + 2 * config.election_tick * config.tick_s,
            former=former,
        )

    async def _until_alone_or_others(self) -> None:
        """A sole member answers nobody before it leads: only then it knows what is committed."""
        if len(self._raft.members.all()) > 1:
            return
        leadership = self._raft.leadership
        try:
            async with asyncio.timeout(_LEAD_WAIT_S):
                while not leadership.is_leader:
                    await leadership.changed.wait()
        except TimeoutError:
            _log.warning("no leader after %g s; answering without one", _LEAD_WAIT_S)

    async def _until_led(self) -> None:
        """There is a leader, and the cluster object is here: with it everything that this member will answer from."""
        leadership = self._raft.leadership
        try:
            async with asyncio.timeout(_LEAD_WAIT_S):
                with self._store.subscribe(objects_pb2.Cluster) as commits:
                    while leadership.leader_id == 0:
                        await leadership.changed.wait()
                    while self._cluster() is None:
                        await commits.next()
        except TimeoutError:
            _log.warning("no leader after %g s; answering without one", _LEAD_WAIT_S)

    async def _serve_remote(self, stack: AsyncExitStack) -> None:
        if not self._listening:
            return
        authorizer = Authorizer(self._identity.organization, self._blacklist)
        context = self._server_context()
        server = await stack.enter_async_context(
            serve_remote(
                self._parts.remote, self._config.remote_address, context, authorizer, self._clock,
                listening=self._listening, locator=self._locator,
                links=LinkUse(self._raft_api.message, lambda: self._locator.leads),
            )
        )  # fmt: skip
        self._credentials.listen(lambda _: server.reload(self._server_context()))
        self._cross_signed.listen(lambda: server.reload(self._server_context()))
        _log.info("remote API on %s", server.address)
        self._parts.remote_health.set(RAFT, True)

    async def _serve_control(self, stack: AsyncExitStack) -> None:
        identity = self._identity
        caller = Caller(
            identity.node_id, frozenset({MANAGER_ROLE}), identity.organization, remote_addr="", is_local=True
        )
        control = await stack.enter_async_context(
            serve_control(
                self._parts.local,
                self._config.control_socket,
                tls.local_context(self._credentials.tls),
                caller,
                self._clock,
                locator=self._locator,
            )
        )
        self._credentials.listen(lambda now: control.reload(tls.local_context(now)))
        self._parts.local_health.set(CONTROL_API, True)
        self._is_serving = True
        self.on_serving()
        _log.info("control socket at %s", self._config.control_socket)


UNUSABLE = (AddressUnusable, RaftNodeError, OSError)
"""Why a manager cannot start or go on, apart from bugs; the text is for a person."""


def _plugins(config: Config) -> Plugins:
    """The storage plugins that the flags name. Most managers have none, and load nothing for them."""
    if not config.csi_plugins:
        return NoPlugins()
    from swarm_core.csi.controller import Controllers

    return Controllers(config.csi_plugins)
