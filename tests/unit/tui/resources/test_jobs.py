"""Jobs in lists, rows and waits: how many completed, and when one is over (docs/design/orchestration.md 2.3, 2.4)."""

from typing import Any

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.client.watch import Listed
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_job, make_node, make_task
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.operations.standing import Progress, progress_of
from swarm_tui.resources import jobs, services
from swarm_tui.resources.model import Health

States = list[tuple[int, str, str]]


def tasks_of(job: objects_pb2.Service, states: States) -> list[objects_pb2.Task]:
    """Tasks of slots, or on nodes of these numbers for a global job."""
    is_global = job.spec.HasField("global_job")
    return [
        make_task(
            service=job,
            slot=0 if is_global else place,
            node_id=f"n{place}" if is_global else "",
            state=state,
            desired=desired,
        )
        for place, state, desired in states
    ]


def mirror_of(*items: Any) -> Mirror:
    mirror = Mirror(FakeCluster())
    mirror.apply(Listed(tuple(items), 1))
    return mirror


def seen(job: objects_pb2.Service, states: States) -> tuple[str, Health, Progress]:
    mirror = mirror_of(job, make_node("n0"), *tasks_of(job, states))
    return services.replicas_listed(job, mirror), services.health(job, mirror, 0), progress_of(mirror, job, 0)


RUNS, DONE = ("RUNNING", "COMPLETE"), ("COMPLETE", "COMPLETE")
FAILED, STOPPED = ("FAILED", "SHUTDOWN"), ("SHUTDOWN", "SHUTDOWN")


@pytest.mark.parametrize(
    ("states", "listed", "health", "progress"),
    [
        ([], "0/2 (0/3 completed)", Health.MOTION, "0 of 3 tasks completed"),
        ([(0, *RUNS), (1, *RUNS)], "2/2 (0/3 completed)", Health.MOTION, "0 of 3 tasks completed"),
        ([(0, *DONE), (1, *RUNS)], "1/2 (1/3 completed)", Health.MOTION, "1 of 3 tasks completed"),
        ([(0, *DONE), (1, *DONE)], "0/2 (2/3 completed)", Health.MOTION, "2 of 3 tasks completed"),
        ([(0, *DONE), (1, *FAILED)], "0/2 (1/3 completed)", Health.MOTION, "1 of 3 tasks completed"),
        (
            [(0, *DONE), (1, *FAILED), (1, *DONE), (2, *DONE)],
            "0/2 (3/3 completed)",
            Health.DONE,
            "3 of 3 tasks completed",
        ),
    ],
)
def test_replicated_job(states: States, listed: str, health: Health, progress: str) -> None:
    """Running of those that may at once, then completions of all; done when all have completed."""
    text, look, far = seen(make_job(completions=3, max_concurrent=2), states)
    assert (text, look, str(far)) == (listed, health, progress)
    assert far.is_converged == (health is Health.DONE) and not far.given_up


@pytest.mark.parametrize(
    ("states", "listed", "health", "progress"),
    [
        ([], "0/0 (0/0 completed)", Health.DONE, "0 of 1 tasks completed"),
        ([(0, *RUNS), (1, *DONE)], "1/1 (1/2 completed)", Health.MOTION, "1 of 2 tasks completed"),
        ([(0, *DONE), (1, *DONE)], "0/0 (2/2 completed)", Health.DONE, "2 of 2 tasks completed"),
        ([(0, *DONE), (1, *STOPPED)], "0/0 (1/1 completed)", Health.DONE, "1 of 1 tasks completed"),
    ],
)
def test_global_job(states: States, listed: str, health: Health, progress: str) -> None:
    """What is still to complete counts as wanted, and with what has completed as the whole."""
    text, look, far = seen(make_job(), states)
    assert (text, look, str(far)) == (listed, health, progress)


@pytest.mark.parametrize("completions", [2, None])
def test_a_job_that_failed_for_good(completions: int | None) -> None:
    """When nothing is left to do and a slot or node has no completion, the job is failed, and waiting for it is over."""
    _, look, far = seen(make_job(completions=completions), [(0, *DONE), (1, *FAILED)])
    assert (look, bool(far.given_up), far.is_converged) == (Health.FAILED, True, False)
    assert str(far).startswith("1 of 2 tasks completed")


def test_a_failure_that_is_being_handled_is_none_yet() -> None:
    """Between a failure and its replacement the leader has still to decide: the job is in motion."""
    _, look, far = seen(make_job(completions=1), [(0, "FAILED", "COMPLETE")])
    assert (look, far.given_up) == (Health.MOTION, "")


def test_only_the_present_iteration_counts() -> None:
    """Completions of earlier iterations are not those of the present one, and their failures are over."""
    older, job = make_job("sum", completions=2), make_job("sum", completions=2, iteration=1)
    mirror = mirror_of(
        job, *tasks_of(older, [(0, *DONE), (1, *FAILED)]), *tasks_of(job, [(0, *DONE), (1, *RUNS)])
    )
    assert services.replicas_listed(job, mirror) == "1/2 (1/2 completed)"
    assert jobs.given_up(job, mirror.tasks_of_service("sum")) == 0


def test_completions_follow_the_tasks() -> None:
    """The number grows as tasks complete, and shrinks when they are removed."""
    job = make_job("sum", completions=2)
    task = make_task("t", service=job, state="RUNNING", desired="COMPLETE")
    mirror = mirror_of(job, task)
    assert jobs.completed(job, mirror) == 0
    done = make_task("t", service=job, state="COMPLETE", desired="COMPLETE")
    mirror.apply(Listed((job, done), 2))
    assert jobs.completed(job, mirror) == 1
    mirror.apply(Listed((job,), 3))
    assert jobs.completed(job, mirror) == 0


def test_row_shows_the_progress() -> None:
    """The dashboard's row tells completions of all, and the mode; a job that is done warns of nothing."""
    job = make_job(completions=2)
    mirror = mirror_of(job, *tasks_of(job, [(0, *DONE), (1, *DONE)]))
    tasks = services.row(job, mirror, 0)[3]
    assert "".join(text for text, _ in tasks.spans) == "2/2 replicated job"
    assert tasks.spans[0][1].value == "ok" or tasks.spans[0][1].name == "OK"
