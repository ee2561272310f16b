"""Restart policy, history and delayed starts as pure rules (docs/design/orchestration.md 2.5)."""

import random

import pytest
from swarm_core.api.proto.objects_pb2 import Service, Task
from swarm_core.api.proto.types_pb2 import UpdateStatus
from swarm_core.api.timestamps import timestamp
from swarm_core.manager.orchestrator.delayed_starts import OLD_TASK_WAIT_S, DelayedStarts
from swarm_core.manager.orchestrator.restart import RestartSupervisor
from swarm_core.manager.orchestrator.restart_history import RestartHistory, restart_delay_s, status_ns
from swarm_testkit.factories import make_restart, make_service, make_task, make_task_spec
from swarm_testkit.manual_clock import ManualClock

SECOND = 10**9


def ended(
    service: Service, *, state: str = "FAILED", at_s: int = 1000, slot: int = 1, node_id: str = "n"
) -> Task:
    return make_task(
        service=service, slot=slot, node_id=node_id, state=state, desired="SHUTDOWN", status_ns=at_s * SECOND
    )


@pytest.mark.parametrize(
    ("condition", "state", "wanted"),
    [
        ("NONE", "FAILED", False),
        ("NONE", "RUNNING", False),
        ("ON_FAILURE", "COMPLETE", False),
        ("ON_FAILURE", "FAILED", True),
        ("ON_FAILURE", "SHUTDOWN", True),
        ("ON_FAILURE", "REJECTED", True),
        ("ON_FAILURE", "RUNNING", True),
        ("ANY", "COMPLETE", True),
        ("ANY", "FAILED", True),
    ],
)
def test_condition(condition: str, state: str, wanted: bool) -> None:
    """2.5: the condition decides first; an evicted task passes ON_FAILURE but never NONE."""
    service = make_service(task=make_task_spec(restart=make_restart(condition)))
    assert RestartHistory().should_restart(service, ended(service, state=state)) is wanted


def test_no_policy_means_any() -> None:
    """2.5: without a policy the condition is ANY and the delay 5 s; an empty policy means NONE."""
    service = make_service(task=make_task_spec())
    assert RestartHistory().should_restart(service, ended(service, state="COMPLETE"))
    assert restart_delay_s(ended(service)) == 5
    empty = make_service(task=make_task_spec(restart=make_restart("NONE")))
    assert not RestartHistory().should_restart(empty, ended(empty))
    assert restart_delay_s(ended(empty)) == 5
    quick = make_service(task=make_task_spec(restart=make_restart(delay_s=0)))
    assert restart_delay_s(ended(quick)) == 0


def test_job_tasks_that_completed_are_done() -> None:
    """2.5: for jobs ANY is ON_FAILURE."""
    service = make_service(task=make_task_spec(restart=make_restart("ANY")))
    service.spec.replicated_job.total_completions = 1
    assert not RestartHistory().should_restart(service, ended(service, state="COMPLETE"))
    assert RestartHistory().should_restart(service, ended(service, state="FAILED"))


def limited(
    max_attempts: int, window_s: float | None = None, *, is_global: bool = False, version: int = 0
) -> Service:
    restart = make_restart(max_attempts=max_attempts, window_s=window_s)
    return make_service("s", task=make_task_spec(restart=restart), is_global=is_global, spec_version=version)


def test_max_attempts() -> None:
    """2.5: without a window all replacements of the slot count."""
    service, history = limited(2), RestartHistory()
    for _ in range(2):
        assert history.should_restart(service, ended(service))
        history.record(service, ended(service), 1)
    assert not history.should_restart(service, ended(service))
    assert history.should_restart(service, ended(service, slot=2))


def test_max_attempts_on_global_nodes() -> None:
    """2.5 (fix): for global services the node is the slot, when looking up as when recording."""
    service, history = limited(1, is_global=True), RestartHistory()
    history.record(service, ended(service, slot=0, node_id="a"), 1)
    assert not history.should_restart(service, ended(service, slot=0, node_id="a"))
    assert history.should_restart(service, ended(service, slot=0, node_id="b"))


def test_new_spec_version_clears_history() -> None:
    """2.5.5: history of another spec version does not count, and a new version replaces it."""
    old, new, history = limited(1), limited(1, version=1), RestartHistory()
    history.record(old, ended(old), 1)
    assert history.should_restart(new, ended(new))
    history.record(new, ended(new), 1)
    assert not history.should_restart(new, ended(new))
    assert history.should_restart(old, ended(old))


def test_window() -> None:
    """2.5: with a window only replacements within it before the end of the task count."""
    service, history = limited(2, window_s=10), RestartHistory()
    for at_s in (980, 991, 995, 1001):
        history.record(service, ended(service), at_s * SECOND)
    assert not history.should_restart(service, ended(service, at_s=1000))
    assert history.should_restart(service, ended(service, at_s=1006))


def test_window_without_time_falls_back_to_the_total() -> None:
    """2.5: a task that does not say when it ended is judged by the total."""
    service, history = limited(1, window_s=10), RestartHistory()
    history.record(service, ended(service), SECOND)
    task = ended(service)
    task.status.ClearField("timestamp")
    assert not history.should_restart(service, task)


def test_applied_at_wins_over_timestamp() -> None:
    """2.5: the time of a status is when it was applied, if that is known."""
    task = ended(make_service(), at_s=5)
    assert status_ns(task) == 5 * SECOND
    task.status.applied_at.CopyFrom(timestamp(7 * SECOND))
    assert status_ns(task) == 7 * SECOND


def test_unlimited_attempts_are_not_recorded() -> None:
    """2.5: without a limit nothing is remembered; forgetting a service drops what was."""
    unlimited, service, history = make_service("s"), limited(1), RestartHistory()
    history.record(unlimited, ended(unlimited), 1)
    assert history.should_restart(service, ended(service))
    history.record(service, ended(service), 1)
    history.forget("s")
    assert history.should_restart(service, ended(service))


# delayed starts


def due(starts: DelayedStarts, now: float) -> list[str]:
    return [start.task_id for start in starts.take_due(now)]


def test_delay_only() -> None:
    """2.5: without an old task a start waits for its delay."""
    starts = DelayedStarts()
    starts.begin("b", delay_s=7, old=[], now=10)
    starts.begin("a", delay_s=5, old=[], now=10)
    assert starts.next_at() == 15
    assert due(starts, 14.9) == []
    assert due(starts, 15) == ["a"]
    assert (starts.next_at(), "a" in starts, "b" in starts) == (17, False, True)
    assert due(starts, 100) == ["b"]
    assert starts.next_at() is None


def test_waits_for_the_old_task() -> None:
    """2.5: the old task must stop too, but the delay is kept when it stops earlier."""
    old = make_task("old", state="RUNNING", node_id="n")
    starts = DelayedStarts()
    starts.begin("a", delay_s=5, old=[old], now=0)
    assert due(starts, 6) == []
    starts.task_changed(make_task("old", state="RUNNING"))
    assert due(starts, 6) == []
    starts.task_changed(make_task("old", state="SHUTDOWN"))
    assert due(starts, 6) == ["a"]
    starts.begin("b", delay_s=5, old=[old], now=10)
    starts.task_changed(make_task("old", state="FAILED"))
    assert due(starts, 14) == []
    assert due(starts, 15) == ["b"]


def test_does_not_wait_longer_than_a_minute() -> None:
    """2.5: an old task that never stops holds the start for one minute from the beginning, or for the delay."""
    old = make_task("old", state="RUNNING", node_id="n")
    starts = DelayedStarts()
    starts.begin("a", delay_s=5, old=[old], now=0)
    assert due(starts, OLD_TASK_WAIT_S - 0.1) == []
    assert due(starts, OLD_TASK_WAIT_S) == ["a"]
    starts.begin("b", delay_s=90, old=[old], now=0)
    assert starts.next_at() == 90


def test_lost_node_ends_the_wait() -> None:
    """2.5: nobody reports from a node that is down or gone, so nobody waits for it."""
    starts = DelayedStarts()
    starts.begin("a", delay_s=5, old=[make_task("x", node_id="n")], now=0)
    starts.begin("b", delay_s=5, old=[make_task("y", node_id="m")], now=0)
    starts.node_lost("n")
    assert due(starts, 5) == ["a"]


def test_deleted_tasks() -> None:
    """2.5: a deleted old task ends the wait, a deleted waiting task cancels it."""
    starts = DelayedStarts()
    starts.begin("a", delay_s=5, old=[make_task("x", node_id="n")], now=0)
    starts.begin("b", delay_s=5, old=[], now=0)
    starts.task_removed(make_task("x"))
    starts.task_removed(make_task("b"))
    assert due(starts, 5) == ["a"]
    assert "b" not in starts


def test_second_begin_replaces_the_first() -> None:
    """2.5: a second start of the same task cancels the first."""
    starts = DelayedStarts()
    starts.begin("a", delay_s=5, old=[make_task("x", node_id="n")], now=0)
    starts.begin("a", delay_s=9, old=[], now=0)
    assert starts.next_at() == 9
    assert due(starts, 70) == ["a"]
    starts.task_changed(make_task("x", state="FAILED"))
    assert due(starts, 99) == []


# which tasks stand for a slot


def make_supervisor() -> RestartSupervisor:
    return RestartSupervisor(clock=ManualClock(), rng=random.Random(1))


def test_updatable_tasks() -> None:
    """2.5: tasks wanted to run stand for a slot; failing those the newest, if it is not to be replaced."""
    supervisor = make_supervisor()
    service = make_service(task=make_task_spec(restart=make_restart("ON_FAILURE")))
    running = make_task(service=service)
    failed, done = ended(service, at_s=1), ended(service, state="COMPLETE", at_s=2)
    assert supervisor.updatable(service, [running, failed]) == [running]
    assert supervisor.updatable(service, [done, failed]) == [done]
    assert supervisor.updatable(service, [failed]) == []
    assert supervisor.updatable(service, [done, ended(service, at_s=3)]) == []
    service.update_status.state = UpdateStatus.ROLLBACK_STARTED
    assert supervisor.updatable(service, [done]) == []
