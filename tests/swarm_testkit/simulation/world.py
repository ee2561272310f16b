"""The whole cluster of one run, its two phases, and what must hold at the end.

First everything may fail, and safety is watched. Then nothing fails any more, and within a bound of time the cluster must be
well: one leader, equal members, every service with exactly the tasks it asks for, every acknowledged write there, every
certificate fresh and of the role that is wished for.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from swarm_agentd.node.launcher import Launch
from swarm_core.api.names import MANAGER_ROLE
from swarm_core.api.proto.health_pb2 import HealthCheckRequest, HealthCheckResponse
from swarm_core.api.proto.objects_pb2 import Cluster
from swarm_core.ca import csr, keys
from swarm_core.ca.key_file import NodeCredentials
from swarm_core.ca.root_ca import RootCa
from swarm_core.client.errors import ClientError
from swarm_core.client.trust import Trust
from swarm_core.manager.cluster_init import Founding, ingress_network, new_cluster, own_node, take_over
from swarm_core.raft_node.config import LogLimits, RaftNodeConfig
from swarm_core.raft_node.errors import JoinFailed
from swarm_core.raft_node.membership import Member
from swarm_core.raft_node.net.joining import CHECK_S
from swarm_core.runtime.tasks import Group
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction

from swarm_testkit.simulation.backups import Backups
from swarm_testkit.simulation.calls import Server
from swarm_testkit.simulation.checkers import Findings, Ledger
from swarm_testkit.simulation.faults import Faults
from swarm_testkit.simulation.founding import CLUSTER_ID, DIRECTORY, SeededKeyring, found
from swarm_testkit.simulation.given_once import GivenOnce
from swarm_testkit.simulation.history import explain
from swarm_testkit.simulation.host import Host
from swarm_testkit.simulation.life import Birth, Life
from swarm_testkit.simulation.loop import SimulationLoop
from swarm_testkit.simulation.network import Network
from swarm_testkit.simulation.nodes import NodeMachine
from swarm_testkit.simulation.order_checkers import OrderLedger
from swarm_testkit.simulation.orders import networks
from swarm_testkit.simulation.people import People
from swarm_testkit.simulation.place_checkers import PlaceLedger
from swarm_testkit.simulation.plan import Plan
from swarm_testkit.simulation.raft_transport import SimulatedTransport
from swarm_testkit.simulation.recovery import Recovery
from swarm_testkit.simulation.storage import Storage
from swarm_testkit.simulation.storage_witness import ClusterWitness
from swarm_testkit.simulation.trace import Trace
from swarm_testkit.simulation.trust_checkers import TrustLedger
from swarm_testkit.simulation.ways import SimulatedDial, Verifier
from swarm_testkit.simulation.workload import Client, Histories

_ELECTION_TICKS = 10
# A leader that hears nobody gives up within two election timeouts; answers may be on their way for as long as messages are late.
_LEASE_TICKS = 2 * _ELECTION_TICKS + 1 + 15
_JOIN_S = 5.0
_LIVELY_TICKS, _LIVELY_S = 80, 90.0
_COMPARE_TICKS = 10
_HISTORY_LIMIT = 2
_BACKUP_TICKS = 8.0


class World:
    """Made inside a running SimulationLoop; `run` plays the plan to its end."""

    def __init__(self, plan: Plan, loop: SimulationLoop, trace: Trace) -> None:
        self.plan = plan
        self.trace = trace
        self.findings = Findings(trace)
        self.trust = TrustLedger(self.findings)
        self.orders = OrderLedger(self.findings, lambda: loop.now)
        self.given_once = GivenOnce(self.findings)
        self.places = PlaceLedger(self.findings)
        self.ledger = Ledger(
            self.findings,
            watchers=[self.trust.take, self.orders.take, self.given_once.take, self.places.take],
            entry_watchers=[self.orders.entry_ends, self.given_once.entry_ends, self.places.entry_ends],
        )
        self.recovery_s, self.explained = 0.0, 0
        self._loop = loop
        self._lives = 0
        self._verifier = Verifier()
        self.network = Network(loop, self._rng("network"), trace)
        self.machines: list[NodeMachine] = []
        witness = ClusterWitness(self.ledger, self.places, self.machines)
        self.storage = Storage(self._rng("storage"), self.findings, witness)
        self._by_address: dict[str, NodeMachine] = {}
        self._by_socket: dict[Path, NodeMachine] = {}
        self.people = People(
            self.machines,
            self._dial("people"),
            self.trust,
            self._rng("people"),
            self.findings,
            self._make_life,
        )
        self._root = RootCa.create(self._wall_ns(), self._rng("root").randbytes)
        self._make_machines()
        self.histories = Histories(
            lambda host, at: host.before(at, _LEASE_TICKS * plan.tick_s), self.ledger, self.findings
        )
        self.clients = [self._make_client(f"c{at}") for at in range(1, plan.clients + 1)]
        self.backups = Backups(
            self.managers,
            self._dial("backups"),
            self.ledger,
            self._rng("backups"),
            self.findings,
            pause_s=_BACKUP_TICKS * plan.tick_s,
        )
        self.faults = Faults(
            plan,
            self.machines,
            self.network,
            self._rng("faults"),
            trace,
            self.leaders,
            self.people,
            self.storage,
        )

    async def run(self) -> None:
        """Both phases, then the last look."""
        plan = self.plan
        async with Group() as group:
            for machine in self.machines:
                group.spawn(machine.run(), name=machine.host.name)
            looking = group.spawn(self._look_now_and_then(), name="look")
            async with Group() as first:
                for client in self.clients:
                    first.spawn(client.run(), name="client")
                if plan.takes_backups:
                    first.spawn(self.backups.run(), name="backups")
                await asyncio.sleep(2 * _ELECTION_TICKS * plan.tick_s)
                trouble = first.spawn(self.faults.run(), name="faults")
                await self._sleep_unless_found(plan.faulty_ticks * plan.tick_s)
                trouble.cancel()
                first.cancel_all()
                # Before they are waited for: some wait for a paused host.
                self.faults.end()
            if not self.findings.texts:
                recovery = Recovery(
                    self.machines,
                    self.people,
                    self.ledger,
                    self.findings,
                    self._verifier,
                    self.storage,
                    lambda: self._loop.now,
                )
                self.recovery_s = await recovery.run(_LIVELY_TICKS * plan.tick_s + _LIVELY_S)
                self.explained = recovery.waiting.explained
            looking.cancel()
            self._look()
            group.cancel_all()
        self._judge_histories()

    # making it

    def _rng(self, what: str) -> random.Random:
        return random.Random(f"{self.plan.seed} {what}")

    def _wall_ns(self) -> int:
        return Host("founder", self._loop, self.trace).clock.wall_ns()

    def _dial(self, name: str) -> SimulatedDial:
        return self._dial_of(Host(name, self._loop, self.trace))

    def _dial_of(self, host: Host) -> SimulatedDial:
        return SimulatedDial(host, self.network, self._find, self._verifier, self.findings)

    def _find(self, target: str | Path) -> Server | None:
        return self._by_address.get(target) if isinstance(target, str) else self._by_socket.get(target)

    def _make_machines(self) -> None:
        """Managers whose cluster was just founded, and machines that know a join token alone."""
        plan = self.plan
        members = [Member(at, f"m{at}", f"m{at}:4242") for at in range(1, plan.managers + 1)]
        founders = [
            self._make_machine(member.node_id, is_ours=member.raft_id <= plan.managers - plan.others_makes)
            for member in members
        ]
        for machine in founders:
            rng = self._rng(f"founding {machine.host.name}")
            machine.found(self._credentials(machine.host.name, rng), self._root.certificate, founders)
            keyring = SeededKeyring(machine.state.key_file, rng)
            keyring.load()
            found(machine.disk, self._raft_config(machine, machine.host.name), members, keyring.cipher())
        for at in range(1, plan.agents + 1):
            self._make_machine(f"a{at}", is_ours=True)

    def _make_machine(self, name: str, *, is_ours: bool) -> NodeMachine:
        machine = NodeMachine(
            Host(name, self._loop, self.trace),
            self._rng(f"machine {name}"),
            self.findings,
            self.people,
            lambda one: self._dial_of(one.host),
            self._by_address.__getitem__,
            is_ours=is_ours,
            storage=self.storage,
            join_s=_JOIN_S + 2 * _ELECTION_TICKS * self.plan.tick_s,
        )
        self.machines.append(machine)
        self._by_address[machine.address] = self._by_socket[machine.socket] = machine
        return machine

    def _credentials(self, node_id: str, rng: random.Random) -> NodeCredentials:
        key = keys.generate(rng.randbytes)
        chain = self._root.sign(
            csr.create(key),
            node_id=node_id,
            role=MANAGER_ROLE,
            organization=CLUSTER_ID,
            wall_ns=self._wall_ns(),
            chance=rng.randbytes,
        )
        return NodeCredentials(chain, keys.pkcs8(key))

    def leaders(self) -> list[NodeMachine]:
        """Those who hold themselves to be it."""
        return [
            one
            for one in self.machines
            if one.life is not None and one.is_up and one.life.raft.leadership.is_leader
        ]

    def managers(self) -> list[NodeMachine]:
        """Those that have a manager's certificate."""
        return [one for one in self.machines if one.identity is not None and one.identity.is_manager]

    def _raft_config(self, machine: NodeMachine, node_id: str) -> RaftNodeConfig:
        return RaftNodeConfig(
            directory=DIRECTORY,
            node_id=node_id,
            address=machine.address,
            may_found=False,
            tick_s=self.plan.tick_s,
            short_tick_s=self.plan.short_tick_s if machine.is_ours else None,
            election_tick=_ELECTION_TICKS,
            segment_bytes=self.plan.segment_bytes,
        )

    def _make_life(self, machine: NodeMachine, how: Launch, tell: Callable[[bytes, bool], None]) -> Life:
        plan, host, own = self.plan, machine.host, machine.identity
        assert own is not None
        self._lives += 1
        rng = self._rng(f"life {self._lives}")
        birth = Birth(
            self._raft_config(machine, own.node_id),
            LogLimits(plan.snapshot_interval, 0, plan.entries_kept),
            machine.state.key_file,
            how.unlock_key,
            tell,
            prepare=self._preparation(own.node_id, rng),
            check_joiner=lambda address: self._check_joiner(machine, address),
            plugins=self.storage.controllers(host),
        )
        transport = SimulatedTransport(
            machine, self.network, self._by_address.__getitem__, self.ledger, self.trace
        )
        return Life(
            host,
            birth,
            machine.disk,
            transport,
            rng=rng,
            ledger=self.ledger,
            findings=self.findings,
            trace=self.trace,
        )

    def _make_client(self, name: str) -> Client:
        plan, host = self.plan, Host(name, self._loop, self.trace)
        pause_s = plan.operation_every_ticks * plan.tick_s * plan.clients
        return Client(
            host,
            self.managers,
            self._dial_of(host),
            self._rng(name),
            self.histories,
            self.findings,
            pause_s=pause_s,
            service_share=plan.service_share,
            supply_share=plan.supply_share,
        )

    def _preparation(self, node_id: str, rng: random.Random) -> Callable[[MemoryStore], Awaitable[None]]:
        """What a new leader makes sure of. The first one finds what a cluster of this age would have: all its nodes."""
        root = self._root
        key = root.key or b""
        founding = Founding(CLUSTER_ID, node_id, root, key, chance=rng.randbytes, rng=rng)

        def create(tx: Transaction) -> None:
            if tx.get(Cluster, CLUSTER_ID) is not None:
                return
            cluster = new_cluster(founding)
            cluster.spec.orchestration.task_history_retention_limit = _HISTORY_LIMIT
            tx.create(cluster)
            tx.create(ingress_network(rng))
            for network in networks():
                tx.create(network)
            for at in range(1, self.plan.managers + 1):
                tx.create(own_node(Founding(CLUSTER_ID, f"m{at}", root, key)))

        async def prepare(store: MemoryStore) -> None:
            await store.update(create)
            await take_over(store, founding, lambda: None)

        return prepare

    async def _check_joiner(self, machine: NodeMachine, address: str) -> None:
        """What raft_node.net.joining.check_joiner does over gRPC."""
        life = machine.life
        assert life is not None
        own = life.credentials.tls
        request = HealthCheckRequest(service="Raft")
        try:
            async with await machine.dial.open(
                address, Trust(own.anchors, own), timeout=CHECK_S
            ) as connection:
                answer: HealthCheckResponse = await connection.call("Health.Check", request, timeout=CHECK_S)
        except ClientError as error:
            raise JoinFailed(f"the new manager cannot be reached at {address}: {error}") from None
        if answer.status != HealthCheckResponse.SERVING:
            raise JoinFailed(f"the new manager at {address} is not ready for the consensus")

    # while it runs

    async def _sleep_unless_found(self, seconds: float) -> None:
        end = self._loop.now + seconds
        while self._loop.now < end and not self.findings.texts:
            await asyncio.sleep(min(self.plan.tick_s, max(end - self._loop.now, 0.001)))

    async def _look_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_COMPARE_TICKS * self.plan.tick_s)
            self._look()

    def _look(self) -> None:
        """Compare what members hold with what they said."""
        for machine in self.machines:
            life = machine.life
            if life is None or not life.has_begun:
                continue
            life.machine.sum.take()
            life.machine.sum.compare()
            memory = life.raft._core.storage.memory
            first, last = memory.first_index(), memory.last_index()
            if first <= last:
                self.ledger.logged(memory.term(first - 1), memory.entries(first, last + 1, 1 << 62))

    def _judge_histories(self) -> None:
        for name, operations in self.histories.by_name.items():
            if not explain(operations):
                lines = "; ".join(str(one) for one in operations)
                self.findings.add(f"no order explains what clients saw of {name}: {lines}")
