"""The whole cluster of one run, its two phases, and what must hold at the end.

First everything may fail, and safety is watched. Then nothing fails any more, and within a bound of time the cluster must be
well: one leader, equal members, every service with exactly the tasks it asks for, every acknowledged write there.
"""

import asyncio
import logging
import random
from collections import Counter

from swarm_core.api.proto import control_pb2, specs_pb2
from swarm_core.api.proto.objects_pb2 import Cluster, Node, Service, Task
from swarm_core.api.proto.raft_pb2 import JoinRequest, JoinResponse
from swarm_core.api.proto.types_pb2 import RUNNING, WORKER, NodeStatus
from swarm_core.client.errors import CallFailed, ClientError
from swarm_core.raft_node.config import LogLimits, RaftNodeConfig
from swarm_core.raft_node.errors import JoinFailed, JoinRefused, ProposalRefused
from swarm_core.raft_node.membership import Member
from swarm_core.raft_node.net.joining import CHECK_S, FINAL_CODES, ask_until_admitted
from swarm_core.rpc.caller import Caller
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.tasks import Group
from swarm_core.store.by import ByService, Role
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction

from swarm_testkit.factories import make_cluster, make_node
from swarm_testkit.raft_shell import MemoryKeyStore
from swarm_testkit.simulation.calls import SimulatedConnection
from swarm_testkit.simulation.checkers import Findings, Ledger
from swarm_testkit.simulation.faults import Faults
from swarm_testkit.simulation.founding import DIRECTORY, SeededKeyring, found
from swarm_testkit.simulation.history import explain
from swarm_testkit.simulation.host import Host
from swarm_testkit.simulation.life import Life
from swarm_testkit.simulation.loop import SimulationLoop
from swarm_testkit.simulation.machines import CLUSTER_ID, AgentMachine, ManagerMachine
from swarm_testkit.simulation.network import Network
from swarm_testkit.simulation.plan import Plan
from swarm_testkit.simulation.raft_transport import SimulatedTransport
from swarm_testkit.simulation.trace import Trace
from swarm_testkit.simulation.workload import Client, Histories

_ELECTION_TICKS = 10
# A leader that hears nobody gives up within two election timeouts; answers may be on their way for as long as messages are late.
_LEASE_TICKS = 2 * _ELECTION_TICKS + 1 + 15
_JOIN_S = 5.0
_LIVELY_TICKS, _LIVELY_S = 80, 90.0
_LOOK_S = 0.5
_COMPARE_TICKS = 10
_AVAILABILITY = specs_pb2.NodeSpec.Availability


class World:
    """Made inside a running SimulationLoop; `run` plays the plan to its end."""

    def __init__(self, plan: Plan, loop: SimulationLoop, trace: Trace) -> None:
        self.plan = plan
        self.trace = trace
        self.findings = Findings(trace)
        self.ledger = Ledger(self.findings)
        self.recovery_s = 0.0
        self._loop = loop
        self.network = Network(loop, self._rng("network"), trace)
        members = [Member(at, f"m{at}", f"m{at}:4242") for at in range(1, plan.managers + 1)]
        self._by_address: dict[str, ManagerMachine] = {}
        self.managers = [self._make_manager(member, members) for member in members]
        self.agents = [self._make_agent(f"a{at}") for at in range(1, plan.agents + 1)]
        self.histories = Histories(
            lambda host, at: host.before(at, _LEASE_TICKS * plan.tick_s), self.ledger, self.findings
        )
        self.clients = [self._make_client(f"c{at}") for at in range(1, plan.clients + 1)]
        self.faults = Faults(
            plan,
            self.managers,
            self.agents,
            self.network,
            self._rng("faults"),
            trace,
            self.leaders,
            self.set_availability,
        )

    async def run(self) -> None:
        """Both phases, then the last look."""
        plan = self.plan
        async with Group() as group:
            for manager in self.managers:
                group.spawn(manager.run(), name=manager.host.name)
            for agent in self.agents:
                group.spawn(agent.run(), name=agent.host.name)
            looking = group.spawn(self._look_now_and_then(), name="look")
            async with Group() as first:
                for client in self.clients:
                    first.spawn(client.run(), name="client")
                await asyncio.sleep(2 * _ELECTION_TICKS * plan.tick_s)
                trouble = first.spawn(self.faults.run(), name="faults")
                await self._sleep_unless_found(plan.faulty_ticks * plan.tick_s)
                trouble.cancel()
                first.cancel_all()
                # Before they are waited for: some wait for a paused host.
                self.faults.end()
            if not self.findings.texts:
                await self._recover()
            looking.cancel()
            self._look()
            group.cancel_all()
        self._judge_histories()

    # making it

    def _rng(self, what: str) -> random.Random:
        return random.Random(f"{self.plan.seed} {what}")

    def _make_manager(self, member: Member, members: list[Member]) -> ManagerMachine:
        host = Host(member.node_id, self._loop, self.trace)
        rng = self._rng(f"machine {host.name}")
        keys = MemoryKeyStore()
        machine = ManagerMachine(
            host,
            member.address,
            keys,
            rng,
            self.findings,
            self._make_life,
            self._by_address.__getitem__,
            self._ask_to_join,
            is_ours=member.raft_id <= self.plan.managers - self.plan.others_makes,
        )
        keyring = SeededKeyring(keys, rng)
        keyring.load()
        found(machine.disk, self._raft_config(machine), members, keyring.cipher())
        self._by_address[machine.address] = machine
        return machine

    async def _ask_to_join(self, machine: ManagerMachine, former: frozenset[int]) -> JoinResponse:
        """What raft_node.net.joining does over gRPC: ask other managers, which forward it to their leader."""
        host, rng = machine.host, self._rng(f"joiner {machine.host.name} {self._loop.now}")
        caller = Caller(host.name, frozenset({"swarm-manager"}), CLUSTER_ID, machine.address)

        async def ask(seconds: float) -> JoinResponse:
            target = rng.choice([one for one in self.managers if one is not machine])
            connection = SimulatedConnection(host, target, self.network, caller, self.findings)
            try:
                answer: JoinResponse = await connection.call(
                    "RaftMembership.Join", JoinRequest(addr=machine.address), timeout=seconds
                )
            except (ClientError, TimeoutError) as error:
                self.trace.note(f"{host.name} cannot join through {target.host.name}: {error}")
                code = error.code if isinstance(error, CallFailed) else ""
                raise JoinRefused(str(error), is_final=code in FINAL_CODES) from None
            self.trace.note(f"{host.name} may join as {answer.raft_id:x}")
            return answer

        timeout_s = _JOIN_S + 2 * _ELECTION_TICKS * self.plan.tick_s
        return await ask_until_admitted(
            ask, host.clock, Backoff(rng), manager="any address", timeout_s=timeout_s, former=former
        )

    async def _check_joiner(self, machine: ManagerMachine, address: str) -> None:
        """What raft_node.net.joining.check_joiner does over gRPC."""
        joiner = self._by_address[address]
        try:
            async with asyncio.timeout(CHECK_S):
                await self.network.carry(machine.host.name, joiner.host)
                if not joiner.is_serving:
                    raise JoinFailed(f"the new manager cannot be reached at {address}")
                await self.network.carry(joiner.host.name, machine.host)
        except (ClientError, TimeoutError) as error:
            raise JoinFailed(f"the new manager cannot be reached at {address}: {error}") from None

    def leaders(self) -> list[ManagerMachine]:
        """Those who hold themselves to be it."""
        return [
            one for one in self.managers if one.life is not None and one.is_up and one.life.raft.is_leader
        ]

    def _raft_config(self, machine: ManagerMachine) -> RaftNodeConfig:
        return RaftNodeConfig(
            directory=DIRECTORY,
            node_id=machine.host.name,
            address=machine.address,
            tick_s=self.plan.tick_s,
            short_tick_s=self.plan.short_tick_s if machine.is_ours else None,
            election_tick=_ELECTION_TICKS,
            segment_bytes=self.plan.segment_bytes,
        )

    def _make_life(self, machine: ManagerMachine, number: int) -> Life:
        plan, host = self.plan, machine.host
        transport = SimulatedTransport(
            machine, self.network, self._by_address.__getitem__, self.ledger, self.trace
        )
        return Life(
            host,
            self._raft_config(machine),
            machine.disk,
            transport,
            machine.keys,
            limits=LogLimits(plan.snapshot_interval, 0, plan.entries_kept),
            prepare=self._prepare,
            check_joiner=lambda address: self._check_joiner(machine, address),
            rng=self._rng(f"life {number} of {host.name}"),
            ledger=self.ledger,
            findings=self.findings,
            trace=self.trace,
        )

    def _make_agent(self, name: str) -> AgentMachine:
        host = Host(name, self._loop, self.trace)
        return AgentMachine(host, self.managers, self.network, self._rng(name), self.findings)

    def _make_client(self, name: str) -> Client:
        host = Host(name, self._loop, self.trace)
        pause_s = self.plan.operation_every_ticks * self.plan.tick_s * self.plan.clients
        return Client(
            host, self.managers, self.network, self._rng(name), self.histories, self.findings, pause_s=pause_s
        )

    async def _prepare(self, store: MemoryStore) -> None:
        """What a new leader makes sure of."""

        def create(tx: Transaction) -> None:
            if tx.get(Cluster, CLUSTER_ID) is None:
                tx.create(make_cluster(CLUSTER_ID, history_limit=2))
                for manager in self.managers:
                    tx.create(make_node(manager.host.name, role="MANAGER", state="UNKNOWN"))
            for agent in self.agents:
                if tx.get(Node, agent.host.name) is None:
                    tx.create(make_node(agent.host.name, state="UNKNOWN"))

        await store.update(create)

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
        for manager in self.managers:
            life = manager.life
            if life is None or not life.has_begun:
                continue
            life.machine.sum.take()
            life.machine.sum.compare()
            memory = life.raft._storage.memory
            first, last = memory.first_index(), memory.last_index()
            if first <= last:
                self.ledger.logged(memory.term(first - 1), memory.entries(first, last + 1, 1 << 62))

    async def set_availability(self, node_id: str, availability: str) -> bool:
        """Ask a manager to change a node; whether it was done."""
        host = Host("operator", self._loop, self.trace)
        target = self._rng(f"operator {self._loop.now}").choice(self.managers)
        caller = Caller("operator", frozenset({"swarm-manager"}), CLUSTER_ID, "", is_local=True)
        connection = SimulatedConnection(host, target, self.network, caller, self.findings)
        try:
            answer = await connection.call(
                "Control.GetNode", control_pb2.GetNodeRequest(node_id=node_id), timeout=5
            )
            request = control_pb2.UpdateNodeRequest(
                node_id=node_id, node_version=answer.node.meta.version, spec=answer.node.spec
            )
            request.spec.availability = _AVAILABILITY.Value(availability)
            await connection.call("Control.UpdateNode", request, timeout=5)
        except (ClientError, TimeoutError):
            return False
        return True

    # the second phase

    async def _recover(self) -> None:
        start = self._loop.now
        limit_s = _LIVELY_TICKS * self.plan.tick_s + _LIVELY_S
        pending = [agent.host.name for agent in self.agents]
        while (missing := self._missing(pending)) and not self.findings.texts:
            if self._loop.now - start > limit_s:
                self.findings.add(f"not well {limit_s:.0f} s after the last fault: {missing}")
                return
            await asyncio.sleep(_LOOK_S)
            if pending and await self.set_availability(pending[0], "ACTIVE"):
                pending.pop(0)
        self.recovery_s = self._loop.now - start
        self._judge_state()

    def _missing(self, pending: list[str]) -> str:
        """What is not well yet, in a few words."""
        lives = [manager.life for manager in self.managers]
        alive = [life for life in lives if life is not None and life.has_begun]
        if len(alive) < len(lives):
            return "a manager is down"
        leaders = [life for life in alive if life.raft.is_leader]
        if len(leaders) != 1 or len({life.raft.leader_id for life in alive}) != 1:
            return f"{len(leaders)} leaders, taken for it: {[life.raft.leader_id for life in alive]}"
        ids = sorted(life.raft.raft_id for life in alive)
        if any([member.raft_id for member in life.raft.members()] != ids for life in alive):
            return "not every manager is a member everywhere"
        if pending:
            return f"nodes {pending} cannot be set active"
        positions = [(life.raft.status().applied, life.machine.sum.total) for life in alive]
        if len(set(positions)) != 1:
            return f"members are not equal: applied {[applied for applied, _ in positions]}"
        return self._missing_tasks(leaders[0].store)

    def _missing_tasks(self, store: MemoryStore) -> str:
        for node in store.find(Node, Role(WORKER)):
            if node.status.state != NodeStatus.READY:
                return f"node {node.id} is {NodeStatus.State.Name(node.status.state)}"
        expected: set[str] = set()
        for service in store.find(Service):
            running = [
                task for task in store.find(Task, ByService(service.id)) if task.desired_state <= RUNNING
            ]
            if any(task.status.state != RUNNING for task in running):
                return f"service {service.spec.annotations.name} has tasks that do not run"
            wrong = self._wrong_places(service, running)
            if wrong:
                return f"service {service.spec.annotations.name} {wrong}"
            expected |= {task.id for task in running}
        held = {
            task_id
            for agent in self.agents
            for task_id, work in agent.machine.works.items()
            if work.started_s is not None and work.result(agent.host.clock.monotonic()) is None
        }
        if held != expected:
            return f"machines run {sorted(held - expected)} too many, {sorted(expected - held)} too few"
        return ""

    def _wrong_places(self, service: Service, running: list[Task]) -> str:
        if service.spec.WhichOneof("mode") == "global":
            places = Counter(task.node_id for task in running)
            wanted = Counter(agent.host.name for agent in self.agents)
            return "" if places == wanted else f"runs on {dict(places)}"
        slots = {task.slot for task in running}
        replicas = service.spec.replicated.replicas
        if len(running) == len(slots) == replicas:
            return ""
        return f"runs {len(running)} tasks in {len(slots)} slots instead of {replicas}"

    # the last look

    def _judge_state(self) -> None:
        life = self.managers[0].life
        assert life is not None
        for key, change in self.ledger.newest.items():
            if (change.digest is not None) != (key in life.machine.sum):
                self.findings.add(f"{key} of index {change.index} is not what the members hold")

    def _judge_histories(self) -> None:
        for name, operations in self.histories.by_name.items():
            if not explain(operations):
                lines = "; ".join(str(one) for one in operations)
                self.findings.add(f"no order explains what clients saw of {name}: {lines}")


class LogWatch(logging.Handler):
    """A failure that a component only logs is a finding, unless it is a refused proposal."""

    def __init__(self, findings: Findings) -> None:
        super().__init__(logging.ERROR)
        self._findings = findings

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, ProposalRefused):
            self._findings.add(f"{record.name}: {record.getMessage()}: {type(error).__name__}: {error}")
