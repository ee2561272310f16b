"""One life of a manager process: raft, store and the leader's components, from start until cancelled.

What it serves and in which order follows managerd.wiring: a joiner answers other managers while it asks to be admitted, a
member once its log is replayed; people are answered when a leader is known.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from swarm_core.api.proto.objects_pb2 import Cluster
from swarm_core.api.proto.raft_pb2 import JoinResponse
from swarm_core.ca.certificates import NodeIdentity
from swarm_core.ca.external_ca import ExternalCas
from swarm_core.ca.key_file import KeyFile
from swarm_core.manager import parts
from swarm_core.manager.health import CONTROL_API, RAFT
from swarm_core.manager.raft_api import RaftApi
from swarm_core.manager.volumes.ports import Plugins
from swarm_core.managerd.autolock import Autolock
from swarm_core.managerd.credentials import LiveCredentials
from swarm_core.raft_node.config import LogLimits, RaftNodeConfig
from swarm_core.raft_node.life import Ask, MemberLife
from swarm_core.raft_node.member_status import MemberStatuses
from swarm_core.raft_node.node import RaftNode
from swarm_core.raft_node.receiver import Receiver
from swarm_core.runtime.tasks import Group
from swarm_core.store.memory import MemoryStore

from swarm_testkit.simulation.checkers import Findings, Ledger
from swarm_testkit.simulation.disk import SimulatedDisk
from swarm_testkit.simulation.founding import SeededKeyring
from swarm_testkit.simulation.host import Host
from swarm_testkit.simulation.raft_transport import SimulatedTransport
from swarm_testkit.simulation.trace import Trace
from swarm_testkit.simulation.watched import WatchedMachine, WatchedProposer

_LEAD_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Birth:
    """What a process is started with. `kek` opens its key file, `tell` hears each unlock key that follows."""

    config: RaftNodeConfig
    limits: LogLimits
    key_file: KeyFile
    kek: bytes | None
    tell: Callable[[bytes, bool], None]
    prepare: Callable[[MemoryStore], Awaitable[None]]
    check_joiner: Callable[[str], Awaitable[None]]
    plugins: Plugins


class Life:
    """`group` is there while calls and messages are taken; a joiner takes them before `has_begun`, since it must be
    reachable when it asks to be admitted. Raises CaError when the node's files cannot be used."""

    def __init__(
        self,
        host: Host,
        birth: Birth,
        disk: SimulatedDisk,
        transport: SimulatedTransport,
        *,
        rng: random.Random,
        ledger: Ledger,
        findings: Findings,
        trace: Trace,
    ) -> None:
        self.host = host
        self.transport = transport
        self.group: Group | None = None
        self.has_begun = False
        self.serves_control = False
        self._ledger, self._trace = ledger, trace
        self.credentials = LiveCredentials(birth.key_file, birth.kek, host.clock)
        self.store = MemoryStore(clock=host.clock)
        self.machine = WatchedMachine(host.name, self.store, ledger, findings, trace)
        keyring = SeededKeyring(birth.key_file, rng, kek=birth.kek)
        self.raft = RaftNode(
            birth.config,
            disk,
            transport,
            self.machine,
            host.clock,
            rng,
            keyring=keyring,
            limits=lambda: birth.limits,
        )
        self.store.use_proposer(WatchedProposer(self.raft.proposer, self.machine))
        self.receiver = Receiver(
            self.raft.members, self.raft.incoming.step, answers=transport.answers, heard=transport.heard
        )
        self._life = MemberLife(self.raft, transport)
        self._autolock = Autolock(self.store, birth.key_file, keyring, self.credentials, disk, birth.tell)
        self.parts = self._build(birth, rng)
        self._manager = self.parts.manager

    @property
    def identity(self) -> NodeIdentity:
        """Who this manager is by its certificate of now."""
        return self.credentials.identity

    def blacklist(self) -> Collection[str]:
        """The nodes that were removed, as far as this manager knows."""
        cluster = self._cluster()
        return () if cluster is None else cluster.blacklisted_certificates

    def _build(self, birth: Birth, rng: random.Random) -> parts.Parts:
        """The parts of the product."""
        return parts.build(
            parts.Ports(
                node_id=birth.config.node_id,
                store=self.store,
                raft=self.raft,
                clock=self.host.clock,
                rng=rng,
                external=ExternalCas(lambda: self.credentials.tls),
                raft_api=RaftApi(self.raft.members, self.receiver),
                statuses=MemberStatuses(self.raft.members, self.raft.leadership, self.transport),
                check_joiner=birth.check_joiner,
                prepare=lambda: birth.prepare(self.store),
                identity=lambda: self.credentials.identity,
                own=lambda: self.credentials.tls,
                address=birth.config.address,
                plugins=birth.plugins,
            )
        )

    async def run(self, ask: Ask | None, on_serving: Callable[[], None]) -> None:
        """Until cancelled. Raises what ends the process."""
        self.raft.leadership.announce_to = self._led
        try:
            async with self._life.forgotten_if_removed(), Group() as group:
                await self._begin(group, ask)
                group.spawn(self._life.run(), name="raft")
                group.spawn(self.store.run(), name="store")
                group.spawn(self._manager.run(), name="manager")
                group.spawn(self.credentials.run(), name="credentials")
                group.spawn(self._autolock.run(), name="autolock")
                group.spawn(self._serve_control(on_serving), name="control socket")
        finally:
            self.group, self.serves_control = None, False

    async def _begin(self, group: Group, ask: Ask | None) -> None:
        self.parts.local_health.set(CONTROL_API, False)
        self.parts.remote_health.set(RAFT, False)

        async def serve_and_ask(former: frozenset[int]) -> JoinResponse:
            assert ask is not None
            self._serve_remote(group)
            return await ask(former)

        await self._life.begin(serve_and_ask if ask is not None else None)
        self._serve_remote(group)
        self.has_begun = True
        self._trace.note(
            f"{self.host.name} starts as {self.raft.members.raft_id:x} at {self.raft.proposer.commit_index()}"
        )

    def _serve_remote(self, group: Group) -> None:
        self.group = group
        self.parts.remote_health.set(RAFT, True)

    async def _serve_control(self, on_serving: Callable[[], None]) -> None:
        while self.raft.leadership.leader_id == 0 or self._cluster() is None:
            await self.host.clock.sleep(_LEAD_POLL_S)
        self.serves_control = True
        self.parts.local_health.set(CONTROL_API, True)
        on_serving()
        await asyncio.Event().wait()

    def end(self) -> None:
        """The process is dead: nothing leaves it, and nothing of it counts."""
        self.transport.is_closed = True
        self.machine.end()
        self.group, self.has_begun, self.serves_control = None, False, False

    def _cluster(self) -> Cluster | None:
        return self.store.get(Cluster, self.identity.organization)

    def _led(self, leads: bool) -> None:
        term = self.raft.status().hard_state.term
        self._trace.note(f"{self.host.name} {'leads' if leads else 'no longer leads'} term {term}")
        if leads and not self.transport.is_closed:
            self._ledger.leads(f"{self.host.name} ({self.raft.members.raft_id:x})", term)
        self._manager.set_leadership(leads)
