"""One life of a manager process: raft, store and the leader's components, from start until cancelled."""

import random
from collections.abc import Awaitable, Callable

from swarm_core.api.proto.raft_pb2 import JoinResponse
from swarm_core.ca.external_ca import ExternalCas
from swarm_core.ca.tls import TlsIdentity
from swarm_core.manager import parts
from swarm_core.manager.raft_api import RaftApi
from swarm_core.raft_node.config import LogLimits, RaftNodeConfig
from swarm_core.raft_node.life import Ask, MemberLife
from swarm_core.raft_node.log.keyring import KeyStore
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


def _no_identity() -> TlsIdentity:
    raise AssertionError("there is no authority outside the simulation")


class Life:
    """`handlers` answer calls by service name. `group` is there while calls and messages are taken; a joiner takes them
    before `has_begun`, since it must be reachable when it asks to be admitted."""

    def __init__(
        self,
        host: Host,
        config: RaftNodeConfig,
        disk: SimulatedDisk,
        transport: SimulatedTransport,
        keys: KeyStore,
        *,
        limits: LogLimits,
        prepare: Callable[[MemoryStore], Awaitable[None]],
        check_joiner: Callable[[str], Awaitable[None]],
        rng: random.Random,
        ledger: Ledger,
        findings: Findings,
        trace: Trace,
    ) -> None:
        self.host = host
        self.transport = transport
        self.group: Group | None = None
        self.has_begun = False
        self._ledger, self._trace = ledger, trace
        self.store = MemoryStore(clock=host.clock)
        self.machine = WatchedMachine(host.name, self.store, ledger, findings, trace)
        self.raft = RaftNode(
            config,
            disk,
            transport,
            self.machine,
            host.clock,
            rng,
            keyring=SeededKeyring(keys, rng),
            limits=lambda: limits,
        )
        self.store.use_proposer(WatchedProposer(self.raft, self.machine))
        self.receiver = Receiver(self.raft, answers=transport.answers, heard=transport.heard)
        self._life = MemberLife(self.raft, transport)
        self.parts = self._build(config.node_id, prepare, check_joiner, rng)
        self._manager = self.parts.manager

    def _build(
        self,
        node_id: str,
        prepare: Callable[[MemoryStore], Awaitable[None]],
        check_joiner: Callable[[str], Awaitable[None]],
        rng: random.Random,
    ) -> parts.Parts:
        """The parts of the product."""
        return parts.build(
            parts.Ports(
                node_id=node_id,
                store=self.store,
                raft=self.raft,
                clock=self.host.clock,
                rng=rng,
                external=ExternalCas(_no_identity),
                raft_api=RaftApi(self.raft, self.receiver),
                statuses=MemberStatuses(self.raft, self.transport),
                check_joiner=check_joiner,
                prepare=lambda: prepare(self.store),
            )
        )

    async def run(self, ask: Ask) -> None:
        """Until cancelled. Raises what ends the process."""
        self.raft.on_leadership = self._led
        try:
            async with self._life.forgotten_if_removed(), Group() as group:
                await self._begin(group, ask)
                group.spawn(self._life.run(), name="raft")
                group.spawn(self.store.run(), name="store")
                group.spawn(self._manager.run(), name="manager")
        finally:
            self.group = None

    async def _begin(self, group: Group, ask: Ask) -> None:
        async def serve_and_ask(former: frozenset[int]) -> JoinResponse:
            self.group = group
            return await ask(former)

        await self._life.begin(serve_and_ask)
        self.group, self.has_begun = group, True
        self._trace.note(f"{self.host.name} starts as {self.raft.raft_id:x} at {self.raft.commit_index()}")

    def end(self) -> None:
        """The process is dead: nothing leaves it, and nothing of it counts."""
        self.transport.is_closed = True
        self.machine.end()
        self.group, self.has_begun = None, False

    def _led(self, leads: bool) -> None:
        term = self.raft.status().hard_state.term
        self._trace.note(f"{self.host.name} {'leads' if leads else 'no longer leads'} term {term}")
        if leads and not self.transport.is_closed:
            self._ledger.leads(f"{self.host.name} ({self.raft.raft_id:x})", term)
        self._manager.set_leadership(leads)
