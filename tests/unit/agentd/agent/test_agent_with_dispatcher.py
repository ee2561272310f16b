"""Agent and dispatcher together: one process, a real store, fake runtimes, virtual time."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import pytest
from swarm_agentd.agent.agent import Agent
from swarm_agentd.agent.storage import Change, MemoryStorage, StorageUnusable
from swarm_agentd.agent.task_ports import NoPorts
from swarm_agentd.exec.errors import Temporary
from swarm_core.api.proto.endpoints_pb2 import EndpointsMessage
from swarm_core.api.proto.objects_pb2 import Cluster, Node, Secret, Task
from swarm_core.api.proto.types_pb2 import (
    COMPLETE,
    FAILED,
    PREPARING,
    READY,
    REJECTED,
    RUNNING,
    SHUTDOWN,
    NodeDescription,
    NodeStatus,
    Peer,
    SecretReference,
    TaskState,
    TaskStatus,
    WeightedPeer,
)
from swarm_core.api.task_ports import GATE_PLUGIN
from swarm_core.manager.dispatcher.dispatcher import Dispatcher
from swarm_core.manager.endpoints.api import EndpointsApi
from swarm_core.runtime.tasks import Group
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction
from swarm_testkit.clock import VirtualClock, in_virtual_time, until
from swarm_testkit.factories import make_cluster, make_node, make_secret, make_task, make_task_spec
from swarm_testkit.fakes import FakeController, FakeExecutor, LocalManagers, World
from swarm_testkit.port_nodes import tcp


class Rig:
    """A store with a dispatcher, and the agent of node n1."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore(clock=self.clock)
        self.world = World()
        self.executor = FakeExecutor(self.world)
        self.storage = MemoryStorage()
        self.peers = [WeightedPeer(peer=Peer(node_id="m1", addr="192.0.2.1:4242"), weight=10)]
        self.dispatcher = self.new_dispatcher()
        self.managers = LocalManagers({"Dispatcher": self.dispatcher}, "n1")

    def new_dispatcher(self) -> Dispatcher:
        return Dispatcher(
            self.store,
            self.clock,
            random.Random(1),
            node_id="m1",
            managers=lambda: self.peers,
            managers_are_ours=lambda: True,
        )

    def new_agent(self) -> Agent:
        return Agent(
            node_id="n1",
            executor=FakeExecutor(self.world),
            managers=self.managers,
            storage=self.storage,
            clock=self.clock,
            rng=random.Random(2),
        )

    async def create(self, *items: Cluster | Node | Task | Secret) -> None:
        def change(transaction: Transaction) -> None:
            for item in items:
                transaction.create(item)

        await self.store.update(change)

    async def desire(self, task_id: str, desired: TaskState.ValueType) -> None:
        def change(transaction: Transaction) -> None:
            task = Task()
            stored = transaction.get(Task, task_id)
            assert stored is not None
            task.CopyFrom(stored)
            task.desired_state = desired
            transaction.update(task)

        await self.store.update(change)

    async def delete(self, task_id: str) -> None:
        await self.store.update(lambda transaction: transaction.delete(Task, task_id))

    def task(self, task_id: str) -> Task:
        task = self.store.get(Task, task_id)
        assert task is not None
        return task

    def node(self) -> Node:
        node = self.store.get(Node, "n1")
        assert node is not None
        return node

    async def reached(self, task_id: str, state: TaskState.ValueType) -> Task:
        await until(lambda: self.task(task_id).status.state == state)
        return self.task(task_id)


@contextlib.asynccontextmanager
async def serving(dispatcher: Dispatcher) -> AsyncIterator[None]:
    async with Group() as group:
        group.spawn(dispatcher.run(), name="dispatcher")
        try:
            yield
        finally:
            group.cancel_all()


@contextlib.asynccontextmanager
async def running(agent: Agent) -> AsyncIterator[Agent]:
    async with Group() as group:
        group.spawn(agent.run(), name="agent")
        try:
            yield agent
        finally:
            group.cancel_all()


def rigged(test: Callable[[Rig], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Give an async test a Rig whose dispatcher serves, in virtual time."""

    async def run() -> None:
        rig = Rig()
        await rig.create(make_cluster("c1"), make_node("n1", state="UNKNOWN"), make_node("n2"))
        async with serving(rig.dispatcher):
            await test(rig)

    def wrapper() -> None:
        in_virtual_time(run)()

    wrapper.__doc__ = test.__doc__
    return wrapper


def assigned(
    task_id: str, image: str, *, desired: str = "RUNNING", node_id: str = "n1", **spec: object
) -> Task:
    task_spec = make_task_spec(image=image, **spec)  # type: ignore[arg-type]
    return make_task(
        task_id, node_id=node_id, state="ASSIGNED", desired=desired, spec=task_spec, service_id="s1", slot=1
    )


@rigged
async def test_node_becomes_ready(rig: Rig) -> None:
    """A registered node is READY, with its address and description; the agent learns the managers and the node."""
    async with running(rig.new_agent()) as agent:
        await agent.registered_once.wait()
        assert rig.node().status.state == NodeStatus.READY
        assert rig.node().status.addr == "192.0.2.7"
        assert rig.node().description.hostname == "fake-host"
        assert [peer.peer.node_id for peer in rig.managers.learned] == ["m1"]


@rigged
async def test_tasks_run_and_end(rig: Rig) -> None:
    """Assigned tasks reach what their work does: RUNNING, COMPLETE, FAILED with its code, REJECTED."""
    async with running(rig.new_agent()):
        await rig.create(
            assigned("t1", "runs"),
            assigned("t2", "ends"),
            assigned("t3", "fails"),
            assigned("t4", "broken"),
            assigned("t5", "unsupported"),
            assigned("t6", "flaky"),
        )
        running_task = await rig.reached("t1", RUNNING)
        assert running_task.status.container.container_id == "work-of-t1"
        assert running_task.status.applied_by == "m1"
        await rig.reached("t2", COMPLETE)
        failed = await rig.reached("t3", FAILED)
        assert failed.status.container.exit_code == 3
        assert "no such image" in (await rig.reached("t4", REJECTED)).status.err
        await rig.reached("t5", REJECTED)
        assert not (await rig.reached("t6", RUNNING)).status.err


@rigged
async def test_shutdown_is_quick_and_removal_frees(rig: Rig) -> None:
    """A running task told to shut down does so at once; when its object is deleted its work is freed."""
    async with running(rig.new_agent()):
        await rig.create(assigned("t1", "runs"))
        await rig.reached("t1", RUNNING)
        before = rig.clock.monotonic()
        await rig.desire("t1", SHUTDOWN)
        await rig.reached("t1", SHUTDOWN)
        assert rig.clock.monotonic() - before < 0.1
        assert "t1" in rig.world.works
        await rig.delete("t1")
        await until(lambda: "t1" not in rig.world.works)
        assert rig.storage.load() == []


@rigged
async def test_desired_ready_waits(rig: Rig) -> None:
    """A task wanted READY stops there and goes on when it is wanted RUNNING."""
    async with running(rig.new_agent()):
        await rig.create(assigned("t1", "runs", desired="READY"))
        await rig.reached("t1", READY)
        assert not rig.world.running()
        await rig.desire("t1", RUNNING)
        await rig.reached("t1", RUNNING)


@rigged
async def test_states_passed_through_are_not_written(rig: Rig) -> None:
    """A task that starts at once is written once by the dispatcher."""
    async with running(rig.new_agent()) as agent:
        await agent.registered_once.wait()
        await rig.create(assigned("t1", "runs"))
        before = rig.task("t1").meta.version.index
        await rig.reached("t1", RUNNING)
        assert rig.task("t1").meta.version.index == before + 1


@rigged
async def test_ready_that_is_overtaken_is_not_written(rig: Rig) -> None:
    """A prepared task that is started soon is written once, as running; one that waits longer is written as READY first."""
    async with running(rig.new_agent()) as agent:
        await agent.registered_once.wait()
        await rig.create(assigned("t1", "runs", desired="READY"))
        await until(lambda: "t1" in rig.world.works)
        await rig.desire("t1", RUNNING)
        before = rig.task("t1").meta.version.index
        await rig.reached("t1", RUNNING)
        assert rig.task("t1").meta.version.index == before + 1

        await rig.create(assigned("t2", "runs", desired="READY"))
        await rig.reached("t2", READY)


@rigged
async def test_secret_reaches_the_task(rig: Rig) -> None:
    """A task's secret is on the node when the task is prepared."""
    await rig.create(make_secret("x1", name="x"))
    reference = SecretReference(secret_id="x1", secret_name="x")
    async with running(rig.new_agent()):
        await rig.create(assigned("t1", "runs", secrets=[reference]))
        await rig.reached("t1", RUNNING)


@rigged
async def test_restarted_agent_finds_its_tasks(rig: Rig) -> None:
    """After an end of the agent its work goes on; the next agent on the same store finds it and starts nothing twice."""
    async with running(rig.new_agent()):
        await rig.create(assigned("t1", "runs"), assigned("t2", "runs"))
        await rig.reached("t1", RUNNING)
        await rig.reached("t2", RUNNING)
    assert rig.world.running() == {"t1", "t2"}
    await rig.delete("t2")
    rig.world.works["t1"].end(3)
    async with running(rig.new_agent()):
        assert (await rig.reached("t1", FAILED)).status.container.exit_code == 3
        await until(lambda: "t2" not in rig.world.works)
    assert rig.world.works["t1"].starts == 1


@rigged
async def test_lost_store_starts_nothing_twice(rig: Rig) -> None:
    """Without its task store an agent still finds the work of tasks that the manager says are running."""
    async with running(rig.new_agent()):
        await rig.create(assigned("t1", "runs"))
        await rig.reached("t1", RUNNING)
    rig.storage = MemoryStorage()
    async with running(rig.new_agent()):
        await until(lambda: rig.storage.tasks)
        await rig.desire("t1", SHUTDOWN)
        await rig.reached("t1", SHUTDOWN)
    assert rig.world.works["t1"].starts == 1


@rigged
async def test_cut_connection_keeps_the_session(rig: Rig) -> None:
    """After a broken line the agent comes back with the same session id and misses nothing."""
    async with running(rig.new_agent()) as agent:
        await agent.registered_once.wait()
        await rig.create(assigned("t1", "runs"))
        await rig.reached("t1", RUNNING)
        rig.managers.is_reachable = False
        rig.managers.connections[-1].cut()
        await rig.create(assigned("t2", "ends"))
        await rig.clock.sleep(3)
        rig.managers.is_reachable = True
        await rig.reached("t2", COMPLETE)
        offered = [
            request.session_id
            for connection in rig.managers.connections
            for method, request in connection.requests
            if method == "Dispatcher.Session"
        ]
        assert offered[0] == "" and offered[1] and len(offered) == 2
        assert rig.node().status.state == NodeStatus.READY
        assert rig.managers.observations == [True, False, True]


@rigged
async def test_silent_node_goes_down_and_comes_back(rig: Rig) -> None:
    """Without heartbeats a node is DOWN after three periods; its agent registers anew, and tells what happened meanwhile."""
    async with running(rig.new_agent()) as agent:
        await agent.registered_once.wait()
        await rig.create(assigned("t1", "runs"))
        await rig.reached("t1", RUNNING)
        rig.managers.is_reachable = False
        rig.managers.connections[-1].cut()
        before = rig.clock.monotonic()
        await until(lambda: rig.node().status.state == NodeStatus.DOWN)
        assert 13 < rig.clock.monotonic() - before < 17
        rig.world.works["t1"].end(3)
        rig.managers.is_reachable = True
        await rig.reached("t1", FAILED)
        await until(lambda: rig.node().status.state == NodeStatus.READY)


@rigged
async def test_new_leader_takes_over(rig: Rig) -> None:
    """With a new leader's dispatcher the node is UNKNOWN until its agent has registered there."""
    async with running(rig.new_agent()) as agent:
        await agent.registered_once.wait()
        await rig.create(assigned("t1", "runs"))
        await rig.reached("t1", RUNNING)
        new = rig.new_dispatcher()
        rig.managers.handlers["Dispatcher"] = new
        async with serving(new):
            await until(lambda: rig.node().status.state == NodeStatus.UNKNOWN)
            rig.managers.connections[-1].cut()
            await until(lambda: rig.node().status.state == NodeStatus.READY)
            await rig.desire("t1", SHUTDOWN)
            await rig.reached("t1", SHUTDOWN)


@rigged
async def test_changed_description_is_registered(rig: Rig) -> None:
    """A description that changed is told within 20 s, under the same session."""
    agent = rig.new_agent()
    async with running(agent):
        await agent.registered_once.wait()
        agent._executor.hostname = "renamed"  # type: ignore[attr-defined]
        await until(lambda: rig.node().description.hostname == "renamed", limit_s=25)
        assert len(rig.managers.connections) == 2
        assert False not in rig.managers.observations


@rigged
async def test_leave_frees_everything(rig: Rig) -> None:
    """leave removes every task's work and ignores what is assigned later."""
    async with running(rig.new_agent()) as agent:
        await rig.create(assigned("t1", "runs"), assigned("t2", "stubborn"))
        await rig.reached("t1", RUNNING)
        await rig.reached("t2", RUNNING)
        await agent.leave()
        assert not rig.world.works
        await rig.create(assigned("t3", "runs"))
        await rig.clock.sleep(2)
        assert not rig.world.works


@rigged
async def test_many_tasks_many_agents(rig: Rig) -> None:
    """Ten agents in one process bring five hundred tasks up and down."""
    nodes = [f"w{number}" for number in range(10)]
    await rig.create(*(make_node(node_id) for node_id in nodes))
    worlds = {node_id: World() for node_id in nodes}
    async with contextlib.AsyncExitStack() as stack:
        for node_id in nodes:
            agent = Agent(
                node_id=node_id,
                executor=FakeExecutor(worlds[node_id]),
                managers=LocalManagers({"Dispatcher": rig.dispatcher}, node_id),
                storage=MemoryStorage(),
                clock=rig.clock,
                rng=random.Random(node_id),
            )
            await stack.enter_async_context(running(agent))
        tasks = [assigned(f"t{number}", "runs", node_id=nodes[number % 10]) for number in range(500)]
        ids = [task.id for task in tasks]
        await rig.create(*tasks)
        await until(lambda: all(rig.task(id_).status.state == RUNNING for id_ in ids))
        assert sum(len(world.running()) for world in worlds.values()) == 500
        for id_ in ids:
            await rig.desire(id_, SHUTDOWN)
        await until(lambda: all(rig.task(id_).status.state == SHUTDOWN for id_ in ids))
        assert not any(world.running() for world in worlds.values())


@rigged
async def test_cancelled_agent_ends_promptly(rig: Rig) -> None:
    """Ending an agent in the middle of an operation waits for nothing."""
    rig.world.hold["prepare"] = asyncio.Event()
    async with running(rig.new_agent()):
        await rig.create(assigned("t1", "runs"))
        await until(lambda: rig.world.calls["prepare", "t1"])
    assert not rig.world.running()


@rigged
async def test_restart_waits_for_secrets(rig: Rig) -> None:
    """A task that was being prepared when its agent ended is not rejected for secrets that come with the next session."""
    await rig.create(make_secret("x1", name="x"))
    rig.world.hold["prepare"] = asyncio.Event()
    reference = SecretReference(secret_id="x1", secret_name="x")
    async with running(rig.new_agent()):
        await rig.create(assigned("t1", "runs", secrets=[reference]))
        await until(lambda: rig.world.calls["prepare", "t1"])
        await until(lambda: rig.task("t1").status.state == PREPARING)
    rig.world.hold.clear()
    rig.managers.is_reachable = False
    async with running(rig.new_agent()):
        await rig.clock.sleep(3)
        rig.managers.is_reachable = True
        await rig.reached("t1", RUNNING)


@rigged
async def test_removal_is_tried_again(rig: Rig) -> None:
    """Work that cannot be freed for a passing reason is freed later; a task that comes back waits for that."""
    failures = [Temporary("the engine does not answer")] * 3
    remove = FakeController.remove

    async def failing(controller: FakeController) -> None:
        if failures:
            raise failures.pop()
        await remove(controller)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeController, "remove", failing)
        async with running(rig.new_agent()):
            await rig.create(assigned("t1", "runs"))
            await rig.reached("t1", RUNNING)
            await rig.delete("t1")
            await rig.clock.sleep(1)
            assert "t1" in rig.world.works
            await rig.create(assigned("t1", "runs"))
            await rig.clock.sleep(0.5)
            await rig.reached("t1", RUNNING)
            assert not failures and rig.world.works["t1"].starts == 1


class FullDisk(MemoryStorage):
    """A task store that can be made to fail."""

    is_full = False

    async def write(self, changes: Sequence[Change]) -> None:
        if self.is_full:
            raise StorageUnusable("no space left on the device")
        await super().write(changes)


@rigged
async def test_full_disk_delays_and_loses_nothing(rig: Rig) -> None:
    """While the task store cannot be written nothing is started or reported; afterwards everything is."""
    rig.storage = storage = FullDisk()
    async with running(rig.new_agent()):
        await rig.create(assigned("t1", "runs"))
        await rig.reached("t1", RUNNING)
        storage.is_full = True
        rig.world.works["t1"].end(3)
        await rig.create(assigned("t2", "runs"))
        await rig.clock.sleep(5)
        assert rig.task("t1").status.state == RUNNING
        assert not rig.world.running()
        storage.is_full = False
        await rig.reached("t1", FAILED)
        await rig.reached("t2", RUNNING)
        assert {task.id: task.status.state for task in storage.load()} == {"t1": FAILED, "t2": RUNNING}


class RecordedPorts(NoPorts):
    """Ports that say what they were told; a task gets the port 20080."""

    is_served = True

    def __init__(self) -> None:
        self.said: list[str] = []
        self.states: dict[str, int] = {}
        self.node_id = ""
        self.messages: list[EndpointsMessage] = []

    def describe(self, description: NodeDescription) -> None:
        description.engine.plugins.add(type=GATE_PLUGIN, name="4711")

    def give(self, task: Task) -> None:
        self.said.append(f"give {task.id}")
        task.status.port_status.ports.append(tcp(80, 20080))

    def resume(self, task: Task) -> None:
        self.said.append(f"resume {task.id}")

    def observe(self, task: Task, status: TaskStatus) -> None:
        self.states[task.id] = status.state

    def forget(self, task_id: str) -> None:
        self.said.append(f"forget {task_id}")

    def apply(self, message: EndpointsMessage) -> None:
        self.messages.append(message)

    async def run(self, node_id: str, renumbered: Callable[[], None]) -> None:
        self.node_id = node_id


@rigged
async def test_ports_of_a_task_are_told_kept_and_freed(rig: Rig) -> None:
    """A task that is new here has its ports before it is stored; its status carries them to the manager; the node's first description
    names its gate; statuses, keys and endpoints reach the ports, and a removed task is forgotten."""
    ports = RecordedPorts()
    task = assigned("t1", "runs")
    task.endpoint.ports.append(tcp(80, 30080))
    await rig.create(task)
    agent = Agent(
        node_id="n1",
        executor=FakeExecutor(rig.world),
        managers=rig.managers,
        storage=rig.storage,
        clock=rig.clock,
        rng=random.Random(2),
        ports=ports,
    )
    async with running(agent):
        await agent.registered_once.wait()
        assert [one.name for one in rig.node().description.engine.plugins if one.type == GATE_PLUGIN] == [
            "4711"
        ]
        done = await rig.reached("t1", RUNNING)
        assert [port.published_port for port in done.status.port_status.ports] == [20080]
        stored = rig.storage.tasks["t1"]
        assert [port.published_port for port in stored.status.port_status.ports] == [20080]
        assert ports.said[:2] == ["give t1", "resume t1"] and ports.states["t1"] == RUNNING
        assert ports.node_id == "n1"
        await rig.delete("t1")
        await until(lambda: "forget t1" in ports.said)
    assert ports.said.count("give t1") == 1


@rigged
async def test_endpoints_are_followed_where_the_leader_tells_them(rig: Rig) -> None:
    """A leader that knows no endpoints (a Docker Engine) ends no session for it; one that tells them is heard."""
    endpoints = EndpointsApi(rig.store, lambda: rig.peers)
    silent, told = RecordedPorts(), RecordedPorts()
    for ports, handlers in ((silent, {}), (told, {"Endpoints": endpoints})):
        rig.managers.handlers = {"Dispatcher": rig.dispatcher, **handlers}
        agent = Agent(
            node_id="n1",
            executor=FakeExecutor(rig.world),
            managers=rig.managers,
            storage=rig.storage,
            clock=rig.clock,
            rng=random.Random(2),
            ports=ports,
        )
        async with Group() as group:
            group.spawn(endpoints.run(), name="endpoints")
            async with running(agent):
                await agent.registered_once.wait()
                if handlers:
                    await until(lambda: told.messages)
                await rig.clock.sleep(30)
            group.cancel_all()
    assert not silent.messages and told.messages[0].is_complete
    assert len(rig.managers.connections) == 2
