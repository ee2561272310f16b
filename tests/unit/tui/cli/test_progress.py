"""When a service counts as arrived at its goal."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.watch import Action, Change, Changed, Listed, Update
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_service, make_task, make_task_spec
from swarm_tui.cli.plumbing.progress import Progress, converge, progress_of
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.clusters.mirror import Mirror


def progress(service: objects_pb2.Service, *tasks: objects_pb2.Task) -> Progress:
    mirror = Mirror(FakeCluster())
    objects: list[Message] = [service, *tasks]
    mirror.apply(Listed(objects, version=1))
    return progress_of(mirror, service, 0)


def test_tasks_that_a_new_version_of_the_spec_leaves_alone_count() -> None:
    """A change of scale or labels makes a new version of the spec; tasks whose own part is the same are current."""
    service = make_service(replicas=1, spec_version=8)
    task = make_task(service=service, slot=1, state="RUNNING", spec_version=5)
    assert progress(service, task).is_converged


def test_tasks_of_another_spec_must_be_gone() -> None:
    """A task that runs something else than the service says now is not yet the goal."""
    service = make_service(replicas=1, spec_version=8)
    task = make_task(
        service=service, slot=1, state="RUNNING", spec_version=5, spec=make_task_spec(image="old:1")
    )
    assert str(progress(service, task)) == "0 of 2 tasks running"


class OneService:
    """A cluster that tells of one service and of what happens to it."""

    def __init__(self, *updates: tuple[float, Update]) -> None:
        self.clock = SystemClock()
        self._updates = updates

    def watch(self, kinds: object) -> "OneService":
        return self

    async def updates(self) -> AsyncIterator[Update]:
        for pause_s, update in self._updates:
            await asyncio.sleep(pause_s)
            yield update
        await asyncio.Event().wait()


def failing(condition: int) -> tuple[objects_pb2.Service, objects_pb2.Task, objects_pb2.Task]:
    """A service of a command that fails; its task while it runs for a moment, and once it has failed."""
    service = make_service(replicas=1)
    service.spec.task.restart.condition = condition  # type: ignore[assignment]
    now_ns = SystemClock().wall_ns()
    runs = make_task(service=service, slot=1, state="RUNNING", status_ns=now_ns)
    failed = make_task(service=service, slot=1, state="FAILED", status_ns=now_ns)
    failed.id = runs.id
    failed.status.err = "task: non-zero exit (3)"
    runs.meta.version.index, failed.meta.version.index = 1, 2
    return service, runs, failed


async def test_a_command_that_fails_at_once_does_not_count_as_running(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It runs for a moment; the waiting goes on and tells the cause."""
    service, runs, failed = failing(types_pb2.RestartPolicy.ANY)
    again = make_task(service=service, slot=1, state="READY")
    again.meta.version.index = 2
    now = Listed((service, runs), version=1)
    after = Changed((Change(Action.UPDATED, failed), Change(Action.CREATED, again)), version=2)
    waiting = asyncio.ensure_future(converge(OneService((0, now), (0.05, after)), service.id))  # type: ignore[arg-type]
    said = ""
    while "0 of 1 tasks running · task: non-zero exit (3)" not in said:
        assert not waiting.done(), said
        await asyncio.sleep(0.01)
        said += capsys.readouterr().err
    assert not waiting.done()
    waiting.cancel()


async def test_what_will_not_be_started_again_ends_the_waiting() -> None:
    """Without restarts a failed task ends the wait, with its cause."""
    service, runs, failed = failing(types_pb2.RestartPolicy.NONE)
    after = Changed((Change(Action.UPDATED, failed),), version=2)
    cluster = OneService((0, Listed((service, runs), version=1)), (0.05, after))
    with pytest.raises(Failure, match=r"will not be started again: task: non-zero exit \(3\)"):
        await converge(cluster, service.id)  # type: ignore[arg-type]


async def test_tasks_that_have_run_for_long_are_not_waited_for() -> None:
    """The pause is for tasks that have just begun."""
    service, runs, _ = failing(types_pb2.RestartPolicy.ANY)
    runs.status.timestamp.seconds -= 3600
    listed = Listed((service, runs), version=1)
    waiting = asyncio.ensure_future(converge(OneService((0, listed)), service.id))  # type: ignore[arg-type]
    for _ in range(20):
        await asyncio.sleep(0)
    assert waiting.done()
