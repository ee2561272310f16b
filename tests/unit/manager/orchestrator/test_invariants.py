"""Invariants of the whole orchestration side over random histories (docs/design/tasks.md 9.2).

All loops run on one store whose commits take time. A random sequence of what users, agents and nodes do is played
against them while a watcher checks every commit; then everything calms down and the cluster must arrive.
"""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_core.api.proto import control_pb2
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.types_pb2 import (
    ASSIGNED,
    COMPLETE,
    READY,
    REJECTED,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    TaskState,
    UpdateConfig,
)
from swarm_core.api.states import TRANSITIONS, Actor, is_agent_owned, is_reapable, is_terminal
from swarm_core.manager.control_api.services.api import ServicesApi
from swarm_core.manager.orchestrator.constraint_enforcer import ConstraintEnforcer
from swarm_core.manager.orchestrator.global_ import GlobalOrchestrator
from swarm_core.manager.orchestrator.replicated import ReplicatedOrchestrator
from swarm_core.manager.orchestrator.task_reaper import TaskReaper
from swarm_core.manager.scheduler.scheduler import Scheduler
from swarm_core.rpc.caller import Caller
from swarm_core.rules.dirty import is_dirty
from swarm_core.rules.rollout import is_going, is_paused
from swarm_core.store.events import Commit, Created, Deleted, Updated
from swarm_testkit.factories import make_cluster, make_node, make_restart, make_service, make_task_spec
from swarm_testkit.leader import Leader

LOOPS = (ReplicatedOrchestrator, GlobalOrchestrator, TaskReaper, ConstraintEnforcer, Scheduler)
NODES = ("a", "b", "c")
HISTORY = 2
CALLER = Caller("operator", frozenset({"swarm-manager"}), "org", "127.0.0.1:1", is_local=True)
DESIRED = (READY, RUNNING, SHUTDOWN, REMOVE)
MANAGER_MOVES = {
    (before, after)
    for actor in (Actor.SCHEDULER, Actor.ENFORCER)
    for before, targets in TRANSITIONS[actor].items()
    for after in targets
}


def make_spec(constraint: bool) -> Service:
    return make_task_spec(  # type: ignore[return-value]
        restart=make_restart(delay_s=2), constraints=["node.labels.zone==east"] if constraint else []
    )


def slot_of(task: Task) -> tuple[str, object]:
    return (task.service_id, task.slot or task.node_id)


class Checker:
    """Looks at every commit; `agents` are the moves that the test made itself."""

    def __init__(self, leader: Leader) -> None:
        self._leader = leader
        self.agents: set[tuple[str, int]] = set()
        self.removed_nodes: set[str] = set()
        self.start_first: set[str] = set()  # services that were ever updated so
        self._wanted: dict[tuple[str, object], set[str]] = {}  # tasks that are to run, by slot

    def look(self, commits: list[Commit]) -> None:
        for commit in commits:
            for event in commit.events:
                if (
                    isinstance(event.object, Service)
                    and event.object.spec.update.order == UpdateConfig.START_FIRST
                ):
                    self.start_first.add(event.object.id)
                if isinstance(event, Created) and isinstance(event.object, Task):
                    self._created(event.object)
                elif isinstance(event, Updated) and isinstance(event.object, Task):
                    assert isinstance(event.old, Task)
                    self._updated(event.old, event.object)
                elif isinstance(event, Deleted) and isinstance(event.object, Task):
                    self._deleted(event.object)
                if isinstance(event.object, Task):
                    self._count(event.object, is_gone=isinstance(event, Deleted))
            # No slot twice, beyond START_FIRST
            for (service_id, _), wanted in self._wanted.items():
                assert len(wanted) <= self.limit(service_id)

    def limit(self, service_id: str) -> int:
        """How many tasks may be meant to run in one slot."""
        return 2 if service_id in self.start_first else 1

    def _count(self, task: Task, *, is_gone: bool) -> None:
        wanted = self._wanted.setdefault(slot_of(task), set())
        wanted.discard(task.id)
        if task.desired_state <= RUNNING and not is_gone:
            wanted.add(task.id)

    def _created(self, task: Task) -> None:
        assert task.desired_state in DESIRED
        assert task.status.state < ASSIGNED

    def _updated(self, old: Task, new: Task) -> None:
        # Types, monotonic, identity
        assert new.desired_state in DESIRED
        assert new.desired_state >= old.desired_state
        assert new.status.state >= old.status.state
        assert new.status.state != REMOVE
        assert (new.service_id, new.slot) == (old.service_id, old.slot)
        # Ownership
        move = (old.status.state, new.status.state)
        if move[0] != move[1] and (new.id, move[1]) not in self.agents:
            assert move in MANAGER_MOVES, f"{TaskState.Name(move[0])} -> {TaskState.Name(move[1])}"
        # Node binding
        assert not old.node_id or new.node_id == old.node_id
        assert new.node_id or new.status.state < ASSIGNED or new.status.state in (REJECTED, SHUTDOWN)

    def _deleted(self, task: Task) -> None:
        # Removal safety, reaper rule
        assert is_reapable(task) or task.node_id in self.removed_nodes
        if task.desired_state <= RUNNING:
            assert task.node_id in self.removed_nodes


class Cluster:
    """The users, agents and nodes around the loops."""

    def __init__(self) -> None:
        self.leader = Leader(turns=2)
        self.checker = Checker(self.leader)
        self.generation = 0  # ids of removed services never come back

    def id_of(self, name: str) -> str:
        return f"{name}-{self.generation}"

    async def play(self, moves: list[tuple[str, int]]) -> None:
        async with self.leader.running(*LOOPS):
            with self.leader.store.subscribe() as events:
                await self.leader.put(make_cluster("c", history_limit=HISTORY))
                await self.leader.put(*(make_node(name, labels={"zone": "east"}) for name in NODES))
                for what, number in moves:
                    await getattr(self, what)(number)
                    self.checker.look(events.take())
                await self.calm_down()
                self.checker.look(events.take())
                self.check_arrival()

    # what happens

    async def replicate(self, number: int) -> None:
        name = self.id_of(f"r{number % 2}")
        service = make_service(name, replicas=number % 5, task=make_spec(number % 3 == 0))  # type: ignore[arg-type]
        if self.leader.store.get(Service, name) is None:
            await self.leader.put(service)
        else:
            await self.leader.scale(name, number % 5)

    async def change(self, number: int) -> None:
        """Somebody updates a service, with one of the ways to go on after a failure."""
        services = self.leader.store.find(Service)
        if not services:
            return
        stored = services[number % len(services)]
        request = control_pb2.UpdateServiceRequest(
            service_id=stored.id, service_version=stored.meta.version, spec=stored.spec
        )
        request.spec.task.force_update += 1
        request.spec.update.parallelism = number % 3
        request.spec.update.failure_action = number % 3  # type: ignore[assignment]
        request.spec.update.order = number % 2  # type: ignore[assignment]
        await ServicesApi(self.leader.store, self.leader.clock, self.leader.rng).update_service(
            request, CALLER
        )
        await self.leader.clock.advance(0)

    async def everywhere(self, number: int) -> None:
        name = self.id_of("g")
        if self.leader.store.get(Service, name) is None:
            await self.leader.put(make_service(name, is_global=True, task=make_spec(number % 2 == 0)))  # type: ignore[arg-type]

    async def remove_service(self, number: int) -> None:
        names = [service.id for service in self.leader.store.find(Service)]
        if names:
            self.generation += 1
            await self.leader.delete(Service, names[number % len(names)])

    async def node(self, number: int) -> None:
        name = NODES[number % len(NODES)]
        if self.leader.store.get(Node, name) is None:
            return
        state = ("READY", "DOWN", "DISCONNECTED")[number % 7 % 3]
        availability = ("ACTIVE", "DRAIN", "PAUSE")[number % 5 % 3]
        await self.leader.set_node(name, state=state, availability=availability)

    async def label(self, number: int) -> None:
        name = NODES[number % len(NODES)]
        if self.leader.store.get(Node, name) is not None:
            await self.leader.put(make_node(name, labels={"zone": ("east", "west")[number % 2]}))

    async def remove_node(self, number: int) -> None:
        name = NODES[number % len(NODES)]
        if number % 4 == 0 and self.leader.store.get(Node, name) is not None:
            self.checker.removed_nodes.add(name)
            await self.leader.delete(Node, name)

    async def agents(self, number: int) -> None:
        """Some of the agents report: what is asked to stop stops, the rest goes on or fails."""
        for offset, task in enumerate(self.leader.tasks()):
            if not is_agent_owned(task.status.state) or (number + offset) % 3 == 0:
                continue
            if task.desired_state > RUNNING:
                await self.report(task, "SHUTDOWN")
            elif (number + offset) % 5 == 0:
                await self.report(task, "FAILED")
            elif task.desired_state == RUNNING:
                await self.report(task, "RUNNING")

    async def both_at_once(self, number: int) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.replicate(number))
            group.create_task(self.node(number + 1))

    async def wait(self, number: int) -> None:
        await self.leader.clock.advance(number % 4)

    async def report(self, task: Task, state: str) -> None:
        if is_terminal(self.leader.task(task.id).status.state):
            return
        self.checker.agents.add((task.id, TaskState.Value(state)))
        await self.leader.report(task.id, state)

    # the end

    async def calm_down(self) -> None:
        """No more faults: every node is well again, agents do what they are asked, time passes."""
        for name in NODES:
            await self.leader.put(make_node(name, labels={"zone": "east"}))
        for _ in range(24):
            for task in self.leader.tasks():
                state = task.status.state
                if is_agent_owned(state) and task.desired_state > COMPLETE:
                    await self.report(task, "SHUTDOWN")
                elif ASSIGNED <= state < RUNNING and task.desired_state == RUNNING:
                    await self.report(task, "RUNNING")
            await self.leader.clock.advance(20)

    def check_arrival(self) -> None:
        """Liveness: exact counts RUNNING, one per node, of the newest spec; bounded history, nothing left of what was removed.

        A pause leaves slots as they are (docs/design/orchestration.md 2.6.6): of the old spec, and in START_FIRST an old task beside the new."""
        services = {service.id: service for service in self.leader.store.find(Service)}
        for service in services.values():
            self._check_running(service)
        slots: dict[tuple[str, object], int] = {}
        for task in self.leader.tasks():
            assert task.service_id in services
            slots[slot_of(task)] = slots.get(slot_of(task), 0) + 1
            assert task.desired_state != REMOVE
        assert all(count <= HISTORY for count in slots.values())

    def _check_running(self, service: Service) -> None:
        assert not is_going(service)
        slots: dict[tuple[str, object], list[Task]] = {}
        for task in self.leader.tasks(service.id):
            if task.status.state == RUNNING:
                assert task.desired_state == RUNNING
                slots.setdefault(slot_of(task), []).append(task)
        if service.spec.HasField("global"):
            assert {key[1] for key in slots} == set(NODES)
        else:
            assert len(slots) == service.spec.replicated.replicas
        for tasks in slots.values():
            dirty = sum(is_dirty(service, task, None) for task in tasks)
            if is_paused(service):
                assert len(tasks) <= self.checker.limit(service.id)
                assert dirty >= len(tasks) - 1
            else:
                assert (len(tasks), dirty) == (1, 0)


MOVES = st.tuples(
    st.sampled_from(
        [
            "replicate",
            "replicate",
            "everywhere",
            "change",
            "change",
            "remove_service",
            "node",
            "label",
            "remove_node",
            "agents",
            "agents",
            "both_at_once",
            "wait",
        ]
    ),
    st.integers(0, 1000),
)


@settings(max_examples=60)
@given(st.lists(MOVES, min_size=1, max_size=25))
def test_invariants_hold_and_the_cluster_arrives(moves: list[tuple[str, int]]) -> None:
    """1.2.1, 9.2.1 to 9.2.5: types, monotonic states, ownership, node binding, removal safety hold; left alone, the cluster arrives."""
    asyncio.run(Cluster().play(moves))
