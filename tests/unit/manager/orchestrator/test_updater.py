"""Updates and rollbacks on a store in memory, with the Control API, the scheduler and agents of a test (docs/design/orchestration.md 2.6)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_core.api.proto import control_pb2
from swarm_core.api.proto.objects_pb2 import Node, Resource, Service, Task
from swarm_core.api.proto.rollouts_pb2 import HoldRolloutRequest, ResumeRolloutRequest
from swarm_core.api.proto.specs_pb2 import ServiceSpec
from swarm_core.api.proto.types_pb2 import (
    ASSIGNED,
    FAILED,
    READY,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    NodeStatus,
    UpdateConfig,
    UpdateStatus,
    Version,
)
from swarm_core.api.revisions import read
from swarm_core.api.states import is_agent_owned
from swarm_core.api.timestamps import duration, timestamp_ns
from swarm_core.manager.control_api.services.api import ServicesApi
from swarm_core.manager.control_api.services.rollouts import RolloutsApi
from swarm_core.manager.orchestrator.global_ import GlobalOrchestrator
from swarm_core.manager.orchestrator.replicated import ReplicatedOrchestrator
from swarm_core.manager.scheduler.scheduler import Scheduler
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import FailedPrecondition, InvalidArgument
from swarm_core.store.events import Commit, Updated
from swarm_testkit.factories import make_node, make_restart, make_service, make_task, make_task_spec
from swarm_testkit.leader import Leader

CALLER = Caller("operator", frozenset({"swarm-manager"}), "org", "127.0.0.1:1", is_local=True)
LOOPS = (ReplicatedOrchestrator, GlobalOrchestrator, Scheduler)
NODES = ("a", "b")
Edit = Callable[[ServiceSpec], object]


def config(
    action: str = "PAUSE",
    *,
    parallelism: int = 1,
    delay_s: float = 0,
    monitor_s: float | None = None,
    ratio: float = 0,
    order: str = "STOP_FIRST",
) -> UpdateConfig:
    made = UpdateConfig(
        parallelism=parallelism,
        failure_action=UpdateConfig.FailureAction.Value(action),
        max_failure_ratio=ratio,
        order=UpdateConfig.UpdateOrder.Value(order),
    )
    made.delay.CopyFrom(duration(delay_s))
    if monitor_s is not None:
        made.monitor.CopyFrom(duration(monitor_s))
        made.monitor.SetInParent()
    return made


def image(name: str) -> Edit:
    return lambda spec: setattr(spec.task.container, "image", name)


class Cluster:
    """A leader with two nodes. `step` lets every agent do one thing; images that begin with "bad" fail."""

    def __init__(self) -> None:
        self.leader = Leader()
        self.api = ServicesApi(self.leader.store, self.leader.clock, self.leader.rng)
        self.rollouts = RolloutsApi(self.leader.store)

    async def create(
        self,
        replicas: int,
        update: UpdateConfig | None = None,
        rollback: UpdateConfig | None = None,
        *,
        is_global: bool = False,
        restart: str = "ANY",
    ) -> None:
        task = make_task_spec(image="one", restart=make_restart(restart, delay_s=5))
        service = make_service("web", replicas=replicas, is_global=is_global, task=task)
        if update is not None:
            service.spec.update.CopyFrom(update)
        if rollback is not None:
            service.spec.rollback.CopyFrom(rollback)
        await self.leader.put(*(make_node(name) for name in NODES))
        await self.leader.put(service)
        await self.settle()

    @property
    def service(self) -> Service:
        service = self.leader.store.get(Service, "web")
        assert service is not None
        return service

    @property
    def state(self) -> str:
        return UpdateStatus.UpdateState.Name(self.service.update_status.state)

    async def update(self, *edits: Edit) -> None:
        request = control_pb2.UpdateServiceRequest(
            service_id="web", service_version=self.service.meta.version, spec=self.service.spec
        )
        for edit in edits:
            edit(request.spec)
        await self.api.update_service(request, CALLER)
        await self.leader.clock.advance(0)

    async def hold(self, spec_version: int | None = None) -> None:
        await self.rollouts.hold_rollout(HoldRolloutRequest(**self._held(spec_version)), CALLER)
        await self.leader.clock.advance(0)

    async def resume(self, spec_version: int | None = None) -> None:
        await self.rollouts.resume_rollout(ResumeRolloutRequest(**self._held(spec_version)), CALLER)
        await self.leader.clock.advance(0)

    def _held(self, index: int | None) -> dict[str, Any]:
        version = self.service.spec_version if index is None else Version(index=index)
        return {"service_id": "web", "spec_version": version}

    async def roll_back(self) -> None:
        request = control_pb2.UpdateServiceRequest(
            service_id="web",
            service_version=self.service.meta.version,
            spec=self.service.spec,
            rollback=control_pb2.UpdateServiceRequest.PREVIOUS,
        )
        await self.api.update_service(request, CALLER)
        await self.leader.clock.advance(0)

    def running(self) -> list[str]:
        """The images that run and are to run, by slot."""
        tasks = self.leader.tasks("web", desired="RUNNING")
        return [task.spec.container.image for task in tasks if task.status.state == RUNNING]

    def made(self, name: str) -> list[Task]:
        """Every task of that image."""
        return [task for task in self.leader.tasks("web") if task.spec.container.image == name]

    async def step(self) -> bool:
        """Every agent that is not lost takes each of its tasks one step further; whether any moved."""
        moved = False
        for task in self.leader.tasks("web"):
            node = self.leader.store.get(Node, task.node_id)
            is_lost = node is not None and node.status.state == NodeStatus.DOWN
            if is_agent_owned(task.status.state) and not is_lost and (word := _next(task)):
                moved = True
                await self.leader.report(task.id, word)
        return moved

    async def settle(self) -> None:
        """Until nothing more happens without time."""
        while await self.step():
            pass


def _next(task: Task) -> str:
    if task.desired_state > RUNNING:
        return "SHUTDOWN"
    if task.status.state == ASSIGNED:
        return "READY"
    if task.status.state == READY and task.desired_state == RUNNING:
        return "FAILED" if task.spec.container.image.startswith("bad") else "RUNNING"
    return ""


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    cluster = Cluster()
    async with cluster.leader.running(*LOOPS):
        yield cluster


async def test_one_after_the_other(cluster: Cluster) -> None:
    """2.6.1, 2.6.4: by default one slot at a time is replaced, the old task stopping first; the status tells it from start to end."""
    await cluster.create(3)
    assert not cluster.service.HasField("update_status")
    began_ns = cluster.leader.clock.wall_ns()
    await cluster.update(image("two"))
    status = cluster.service.update_status
    assert (cluster.state, status.message) == ("UPDATING", "update in progress")
    assert timestamp_ns(status.started_at) == began_ns
    assert len(cluster.made("two")) == 1
    seen = []
    while await cluster.step():
        stopping = sum(t.status.state <= RUNNING and t.desired_state == SHUTDOWN for t in cluster.made("one"))
        waiting = sum(task.status.state < RUNNING for task in cluster.made("two"))
        assert stopping <= 1 and waiting <= 1
        seen.append(len(cluster.made("two")))
    assert sorted(set(seen)) == [1, 2, 3]
    assert cluster.running() == ["two"] * 3 and cluster.state == "UPDATING"
    await cluster.leader.clock.advance(4.9)
    assert cluster.state == "UPDATING"
    await cluster.leader.clock.advance(0.2)
    status = cluster.service.update_status
    assert (cluster.state, status.message) == ("COMPLETED", "update completed")
    assert timestamp_ns(status.completed_at) > timestamp_ns(status.started_at)


@pytest.mark.parametrize(("parallelism", "at_once"), [(2, 2), (0, 5), (9, 5)])
async def test_parallelism(cluster: Cluster, parallelism: int, at_once: int) -> None:
    """2.6.3: as many slots as allowed are replaced at a time; 0 is all of them."""
    await cluster.create(5, config(parallelism=parallelism))
    await cluster.update(image("two"))
    assert len(cluster.made("two")) == at_once
    await cluster.settle()
    assert cluster.running() == ["two"] * 5


async def test_delay(cluster: Cluster) -> None:
    """2.6.3: after a slot the next one waits for the delay; nothing waits after the last."""
    await cluster.create(2, config(delay_s=30, monitor_s=2))
    await cluster.update(image("two"))
    await cluster.settle()
    await cluster.leader.clock.advance(29)
    await cluster.settle()
    assert cluster.running() == ["two", "one"]
    await cluster.leader.clock.advance(2)
    await cluster.settle()
    assert cluster.running() == ["two", "two"]
    await cluster.leader.clock.advance(30)
    assert cluster.state == "UPDATING"
    await cluster.leader.clock.advance(2)
    assert cluster.state == "COMPLETED"


async def test_stop_first_waits_for_the_old_task(cluster: Cluster) -> None:
    """2.6.4: the new task is prepared and runs only when the old one has stopped."""
    await cluster.create(1)
    (old,) = cluster.made("one")
    await cluster.update(image("two"))
    (new,) = cluster.made("two")
    assert (cluster.leader.task(old.id).desired_state, new.desired_state) == (SHUTDOWN, READY)
    await cluster.leader.report(new.id, "READY")
    await cluster.leader.clock.advance(30)
    assert cluster.leader.task(new.id).desired_state == READY
    await cluster.leader.report(old.id, "SHUTDOWN")
    assert cluster.leader.task(new.id).desired_state == RUNNING


async def test_an_old_task_that_never_stops(cluster: Cluster) -> None:
    """2.6.4: the new task waits a minute at most."""
    await cluster.create(1)
    await cluster.update(image("two"))
    await cluster.leader.clock.advance(61)
    (new,) = cluster.made("two")
    assert new.desired_state == RUNNING


async def test_an_old_task_on_a_lost_node(cluster: Cluster) -> None:
    """2.6.4: where the node is down nobody reports, so nobody waits."""
    await cluster.create(1)
    (old,) = cluster.made("one")
    await cluster.leader.set_node(
        old.node_id, availability="PAUSE"
    )  # so that the new task goes to the other one
    await cluster.update(image("two"))
    (new,) = cluster.made("two")
    assert new.desired_state == READY
    await cluster.leader.set_node(old.node_id, state="DOWN", availability="PAUSE")
    await cluster.leader.clock.advance(0.1)
    assert cluster.leader.task(new.id).desired_state == RUNNING


async def test_start_first(cluster: Cluster) -> None:
    """2.6.5: the old task runs until the new one does."""
    await cluster.create(2, config(order="START_FIRST"))
    await cluster.update(image("two"))
    while await cluster.step():
        assert len(cluster.running()) >= 2
    assert cluster.running() == ["two", "two"]


async def test_start_first_that_fails_keeps_the_old(cluster: Cluster) -> None:
    """2.6.5: when the new task ends before it ran, the old one goes on."""
    await cluster.create(2, config(order="START_FIRST"))
    await cluster.update(image("bad"))
    await cluster.settle()
    await cluster.leader.clock.advance(60)
    await cluster.settle()
    assert cluster.running() == ["one", "one"] and cluster.state == "PAUSED"


async def test_an_old_task_is_not_replaced_beside_its_successor(cluster: Cluster) -> None:
    """2.6.5: the successor of START_FIRST stands for the slot when the old task is lost: a third one is not made, and a pause leaves one."""
    await cluster.create(1, config(order="START_FIRST"))
    (old,) = cluster.made("one")
    await cluster.update(image("bad"))
    (new,) = cluster.made("bad")
    await cluster.leader.report(old.id, "FAILED")
    assert cluster.made("bad") == [cluster.leader.task(new.id)]
    await cluster.settle()
    assert cluster.state == "PAUSED"
    (second,) = [task for task in cluster.leader.tasks("web") if task.desired_state <= RUNNING]
    assert second.id != new.id


async def test_a_failing_successor_is_tried_again_beside_the_old_task(cluster: Cluster) -> None:
    """2.6.5: the old task is no successor: the new one is restarted beside it, as its policy says."""
    await cluster.create(1, config(order="START_FIRST"))
    await cluster.update(image("bad"))
    await cluster.settle()
    assert cluster.running() == ["one"]
    assert sorted(task.status.state for task in cluster.made("bad")) == [READY, FAILED]


@pytest.mark.parametrize("failures", [1, 2, 3])
async def test_the_old_task_goes_when_a_successor_of_the_new_one_runs(
    cluster: Cluster, failures: int
) -> None:
    """2.6.5: however often the new task is restarted before it runs, and though the update is complete by then."""
    await cluster.create(1, config("CONTINUE", order="START_FIRST", monitor_s=0))
    await cluster.update(image("two"))
    for _ in range(failures):
        await cluster.leader.clock.advance(1)
        (new,) = (task for task in cluster.made("two") if task.desired_state <= RUNNING)
        await cluster.leader.report(new.id, "FAILED")
        assert cluster.running() == ["one"]
    await cluster.leader.clock.advance(1)
    assert cluster.state == "COMPLETED"
    for _ in range(3):
        await cluster.settle()
        await cluster.leader.clock.advance(6)
    assert cluster.running() == ["two"] and len(cluster.leader.tasks("web", desired="RUNNING")) == 1


async def test_pause(cluster: Cluster) -> None:
    """2.6.6: a failure pauses the update; the status names the task, has no end, and the other slots stay as they are."""
    await cluster.create(3)
    await cluster.update(image("bad"))
    await cluster.settle()
    failed = next(task for task in cluster.made("bad") if task.status.state == FAILED)
    status = cluster.service.update_status
    assert cluster.state == "PAUSED" and not status.HasField("completed_at")
    assert status.message == f"update paused due to failure or early termination of task {failed.id}"
    await cluster.leader.clock.advance(100)
    assert cluster.running() == ["one", "one"] and cluster.state == "PAUSED"


async def test_a_new_update_ends_the_pause(cluster: Cluster) -> None:
    """2.6.7: an update of a paused service begins from the start, with the same spec too."""
    await cluster.create(2)
    await cluster.update(image("bad"))
    await cluster.settle()
    await cluster.update(lambda spec: None)
    assert cluster.state == "UPDATING"
    await cluster.update(image("three"))
    await cluster.settle()
    await cluster.leader.clock.advance(10)
    await cluster.settle()
    assert (cluster.running(), cluster.state) == (["three", "three"], "COMPLETED")


async def test_continue(cluster: Cluster) -> None:
    """2.6.6: with CONTINUE failures decide nothing, and the update completes."""
    await cluster.create(2, config("CONTINUE"), restart="NONE")
    await cluster.update(image("bad"))
    await cluster.settle()
    assert cluster.running() == []
    await cluster.leader.clock.advance(6)
    assert cluster.state == "COMPLETED"


async def test_failure_ratio(cluster: Cluster) -> None:
    """2.6.6: as many failures as the ratio allows pass; one more decides."""
    await cluster.create(4, config(ratio=0.25, parallelism=0))
    await cluster.update(image("two"))
    await cluster.settle()
    first, second, *_ = cluster.made("two")
    await cluster.leader.report(first.id, "FAILED")
    assert cluster.state == "UPDATING"
    await cluster.leader.report(first.id, "FAILED")
    assert cluster.state == "UPDATING"
    await cluster.leader.report(second.id, "COMPLETE")
    assert cluster.state == "PAUSED"


async def test_failures_after_the_monitor_time(cluster: Cluster) -> None:
    """2.6.6: a task that ran longer than it is watched is no failure of the update."""
    await cluster.create(2, config(monitor_s=3, delay_s=2))
    await cluster.update(image("two"))
    await cluster.settle()
    (first,) = cluster.made("two")
    await cluster.leader.clock.advance(2)
    await cluster.settle()
    await cluster.leader.clock.advance(2)
    await cluster.leader.report(first.id, "FAILED")
    assert cluster.state == "UPDATING"
    second = cluster.leader.tasks("web", desired="RUNNING")[-1]
    await cluster.leader.report(second.id, "FAILED")
    assert cluster.state == "PAUSED"


async def test_automatic_rollback(cluster: Cluster) -> None:
    """2.6.8, control-api.md 4.9.1: a failing update goes back in one write, has no spec before, and ends as ROLLBACK_COMPLETED; the history keeps what
    failed, and why."""
    await cluster.create(3, config("ROLLBACK"))
    version = cluster.service.spec_version.index
    await cluster.update(image("bad"))
    with cluster.leader.store.subscribe(Service) as events:
        await cluster.settle()
        states = [
            (event.object.update_status.state, event.object.spec.task.container.image)
            for commit in events.take()
            for event in commit.events
            if isinstance(event.object, Service)
        ]
    assert states == [(UpdateStatus.ROLLBACK_STARTED, "one")]
    service = cluster.service
    assert service.update_status.message.startswith("update rolled back due to failure or early termination")
    assert service.spec_version.index == version and not service.HasField("previous_spec")
    assert not service.HasField("previous_spec_version")
    await cluster.leader.clock.advance(10)
    await cluster.settle()
    assert cluster.running() == ["one"] * 3
    assert (cluster.state, service.spec.task.container.image) == ("ROLLBACK_COMPLETED", "one")
    assert cluster.service.update_status.message == "rollback completed"
    kept = read(cluster.leader.store.find(Resource))
    assert [(one.number, one.spec.task.container.image) for one in kept] == [(1, "one"), (2, "bad")]
    assert kept[1].update_status.message.startswith("update rolled back due to failure")


@pytest.mark.parametrize(("action", "noun"), [("PAUSE", "update"), ("ROLLBACK", "rollback")])
async def test_a_failing_rollback_pauses(cluster: Cluster, action: str, noun: str) -> None:
    """2.6.8: the rollback's own settings count; a rollback is never rolled back, and stays paused."""
    await cluster.create(2, rollback=config(action))
    await cluster.update(image("bad"), lambda spec: spec.update.CopyFrom(config("CONTINUE")))
    await cluster.settle()
    await cluster.update(image("two"), lambda spec: spec.ClearField("update"))
    await cluster.settle()
    await cluster.roll_back()
    assert cluster.service.update_status.message == "manually requested rollback"
    await cluster.settle()
    assert cluster.state == "ROLLBACK_PAUSED"
    message = cluster.service.update_status.message
    assert message.startswith(f"{noun} paused due to failure or early termination of task ")
    await cluster.leader.clock.advance(60)
    assert cluster.state == "ROLLBACK_PAUSED"


async def test_rollback_by_hand(cluster: Cluster) -> None:
    """2.6.9: the specs change places, the tasks follow, and the status ends as ROLLBACK_COMPLETED."""
    await cluster.create(2)
    await cluster.update(image("two"))
    await cluster.settle()
    await cluster.leader.clock.advance(6)
    await cluster.roll_back()
    assert cluster.state == "ROLLBACK_STARTED"
    await cluster.settle()
    await cluster.leader.clock.advance(6)
    assert (cluster.running(), cluster.state) == (["one", "one"], "ROLLBACK_COMPLETED")
    assert cluster.service.previous_spec.task.container.image == "two"


@pytest.mark.parametrize("order", ["STOP_FIRST", "START_FIRST"])
async def test_a_held_update(cluster: Cluster, order: str) -> None:
    """2.6.14: an operator stops an update between two slots: what was begun is finished and nothing more is; then it goes on to its
    end, and the way back is still there."""
    await cluster.create(3, config(order=order))
    await cluster.update(image("two"))
    await cluster.hold()
    status = cluster.service.update_status
    assert (cluster.state, status.message) == ("PAUSED", "update paused by an operator")
    await cluster.settle()
    await cluster.leader.clock.advance(60)
    assert (len(cluster.made("two")), cluster.state) == (1, "PAUSED")
    assert sorted(cluster.running()) == ["one", "one", *(["one"] if order == "START_FIRST" else []), "two"]
    await cluster.hold()
    await cluster.resume()
    assert (cluster.state, cluster.service.update_status.message) == ("UPDATING", "update in progress")
    await cluster.settle()
    await cluster.leader.clock.advance(6)
    assert (cluster.running(), cluster.state) == (["two"] * 3, "COMPLETED")
    assert cluster.service.previous_spec.task.container.image == "one"


async def test_a_held_rollback(cluster: Cluster) -> None:
    """2.6.14: a rollback is held as one, and goes on as one."""
    await cluster.create(3)
    await cluster.update(image("two"))
    await cluster.settle()
    await cluster.leader.clock.advance(6)
    await cluster.roll_back()
    await cluster.hold()
    await cluster.settle()
    assert (cluster.state, cluster.running().count("two")) == ("ROLLBACK_PAUSED", 2)
    await cluster.resume()
    await cluster.settle()
    await cluster.leader.clock.advance(6)
    assert (cluster.running(), cluster.state) == (["one"] * 3, "ROLLBACK_COMPLETED")


async def test_a_pause_after_failures_goes_on(cluster: Cluster) -> None:
    """2.6.14: what paused by itself goes on too; the failures before count no more."""
    await cluster.create(2)
    await cluster.update(image("bad"))
    await cluster.settle()
    assert cluster.state == "PAUSED" and len({task.slot for task in cluster.made("bad")}) == 1
    await cluster.resume()
    await cluster.settle()
    assert cluster.state == "PAUSED" and len({task.slot for task in cluster.made("bad")}) == 2


async def test_what_cannot_be_held(cluster: Cluster) -> None:
    """2.6.14: without an update on its way nothing is held or goes on, nor what was updated since it was looked at."""
    await cluster.create(1)
    for method in (cluster.hold, cluster.resume):
        with pytest.raises(FailedPrecondition, match="no update of it is"):
            await method()
    looked_at = cluster.service.spec_version.index
    await cluster.update(image("two"))
    for method in (cluster.hold, cluster.resume):
        with pytest.raises(FailedPrecondition, match="it was updated since"):
            await method(looked_at)
    with pytest.raises(InvalidArgument):
        await cluster.rollouts.hold_rollout(HoldRolloutRequest(service_id="web"), CALLER)
    assert cluster.state == "UPDATING"


async def test_no_way_back(cluster: Cluster) -> None:
    """2.6.10: without a spec before, a failing update pauses and says so."""
    await cluster.create(1, config("ROLLBACK"))
    await cluster.update(image("bad"))
    service = Service()
    service.CopyFrom(cluster.service)
    service.ClearField("previous_spec")
    await cluster.leader.put(service)
    await cluster.settle()
    assert cluster.state == "PAUSED"
    assert cluster.service.update_status.message.endswith("; there is no spec before it to go back to")


async def test_an_update_during_an_update(cluster: Cluster) -> None:
    """2.6.7: the newer spec takes over at once; tasks of the older ones are all replaced."""
    await cluster.create(4)
    await cluster.update(image("two"))
    while "two" not in cluster.running():
        await cluster.step()
    assert "one" in cluster.running()
    await cluster.update(image("three"))
    assert cluster.state == "UPDATING"
    await cluster.settle()
    assert (cluster.running(), cluster.state) == (["three"] * 4, "UPDATING")
    await cluster.leader.clock.advance(6)
    assert cluster.state == "COMPLETED"


async def test_an_update_during_a_rollback(cluster: Cluster) -> None:
    """2.6.7: an update ends a rollback, and has the settings of an update."""
    await cluster.create(3, config("ROLLBACK"))
    await cluster.update(image("bad"))
    for _ in range(3):
        await cluster.step()
    assert cluster.state == "ROLLBACK_STARTED"
    await cluster.update(image("three"))
    assert cluster.state == "UPDATING"
    await cluster.settle()
    await cluster.leader.clock.advance(20)
    await cluster.settle()
    await cluster.leader.clock.advance(6)
    assert (cluster.running(), cluster.state) == (["three"] * 3, "COMPLETED")


async def test_scaling_during_an_update(cluster: Cluster) -> None:
    """2.6.7: slots that go are not updated, new ones have the new spec."""
    await cluster.create(4)
    await cluster.update(image("two"))
    await cluster.step()
    await cluster.update(lambda spec: setattr(spec.replicated, "replicas", 2))
    await cluster.settle()
    assert cluster.running() == ["two", "two"]
    await cluster.update(lambda spec: setattr(spec.replicated, "replicas", 4))
    await cluster.settle()
    assert cluster.running() == ["two"] * 4


async def test_nothing_runs(cluster: Cluster) -> None:
    """2.6.2: an update of a service without tasks, or one that no task notices, leaves no status."""
    await cluster.create(0)
    await cluster.update(image("two"))
    assert not cluster.service.HasField("update_status")
    await cluster.update(lambda spec: setattr(spec.replicated, "replicas", 2))
    await cluster.settle()
    assert cluster.running() == ["two", "two"] and not cluster.service.HasField("update_status")
    await cluster.update(lambda spec: spec.annotations.labels.update({"a": "b"}))
    assert not cluster.service.HasField("update_status") and len(cluster.made("two")) == 2


async def test_rollback_when_nothing_runs(cluster: Cluster) -> None:
    """2.6.2: a rollback without dirty tasks is complete at once."""
    await cluster.create(0)
    await cluster.update(image("two"))
    await cluster.roll_back()
    assert cluster.state == "ROLLBACK_COMPLETED"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("UPDATING", "COMPLETED"),
        ("ROLLBACK_STARTED", "ROLLBACK_COMPLETED"),
        ("PAUSED", "PAUSED"),
        ("ROLLBACK_PAUSED", "ROLLBACK_PAUSED"),
    ],
)
async def test_what_is_written_over_what(before: str, after: str) -> None:
    """2.6.13: a new leader that finds nothing dirty completes what is on its way, and leaves what is paused."""
    cluster = Cluster()
    service = make_service("web", replicas=1)
    service.update_status.state = UpdateStatus.UpdateState.Value(before)
    task = make_task("t", service=service, slot=1, state="RUNNING", node_id=NODES[0])
    await cluster.leader.put(make_node(NODES[0]), service, task)
    async with cluster.leader.running(*LOOPS):
        await cluster.leader.clock.advance(60)
        assert cluster.state == after


async def test_force(cluster: Cluster) -> None:
    """2.6.1: a bump of the counter replaces every task by one of the same kind."""
    await cluster.create(2)
    before = {task.id for task in cluster.made("one")}
    await cluster.update(lambda spec: setattr(spec.task, "force_update", 1))
    await cluster.settle()
    running = {task.id for task in cluster.leader.tasks("web", desired="RUNNING")}
    assert len(running) == 2 and not running & before


async def test_what_completed_for_good_is_updated(cluster: Cluster) -> None:
    """2.6.1: a slot whose task is not restarted stays, and an update fills it again."""
    await cluster.create(1, restart="NONE")
    (old,) = cluster.made("one")
    await cluster.leader.report(old.id, "COMPLETE")
    await cluster.update(image("two"))
    await cluster.settle()
    assert cluster.running() == ["two"]


@pytest.mark.parametrize("order", ["STOP_FIRST", "START_FIRST"])
async def test_global(cluster: Cluster, order: str) -> None:
    """2.6.1: a global service is updated node by node, each new task on the node of the old one."""
    await cluster.create(0, config(order=order), is_global=True)
    await cluster.update(image("two"))
    assert len(cluster.made("two")) == 1
    await cluster.settle()
    assert sorted(t.node_id for t in cluster.leader.tasks("web", desired="RUNNING")) == list(NODES)
    assert cluster.running() == ["two", "two"]
    await cluster.leader.clock.advance(6)
    assert cluster.state == "COMPLETED"


async def test_a_node_changes_during_a_global_update(cluster: Cluster) -> None:
    """2.6.12: a change of a node replaces nothing that the update has not reached; a paused update stays paused there."""
    await cluster.create(0, is_global=True)
    await cluster.update(image("bad"))
    await cluster.settle()
    assert cluster.state == "PAUSED"
    (left,) = (task for task in cluster.made("one") if task.desired_state == RUNNING)
    await cluster.leader.put(make_node(left.node_id, labels={"new": "label"}))
    await cluster.settle()
    assert cluster.running() == ["one"]


async def test_a_node_leaves_during_a_global_update(cluster: Cluster) -> None:
    """2.6.3: a slot whose node is drained meanwhile is left out, and the update completes."""
    await cluster.create(0, is_global=True)
    await cluster.update(image("two"))
    (first,) = cluster.made("two")
    other = next(name for name in NODES if name != first.node_id)
    await cluster.leader.set_node(other, availability="DRAIN")
    await cluster.settle()
    await cluster.leader.clock.advance(6)
    assert (cluster.running(), cluster.state) == (["two"], "COMPLETED")


async def test_a_paused_node_is_made_active_during_a_global_update(cluster: Cluster) -> None:
    """2.6.12: it becomes one more slot: it waits for its turn, and the update is complete only once its task was replaced and watched."""
    await cluster.create(0, is_global=True)
    await cluster.leader.set_node("b", availability="PAUSE")
    await cluster.update(image("two"))
    assert [task.node_id for task in cluster.made("two")] == ["a"]
    await cluster.leader.set_node("b")
    assert [task.node_id for task in cluster.made("two")] == ["a"]
    for _ in range(3):
        await cluster.leader.clock.advance(4)
        await cluster.settle()
        if cluster.state == "COMPLETED":
            break
        # Whoever changes the node once more changes nothing.
        await cluster.leader.put(make_node("b", labels={"new": "label"}))
    assert (cluster.running(), cluster.state) == (["two", "two"], "COMPLETED")
    assert len(cluster.made("two")) == 2


async def test_a_node_that_was_left_out_comes_back_during_the_update(cluster: Cluster) -> None:
    """2.6.12: a node that was paused when its turn came is taken in when it is active again, and a failure there counts."""
    await cluster.create(0, is_global=True)
    await cluster.update(image("two"))
    (first,) = cluster.made("two")
    other = next(name for name in NODES if name != first.node_id)
    await cluster.leader.set_node(other, availability="PAUSE")
    await cluster.settle()
    assert (sorted(cluster.running()), cluster.state) == (["one", "two"], "UPDATING")
    await cluster.leader.set_node(other)
    (second,) = (task for task in cluster.made("two") if task.node_id == other)
    await cluster.leader.report(second.id, "FAILED")
    await cluster.settle()
    assert cluster.state == "PAUSED" and second.id in cluster.service.update_status.message


async def test_a_new_task_whose_node_is_lost(cluster: Cluster) -> None:
    """2.6.3: when a new task is replaced before it ran, the update waits for its successor, not for the lost node."""
    await cluster.create(2)
    await cluster.update(image("two"))
    (new,) = cluster.made("two")
    await cluster.leader.set_node(new.node_id, state="DOWN")
    for _ in range(8):
        await cluster.settle()
        await cluster.leader.clock.advance(5)
    assert (cluster.running(), cluster.state) == (["two", "two"], "COMPLETED")


async def test_a_placement_that_tasks_meet(cluster: Cluster) -> None:
    """2.6.1: tasks on nodes that meet the new constraints stay."""
    await cluster.create(2)
    await cluster.update(lambda spec: spec.task.placement.constraints.append("node.hostname!=elsewhere"))
    assert len(cluster.leader.tasks("web")) == 2 and not cluster.service.HasField("update_status")


@pytest.mark.parametrize("order", ["STOP_FIRST", "START_FIRST"])
@pytest.mark.parametrize("steps", range(9))
async def test_a_new_leader_goes_on(order: str, steps: int) -> None:
    """2.6.11: after a change of the leader at any moment the update goes on, no slot has two running tasks that should not, and
    with START_FIRST none is without."""
    cluster = Cluster()
    async with cluster.leader.running(*LOOPS):
        await cluster.create(3, config(order=order, parallelism=2))
        await cluster.update(image("two"))
        for _ in range(steps):
            await cluster.step()
    async with cluster.leader.running(*LOOPS):
        for _ in range(20):
            await cluster.step()
            running = [t for t in cluster.leader.tasks("web") if t.status.state == RUNNING]
            slots = [task.slot for task in running]
            if order == "STOP_FIRST":
                assert len(set(slots)) == len(slots)
            else:
                assert set(slots) == {1, 2, 3}
            await cluster.leader.clock.advance(1)
        assert (cluster.running(), cluster.state) == (["two"] * 3, "COMPLETED")


async def test_the_service_goes(cluster: Cluster) -> None:
    """2.6.7: removing a service ends its update."""
    await cluster.create(3)
    await cluster.update(image("two"))
    await cluster.leader.delete(Service, "web")
    await cluster.settle()
    await cluster.leader.clock.advance(100)
    assert all(task.desired_state > RUNNING for task in cluster.leader.tasks("web"))
    assert cluster.leader.store.get(Node, "a") is not None


MOVES = st.lists(
    st.sampled_from(
        ["two", "three", "bad", "back", "again", "more", "fewer", "step", "step", "step", "wait", "leader"]
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=40)
@given(
    MOVES,
    st.sampled_from(["STOP_FIRST", "START_FIRST"]),
    st.sampled_from(["PAUSE", "CONTINUE", "ROLLBACK"]),
    st.integers(0, 3),
)
def test_whatever_people_do(moves: list[str], order: str, action: str, parallelism: int) -> None:
    """2.6: in any order of updates, rollbacks, scalings and leaders, no state goes back, no slot runs twice beyond START_FIRST, and left
    alone a good spec arrives everywhere."""
    asyncio.run(_play(moves, config(action, order=order, parallelism=parallelism)))


async def _play(moves: list[str], update: UpdateConfig) -> None:
    cluster = Cluster()
    twice = update.order == UpdateConfig.START_FIRST
    async with cluster.leader.running(*LOOPS):
        await cluster.create(3, update, update)
        with cluster.leader.store.subscribe(Task) as events:
            for move in moves:
                if move == "leader":
                    break
                await _do(cluster, move)
                _check(cluster, events.take(), twice=twice)
    rest = moves[moves.index("leader") + 1 :] if "leader" in moves else []
    async with cluster.leader.running(*LOOPS):
        with cluster.leader.store.subscribe(Task) as events:
            for move in [*(one for one in rest if one != "leader"), "three", *["step", "wait"] * 30]:
                await _do(cluster, move)
                _check(cluster, events.take(), twice=twice)
    assert cluster.running() == ["three"] * cluster.service.spec.replicated.replicas
    assert cluster.state in ("COMPLETED", "UNKNOWN")


async def _do(cluster: Cluster, move: str) -> None:
    if move == "step":
        await cluster.step()
    elif move == "wait":
        await cluster.leader.clock.advance(3)
    elif move == "back":
        if cluster.service.HasField("previous_spec"):
            await cluster.roll_back()
    elif move == "again":
        await cluster.update(lambda spec: None)
    elif move in ("more", "fewer"):
        replicas = max(1, cluster.service.spec.replicated.replicas + (1 if move == "more" else -1))
        await cluster.update(lambda spec: setattr(spec.replicated, "replicas", replicas))
    else:
        await cluster.update(image(move))


def _check(cluster: Cluster, commits: list[Commit], *, twice: bool) -> None:
    for commit in commits:
        for event in commit.events:
            if isinstance(event, Updated):
                old, new = event.old, event.object
                assert isinstance(old, Task) and isinstance(new, Task)
                assert new.desired_state >= old.desired_state and new.status.state >= old.status.state
    slots: dict[int, int] = {}
    for task in cluster.leader.tasks("web"):
        # A slot that was given up and is filled again is the replicated orchestrator's affair (2.1.4). With START_FIRST a new task
        # may run while the one before stops.
        if task.status.state == RUNNING and task.desired_state < (SHUTDOWN if twice else REMOVE):
            slots[task.slot] = slots.get(task.slot, 0) + 1
    assert max(slots.values(), default=0) <= (2 if twice else 1)
