"""What always holds of jobs, over random histories (docs/design/orchestration.md 2.3, 2.4; docs/design/tasks.md 9.2).

All loops run on one store whose commits take time. Every commit is checked; then everything calms down and the jobs must end.
"""

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_core.api.jobs import is_of_iteration
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.types_pb2 import ASSIGNED, COMPLETE, READY, REMOVE, RUNNING, SHUTDOWN, TaskState
from swarm_core.api.states import is_agent_owned, is_terminal
from swarm_core.manager.orchestrator.constraint_enforcer import ConstraintEnforcer
from swarm_core.manager.orchestrator.jobs import JobsOrchestrator
from swarm_core.manager.orchestrator.task_reaper import TaskReaper
from swarm_core.manager.scheduler.scheduler import Scheduler
from swarm_core.store.events import Commit, Created, Updated
from swarm_testkit.factories import make_cluster, make_job, make_node, make_restart, make_task_spec
from swarm_testkit.leader import Leader

LOOPS = (JobsOrchestrator, TaskReaper, ConstraintEnforcer, Scheduler)
NODES = ("a", "b", "c")
JOB, EVERYWHERE = "sum", "everywhere"


def is_open(task: Task) -> bool:
    return task.desired_state <= COMPLETE and task.status.state != COMPLETE


class Cluster:
    """The users, agents and nodes around the loops, and the checks of every commit."""

    def __init__(self) -> None:
        self.leader = Leader(turns=2)
        self.tasks: dict[str, Task] = {}
        self.jobs: dict[tuple[str, int], Service] = {}
        self.completions: Counter[tuple[str, int, object]] = Counter()
        self.iteration = 0

    async def play(self, moves: list[tuple[str, int]]) -> None:
        async with self.leader.running(*LOOPS):
            with self.leader.store.subscribe() as events:
                await self.leader.put(make_cluster("c", history_limit=1))
                await self.leader.put(*(make_node(name, labels={"zone": "east"}) for name in NODES))
                await self.begin(7)
                for what, number in moves:
                    await getattr(self, what)(number)
                    self.look(events.take())
                await self.calm_down()
                self.look(events.take())
                self.check_end()

    # the checks

    def look(self, commits: list[Commit]) -> None:
        for commit in commits:
            for event in commit.events:
                item = event.object
                if isinstance(item, Service):
                    self.jobs[item.id, item.job_status.job_iteration.index] = item
                elif isinstance(item, Task) and isinstance(event, Created | Updated):
                    self._changed(self.tasks.get(item.id), item)
                elif isinstance(item, Task):
                    self.tasks.pop(item.id, None)
            self._check_limits()

    def _changed(self, old: Task | None, new: Task) -> None:
        assert new.desired_state in (READY, COMPLETE, SHUTDOWN, REMOVE)
        if old is not None:
            assert new.desired_state >= old.desired_state
            assert new.status.state >= old.status.state
        if new.status.state == COMPLETE and (old is None or old.status.state != COMPLETE):
            key = (
                new.service_id,
                new.job_iteration.index,
                new.slot if new.service_id == JOB else new.node_id,
            )
            self.completions[key] += 1
            assert new.service_id != JOB or self.completions[key] == 1, "a slot completed twice"
        self.tasks[new.id] = new

    def _check_limits(self) -> None:
        running: Counter[tuple[str, int]] = Counter()
        for task in self.tasks.values():
            if task.service_id == JOB and is_open(task):
                running[JOB, task.job_iteration.index] += 1
        for key, count in running.items():
            job = self.jobs[key].spec.replicated_job
            done = sum(1 for service_id, iteration, _ in self.completions if (service_id, iteration) == key)
            assert count <= job.max_concurrent
            assert count + done <= job.total_completions

    # what happens

    async def begin(self, number: int) -> None:
        """A job, or its next iteration."""
        self.iteration += 1
        spec = make_task_spec(
            restart=make_restart("ANY", delay_s=number % 3),
            constraints=["node.labels.zone==east"] if number % 2 else [],
        )
        await self.leader.put(
            make_job(
                JOB,
                completions=number % 6,
                max_concurrent=1 + number % 4,
                iteration=self.iteration,
                task=spec,
            ),
            make_job(EVERYWHERE, iteration=self.iteration, task=spec),
        )

    async def node(self, number: int) -> None:
        state = ("READY", "DOWN", "DISCONNECTED")[number % 7 % 3]
        availability = ("ACTIVE", "DRAIN", "PAUSE")[number % 5 % 3]
        await self.leader.set_node(NODES[number % len(NODES)], state=state, availability=availability)

    async def label(self, number: int) -> None:
        await self.leader.put(make_node(NODES[number % 3], labels={"zone": ("east", "west")[number % 2]}))

    async def agents(self, number: int) -> None:
        """Some of the agents report: what is asked to stop stops, the rest goes on, completes or fails."""
        for offset, task in enumerate(self.leader.tasks()):
            if not is_agent_owned(task.status.state) or (number + offset) % 3 == 0:
                continue
            if task.desired_state > COMPLETE:
                await self.report(task, "SHUTDOWN")
            elif task.desired_state == COMPLETE:
                await self.report(task, ("RUNNING", "FAILED", "COMPLETE")[(number + offset) % 5 % 3])

    async def both_at_once(self, number: int) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.begin(number))
            group.create_task(self.agents(number + 1))

    async def wait(self, number: int) -> None:
        await self.leader.clock.advance(number % 4)

    async def report(self, task: Task, state: str) -> None:
        known = self.leader.store.get(Task, task.id)
        if known is not None and not is_terminal(known.status.state):
            await self.leader.report(task.id, state)

    # the end

    async def calm_down(self) -> None:
        """No more faults: every node is well again, agents do what they are asked, time passes."""
        for name in NODES:
            await self.leader.put(make_node(name, labels={"zone": "east"}))
        for _ in range(12):
            for task in self.leader.tasks():
                state = task.status.state
                if is_agent_owned(state) and task.desired_state > COMPLETE:
                    await self.report(task, "SHUTDOWN")
                elif ASSIGNED <= state <= RUNNING and task.desired_state == COMPLETE:
                    await self.report(task, "COMPLETE")
            await self.leader.clock.advance(20)

    def check_end(self) -> None:
        """Every slot and every node has its completion, nothing is left to do, and history is bounded."""
        assert {node.id for node in self.leader.store.find(Node)} == set(NODES)
        for service in self.leader.store.find(Service):
            now = [task for task in self.leader.tasks(service.id) if is_of_iteration(service, task)]
            done = [task for task in now if task.status.state == COMPLETE]
            assert not [TaskState.Name(task.status.state) for task in now if is_open(task)]
            if service.id == JOB:
                assert [t.slot for t in done] == list(range(service.spec.replicated_job.total_completions))
            else:
                assert sorted({task.node_id for task in done}) == sorted(NODES)
        places = Counter(
            (task.service_id, task.slot, task.service_id == EVERYWHERE and task.node_id)
            for task in self.leader.tasks()
        )
        assert all(count == 1 for count in places.values())
        assert all(task.desired_state != REMOVE for task in self.leader.tasks())


MOVES = st.tuples(
    st.sampled_from(["begin", "node", "label", "agents", "agents", "agents", "both_at_once", "wait"]),
    st.integers(0, 1000),
)


@settings(max_examples=60)
@given(st.lists(MOVES, min_size=1, max_size=25))
def test_limits_hold_and_the_jobs_end(moves: list[tuple[str, int]]) -> None:
    """Never more tasks than may run at once, never more completions than asked, desired COMPLETE; left alone, the jobs end."""
    asyncio.run(Cluster().play(moves))
