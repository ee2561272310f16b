"""One life of a manager process: raft, store and the leader's components, from start until cancelled."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from swarm_core.ca.external_ca import ExternalCas
from swarm_core.ca.tls import TlsIdentity
from swarm_core.manager import parts
from swarm_core.manager.raft_api import RaftApi
from swarm_core.raft_node.config import LogLimits, RaftNodeConfig
from swarm_core.raft_node.errors import NotMember
from swarm_core.raft_node.log.keyring import KeyStore
from swarm_core.raft_node.membership import Member
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


def _no_call(what: object) -> NoReturn:
    raise AssertionError(f"no call for {what!r} comes this way")


@dataclass(frozen=True, slots=True)
class Joined:
    """The leader's answer to a node that joins."""

    raft_id: int
    members: Sequence[Member]


_AGAIN_S = 0.5


class Life:
    """`handlers` answer calls by service name; `group` is there while the life lasts."""

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
        rng: random.Random,
        ledger: Ledger,
        findings: Findings,
        trace: Trace,
    ) -> None:
        self.host = host
        self.transport = transport
        self.group: Group | None = None
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
        self.parts = self._build(config.node_id, prepare, rng)
        self._manager = self.parts.manager

    def _build(
        self, node_id: str, prepare: Callable[[MemoryStore], Awaitable[None]], rng: random.Random
    ) -> parts.Parts:
        """The parts of the product. Messages of raft and joining go ways of the simulation's own."""
        return parts.build(
            parts.Ports(
                node_id=node_id,
                store=self.store,
                raft=self.raft,
                clock=self.host.clock,
                rng=rng,
                external=ExternalCas(_no_identity),
                raft_api=RaftApi(self.raft, Receiver(self.raft, answers=_no_call, heard=_no_call)),
                is_active=lambda raft_id: self.transport.active_since(raft_id) is not None,
                check_joiner=_no_call,
                prepare=lambda: prepare(self.store),
            )
        )

    async def run(self, join: Callable[[], Awaitable[Joined]]) -> None:
        """Until cancelled. Raises what ends the process. Mirrors managerd.wiring: who knows no members joins first, and
        who was removed forgets its state."""
        self.raft.on_leadership = self._led
        try:
            await self._start(join)
            await self._run_parts()
        except* NotMember:
            await self.raft.erase()
            raise

    async def _start(self, join: Callable[[], Awaitable[Joined]]) -> None:
        if has_state := await self.raft.has_state():
            await self.raft.start()
        if not self.raft.members():
            former = await self.raft.former_raft_ids()
            while (joined := await join()).raft_id in former:
                self._trace.note(f"{self.host.name} is offered {joined.raft_id:x}, which it was before")
                await self.host.clock.sleep(_AGAIN_S)
            if not has_state:
                await self.raft.start(joined_as=joined.raft_id)
            elif self.raft.raft_id != joined.raft_id:
                await self.raft.close()
                raise NotMember
            for member in joined.members:
                if member.raft_id != joined.raft_id:
                    self.transport.add_peer(member.raft_id, member.address)
        self._trace.note(f"{self.host.name} starts as {self.raft.raft_id:x} at {self.raft.commit_index()}")

    async def _run_parts(self) -> None:
        try:
            async with Group() as group:
                self.group = group
                group.spawn(self.raft.run(), name="raft")
                group.spawn(self.store.run(), name="store")
                group.spawn(self._manager.run(), name="manager")
        finally:
            self.group = None

    def end(self) -> None:
        """The process is dead: nothing leaves it, and nothing of it counts."""
        self.transport.is_closed = True
        self.machine.end()
        self.group = None

    def _led(self, leads: bool) -> None:
        term = self.raft.status().hard_state.term
        self._trace.note(f"{self.host.name} {'leads' if leads else 'no longer leads'} term {term}")
        if leads and not self.transport.is_closed:
            self._ledger.leads(f"{self.host.name} ({self.raft.raft_id:x})", term)
        self._manager.set_leadership(leads)
