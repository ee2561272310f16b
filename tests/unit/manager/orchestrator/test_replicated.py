"""The replicated orchestrator on a store in memory (docs/design/orchestration.md 2.1, 2.5, 2.7)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from swarm_core.api.ids import ID_LENGTH
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.types_pb2 import (
    FAILED,
    NEW,
    PENDING,
    READY,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    RestartPolicy,
)
from swarm_core.manager.orchestrator.replicated import ReplicatedOrchestrator
from swarm_core.store.transactions import Transaction
from swarm_testkit.factories import (
    make_cluster,
    make_host_port,
    make_node,
    make_restart,
    make_service,
    make_task,
    make_task_spec,
)
from swarm_testkit.leader import Leader


@pytest.fixture
async def leader() -> AsyncIterator[Leader]:
    leader = Leader()
    async with leader.running(ReplicatedOrchestrator):
        yield leader


def web(replicas: int = 1, restart: RestartPolicy | None = None, **task: object) -> Service:
    return make_service("web", replicas=replicas, task=make_task_spec(restart=restart, **task))  # type: ignore[arg-type]


def quick(condition: str = "ANY", **policy: int) -> RestartPolicy:
    return make_restart(condition, delay_s=0, **policy)


async def run_all(leader: Leader, *node_ids: str) -> list[Task]:
    """Put the waiting tasks on nodes, in turn, and let them run."""
    for number, task in enumerate(leader.tasks("web")):
        if task.desired_state <= RUNNING and not task.node_id:
            placed = Task()
            placed.CopyFrom(task)
            placed.node_id = node_ids[number % len(node_ids)]
            placed.status.state = RUNNING
            await leader.put(placed)
    return leader.tasks("web", desired="RUNNING")


async def test_creates_slots(leader: Leader) -> None:
    """2.1.1: a new service gets one task in each of the slots 1..n."""
    await leader.put(web(3))
    assert [task.slot for task in leader.tasks("web")] == [1, 2, 3]


async def test_fields_of_a_new_task(leader: Leader) -> None:
    """1.4.1: what a created task says, and what it leaves to others."""
    service = web()
    service.spec.annotations.labels["a"] = "b"
    service.spec_version.index = 7
    expected = Service()
    expected.CopyFrom(service)
    await leader.put(service)
    (task,) = leader.tasks("web")
    assert len(task.id) == ID_LENGTH
    assert task.service_annotations == expected.spec.annotations
    assert task.spec == expected.spec.task
    assert task.spec_version == expected.spec_version
    assert (task.node_id, task.desired_state, task.status.message) == ("", RUNNING, "created")
    assert task.status.timestamp.seconds * 10**9 == leader.clock.wall_ns()
    assert task.endpoint.spec == expected.spec.endpoint
    assert task.HasField("endpoint")
    assert not task.HasField("log_driver")
    assert not task.HasField("annotations")


async def test_first_spec_version_is_present(leader: Leader) -> None:
    """1.4: the version of a service's first spec is present and 0."""
    await leader.put(web())
    assert leader.tasks("web")[0].HasField("spec_version")


async def test_log_driver_default(leader: Leader) -> None:
    """1.4: the task's own log driver, else the cluster's as it is now."""
    await leader.put(make_cluster("c", log_driver="syslog"), web())
    assert leader.tasks("web")[0].log_driver.name == "syslog"
    await leader.put(make_cluster("c", log_driver="gelf"))
    await leader.scale("web", 2)
    assert leader.tasks("web")[1].log_driver.name == "gelf"
    await leader.put(make_service("own", task=make_task_spec(log_driver="none")))
    assert leader.tasks("own")[0].log_driver.name == "none"


async def test_pending_at_once_without_allocator(leader: Leader) -> None:
    """1.4, 10.2: a task that needs no allocator is PENDING from the start; networks or ports make it NEW."""
    await leader.put(make_service("plain"))
    await leader.put(make_service("ports", ports=[make_host_port(80)]))
    await leader.put(make_service("networks", task=make_task_spec(networks=["n"])))
    states = {name: leader.tasks(name)[0].status.state for name in ("plain", "ports", "networks")}
    assert states == {"plain": PENDING, "ports": NEW, "networks": NEW}


async def test_other_modes_are_ignored(leader: Leader) -> None:
    """2.1: services of other modes are not its business."""
    await leader.put(make_node("n"), make_service("g", is_global=True))
    assert leader.tasks() == []


async def test_scale_up_and_down(leader: Leader) -> None:
    """2.1.2: scaling down sets REMOVE on the slots of the crowded nodes first and deletes nothing that runs."""
    await leader.put(make_node("a"), make_node("b"), web(2))
    await run_all(leader, "a", "b")
    await leader.scale("web", 5)
    await run_all(leader, "a")
    assert len(leader.tasks("web", desired="RUNNING")) == 5
    await leader.scale("web", 2)
    kept = leader.tasks("web", desired="RUNNING")
    assert sorted(task.node_id for task in kept) == ["a", "b"]
    assert len(leader.tasks("web", desired="REMOVE")) == 3
    await leader.scale("web", 0)
    assert len(leader.tasks("web", desired="REMOVE")) == 5


async def test_scale_up_while_others_leave(leader: Leader) -> None:
    """2.1 (fix): tasks that are being removed do not count, and are left to the reaper."""
    await leader.put(make_node("a"), web(3, restart=make_restart("NONE")))
    await run_all(leader, "a")
    await leader.scale("web", 1)
    await leader.scale("web", 3)
    assert len(leader.tasks("web", desired="RUNNING")) == 3
    assert len(leader.tasks("web", desired="REMOVE")) == 2


async def test_multi_task_slots_go_first(leader: Leader) -> None:
    """9.3: on scale-down a slot with several tasks goes before settled ones, with all its tasks."""
    await leader.put(make_node("a"), make_node("b"), web(2))
    await run_all(leader, "a", "b")
    await leader.put(make_task("extra", service=web(2), slot=1, node_id="b", state="RUNNING"))
    await leader.scale("web", 1)
    assert [task.slot for task in leader.tasks("web", desired="RUNNING")] == [2]
    assert [task.slot for task in leader.tasks("web", desired="REMOVE")] == [1, 1]


async def test_service_removal(leader: Leader) -> None:
    """1.8.1: when the service goes all its tasks are set to REMOVE."""
    await leader.put(web(3))
    await leader.delete(Service, "web")
    assert [task.desired_state for task in leader.tasks("web")] == [REMOVE] * 3


async def test_service_removed_while_it_is_reconciled() -> None:
    """1.8: tasks of a service that is removed before they are written are not created."""
    leader = Leader(turns=3)
    async with leader.running(ReplicatedOrchestrator):
        async with asyncio.TaskGroup() as group:
            group.create_task(leader.put(web(3)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            # Queued while the service is being committed: before its tasks can be queued.
            group.create_task(leader.delete(Service, "web"))
        assert leader.tasks() == []


async def test_two_reports_are_one_restart() -> None:
    """2.5: a task that is reported again while its restart is written is replaced once."""
    leader = Leader(turns=3)
    async with leader.running(ReplicatedOrchestrator):
        await leader.put(make_node("a"), web(restart=quick()))
        (task,) = await run_all(leader, "a")

        def report(transaction: Transaction) -> None:
            failed = Task()
            failed.CopyFrom(transaction.get(Task, task.id) or failed)
            failed.status.state = FAILED
            failed.status.err += "again "
            transaction.update(failed)

        async with asyncio.TaskGroup() as group:
            group.create_task(leader.store.update(report))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            group.create_task(leader.store.update(report))
        await leader.clock.advance(1)
        assert leader.task(task.id).status.err == "again again "
        assert len(leader.tasks("web")) == 2


async def test_deleted_task_is_made_again(leader: Leader) -> None:
    """2.1: a deleted task that was wanted leaves an empty slot, which is filled; one not wanted does not."""
    await leader.put(web(2))
    first, second = leader.tasks("web")
    await leader.delete(Task, first.id)
    assert [task.slot for task in leader.tasks("web")] == [1, 2]
    assert {task.id for task in leader.tasks("web")} > {second.id}
    await leader.scale("web", 1)
    (leaving,) = leader.tasks("web", desired="REMOVE")
    await leader.delete(Task, leaving.id)
    assert len(leader.tasks("web")) == 1


async def test_a_removed_task_is_made_again_in_its_slot_alone(leader: Leader) -> None:
    """scheduling.md 3.13.4: a move removes one task; its slot gets another one, and every other task stays what it was."""
    await leader.put(make_node("a"), make_node("b"))
    await leader.put(web(3))
    before = await run_all(leader, "a")
    moved = next(task for task in before if task.slot == 2)
    await leader.delete(Task, moved.id)
    after = leader.tasks("web")
    assert [(task.slot, task.node_id) for task in after if task.id not in {one.id for one in before}] == [
        (2, "")
    ]
    assert [task for task in before if task.id != moved.id] == [task for task in after if task.node_id]


async def test_failed_task_is_replaced_after_its_delay(leader: Leader) -> None:
    """2.5.1, 2.5.2: the replacement is READY for the delay of 5 s and RUNNING after that; the old task is kept, SHUTDOWN."""
    await leader.put(make_node("a"), web())
    (old,) = await run_all(leader, "a")
    await leader.report(old.id, "FAILED")
    (new,) = leader.tasks("web", desired="READY")
    assert (new.slot, new.node_id, leader.task(old.id).desired_state) == (1, "", SHUTDOWN)
    await leader.clock.advance(4.9)
    assert leader.task(new.id).desired_state == READY
    await leader.clock.advance(0.2)
    assert leader.task(new.id).desired_state == RUNNING
    assert len(leader.tasks("web")) == 2


async def test_no_delay_means_one_write(leader: Leader) -> None:
    """2.5.4: a replacement with nothing to wait for is made to run at once."""
    await leader.put(make_node("a"), web(restart=quick()))
    (old,) = await run_all(leader, "a")
    with leader.store.subscribe(Task) as events:
        await leader.report(old.id, "COMPLETE")
        assert [len(commit.events) for commit in events.take()] == [1, 2]
    assert len(leader.tasks("web", desired="RUNNING")) == 1


@pytest.mark.parametrize(("state", "restarts"), [("COMPLETE", False), ("FAILED", True), ("REJECTED", True)])
async def test_on_failure(leader: Leader, state: str, restarts: bool) -> None:
    """2.5: ON_FAILURE replaces what failed; a slot that completed stays as it is when the service is reconciled."""
    await leader.put(make_node("a"), web(restart=quick("ON_FAILURE")))
    (old,) = await run_all(leader, "a")
    await leader.report(old.id, state)
    assert len(leader.tasks("web")) == (2 if restarts else 1)
    await leader.scale("web", 2)
    assert {task.slot for task in leader.tasks("web", desired="RUNNING")} == ({1, 2} if restarts else {2})


async def test_never_restart(leader: Leader) -> None:
    """2.5: NONE replaces nothing, not even what is evicted."""
    await leader.put(make_node("a"), web(restart=make_restart("NONE")))
    (task,) = await run_all(leader, "a")
    await leader.set_node("a", availability="DRAIN")
    assert [(t.id, t.desired_state) for t in leader.tasks("web")] == [(task.id, SHUTDOWN)]


async def test_max_attempts(leader: Leader) -> None:
    """9.3: after the allowed attempts a slot is left; its last task stands for it."""
    await leader.put(make_node("a"), web(restart=quick(max_attempts=2)))
    for _ in range(4):
        for task in await run_all(leader, "a"):
            await leader.report(task.id, "FAILED")
    assert len(leader.tasks("web")) == 3
    assert leader.tasks("web", desired="RUNNING") == []


async def test_attempts_within_a_window(leader: Leader) -> None:
    """9.3: with a window only recent attempts count, so after a quiet time the slot is restarted again."""
    await leader.put(make_node("a"), web(restart=quick(max_attempts=1, window_s=60)))
    for _ in range(2):
        for task in await run_all(leader, "a"):
            await leader.clock.advance(1)
            await leader.report(task.id, "FAILED")
    assert len(leader.tasks("web")) == 2
    await leader.scale("web", 2)
    assert {task.slot for task in leader.tasks("web", desired="RUNNING")} == {2}
    (task,) = await run_all(leader, "a")
    await leader.report(task.id, "FAILED")
    (task,) = await run_all(leader, "a")
    await leader.clock.advance(100)
    await leader.report(task.id, "FAILED")
    assert len(leader.tasks("web", desired="RUNNING")) == 1


async def test_drain_evicts(leader: Leader) -> None:
    """9.3: draining a node replaces its tasks without delay, but only when the old one has stopped."""
    await leader.put(make_node("a"), make_node("b"), web(2))
    first, second = await run_all(leader, "a", "b")
    await leader.set_node("a", availability="DRAIN")
    assert leader.task(first.id).desired_state == SHUTDOWN
    assert leader.task(second.id).desired_state == RUNNING
    (new,) = leader.tasks("web", desired="READY")
    await leader.report(first.id, "SHUTDOWN")
    assert leader.task(new.id).desired_state == RUNNING


async def test_old_task_that_never_stops(leader: Leader) -> None:
    """2.5: after a minute the replacement starts even if the old task never reported its end."""
    await leader.put(make_node("a"), web())
    await run_all(leader, "a")
    await leader.set_node("a", availability="DRAIN")
    (new,) = leader.tasks("web", desired="READY")
    await leader.clock.advance(59)
    assert leader.task(new.id).desired_state == READY
    await leader.clock.advance(2)
    assert leader.task(new.id).desired_state == RUNNING


async def test_node_down_replaces_without_waiting(leader: Leader) -> None:
    """1.8.2, 2.5.3: tasks of a node that is DOWN are replaced at once, whatever their delay; their observed state is left alone."""
    await leader.put(make_node("a"), web())
    (old,) = await run_all(leader, "a")
    await leader.set_node("a", state="DOWN")
    assert leader.task(old.id).status.state == RUNNING
    (new,) = leader.tasks("web", desired="RUNNING")
    assert new.id != old.id


async def test_a_task_that_failed_before_its_node_was_lost(leader: Leader) -> None:
    """2.5.3: a task that had failed itself is replaced after its delay, also where its node is lost by then."""
    await leader.put(make_node("a"), web())
    (old,) = await run_all(leader, "a")
    await leader.report(old.id, "FAILED")
    (waiting,) = leader.tasks("web", desired="READY")
    await leader.set_node("a", state="DOWN")
    assert leader.task(waiting.id).desired_state == READY
    await leader.clock.advance(5)
    assert leader.task(waiting.id).desired_state == RUNNING


async def test_node_that_goes_down_while_draining(leader: Leader) -> None:
    """2.5: a wait for an old task ends when its node is lost."""
    await leader.put(make_node("a"), web())
    await run_all(leader, "a")
    await leader.set_node("a", availability="DRAIN")
    (new,) = leader.tasks("web", desired="READY")
    await leader.set_node("a", state="DOWN", availability="DRAIN")
    assert leader.task(new.id).desired_state == RUNNING


async def test_node_removal(leader: Leader) -> None:
    """2.1: tasks of a deleted node are replaced."""
    await leader.put(make_node("a"), web(restart=quick()))
    (old,) = await run_all(leader, "a")
    await leader.delete(Node, "a")
    assert leader.task(old.id).desired_state == SHUTDOWN
    assert len(leader.tasks("web", desired="RUNNING")) == 1


@pytest.mark.parametrize(
    ("state", "availability"), [("UNKNOWN", "ACTIVE"), ("DISCONNECTED", "ACTIVE"), ("READY", "PAUSE")]
)
async def test_these_nodes_keep_their_tasks(leader: Leader, state: str, availability: str) -> None:
    """2.1.3: UNKNOWN, DISCONNECTED and PAUSE evict nothing."""
    await leader.put(make_node("a"), web())
    (task,) = await run_all(leader, "a")
    await leader.set_node("a", state=state, availability=availability)
    assert leader.tasks("web") == [leader.task(task.id)]
    assert leader.task(task.id).desired_state == RUNNING


async def test_task_placed_on_an_invalid_node(leader: Leader) -> None:
    """2.1: a task that turns up on a node that is not there is replaced."""
    await leader.put(web(restart=quick()))
    (task,) = leader.tasks("web")
    await run_all(leader, "nowhere")
    assert leader.task(task.id).desired_state == SHUTDOWN


async def test_replacement_that_fails_while_it_waits(leader: Leader) -> None:
    """2.5: a replacement that ends during its own delay is replaced only when that delay is over."""
    await leader.put(make_node("a"), web())
    (old,) = await run_all(leader, "a")
    await leader.report(old.id, "FAILED")
    (waiting,) = leader.tasks("web", desired="READY")
    await leader.report(waiting.id, "REJECTED")
    await leader.clock.advance(4)
    assert [task.id for task in leader.tasks("web", desired="READY")] == [waiting.id]
    await leader.clock.advance(1)
    assert leader.task(waiting.id).desired_state == SHUTDOWN
    (next_one,) = leader.tasks("web", desired="READY")
    await leader.clock.advance(5)
    assert leader.task(next_one.id).desired_state == RUNNING


async def test_dead_slots_are_cleared_safely(leader: Leader) -> None:
    """2.1 (fix): leftovers of dead slots are deleted when they ended, and only asked to go while they may run."""
    service = web(1)
    await leader.put(make_node("a"))
    await leader.put(
        make_task("live", service=service, slot=1, node_id="a", state="RUNNING"),
        make_task("ended", service=service, slot=2, node_id="a", state="FAILED", desired="SHUTDOWN"),
        make_task("stopping", service=service, slot=3, node_id="a", state="RUNNING", desired="SHUTDOWN"),
        service,
    )
    assert {task.id: task.desired_state for task in leader.tasks("web")} == {
        "live": RUNNING,
        "stopping": REMOVE,
    }


# start-up (2.7)


async def test_start_up() -> None:
    """9.3: at the start failed, rejected, drained and missing-node tasks are replaced, wanted slots filled."""
    leader, service = Leader(), web(6, restart=quick())
    await leader.put(make_node("a"), make_node("drained", availability="DRAIN"), service)
    await leader.put(
        make_task("fine", service=service, slot=1, node_id="a", state="RUNNING"),
        make_task("failed", service=service, slot=2, node_id="a", state="FAILED"),
        make_task("rejected", service=service, slot=3, node_id="a", state="REJECTED"),
        make_task("drained", service=service, slot=4, node_id="drained", state="RUNNING"),
        make_task("lost", service=service, slot=5, node_id="nowhere", state="RUNNING"),
    )
    async with leader.running(ReplicatedOrchestrator):
        live = [task.slot for task in leader.tasks("web") if task.desired_state <= RUNNING]
        assert live == [1, 2, 3, 4, 5, 6]
        old = {task.id for task in leader.tasks("web", desired="SHUTDOWN")}
        assert old == {"failed", "rejected", "drained", "lost"}


async def test_start_up_deletes_tasks_without_service() -> None:
    """2.7.1: tasks whose service is gone are deleted, whatever their state; those that never had one stay."""
    leader = Leader()
    await leader.put(
        make_task("orphan", service_id="gone", node_id="a", state="RUNNING"),
        make_task("free", state="RUNNING"),
    )
    async with leader.running(ReplicatedOrchestrator):
        assert [task.id for task in leader.tasks()] == ["free"]


async def test_start_up_resumes_delays() -> None:
    """9.3: a delayed replacement waits for what is left of its delay; one whose delay passed starts."""
    leader, service = Leader(), web(3, restart=make_restart(delay_s=10))
    now = leader.clock.wall_ns()
    await leader.put(service)
    await leader.put(
        make_task(
            "passed", service=service, slot=1, state="PENDING", desired="READY", status_ns=now - 11 * 10**9
        ),
        make_task(
            "left", service=service, slot=2, state="PENDING", desired="READY", status_ns=now - 7 * 10**9
        ),
        make_task(
            "ahead", service=service, slot=3, state="PENDING", desired="READY", status_ns=now + 3600 * 10**9
        ),
    )
    async with leader.running(ReplicatedOrchestrator):
        assert leader.task("passed").desired_state == RUNNING
        assert leader.task("left").desired_state == READY
        await leader.clock.advance(3)
        assert leader.task("left").desired_state == RUNNING
        assert leader.task("ahead").desired_state == READY
        await leader.clock.advance(7)
        assert leader.task("ahead").desired_state == RUNNING


async def test_start_up_rebuilds_history() -> None:
    """2.7.2: tasks of the newest spec version, all but the first, count as attempts."""
    leader, service = Leader(), web(1, restart=quick(max_attempts=2))
    service.spec_version.index = 2
    await leader.put(make_node("a"), service)
    tasks = [
        make_task(
            f"t{i}", service=service, slot=1, node_id="a", state="FAILED", desired="SHUTDOWN", created_ns=i
        )
        for i in range(1, 4)
    ]
    tasks[0].spec_version.index = 1
    tasks[2].desired_state = RUNNING
    await leader.put(*tasks)
    async with leader.running(ReplicatedOrchestrator):
        for _ in range(3):
            for task in await run_all(leader, "a"):
                await leader.report(task.id, "FAILED")
        assert len(leader.tasks("web")) == 4


async def test_overflow_starts_over(caplog: pytest.LogCaptureFixture) -> None:
    """1, 8: a loop that fell behind rebuilds itself from the store and misses nothing."""
    leader = Leader()
    subscribe = leader.store.subscribe
    leader.store.subscribe = lambda *kinds, **_: subscribe(*kinds, events_max=3)  # type: ignore[method-assign]
    async with leader.running(ReplicatedOrchestrator):
        await leader.put(make_node("a"), web(2, restart=quick()))
        await leader.put(*(make_service(f"s{i}") for i in range(9)))
        assert "starting over" in caplog.text
        assert len(leader.tasks()) == 11
        for task in await run_all(leader, "a"):
            await leader.report(task.id, "FAILED")
        assert len(leader.tasks("web", desired="RUNNING")) == 2
