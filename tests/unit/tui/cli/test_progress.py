"""When a service counts as arrived at its goal."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.progress_pb2 import TaskProgress
from swarm_core.api.proto.types_pb2 import UpdateStatus
from swarm_core.client.cluster import Cluster
from swarm_core.client.watch import Action, Change, Changed, Listed, Update
from swarm_testkit.clock import VirtualClock, in_virtual_time
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import GIB, make_node, make_resources, make_service, make_task, make_task_spec
from swarm_tui.cli.plumbing.progress import converge
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.operations.standing import Progress, failure_of, progress_of


def mirror_of(*objects: Message) -> Mirror:
    mirror = Mirror(FakeCluster())
    mirror.apply(Listed(list(objects), version=1))
    return mirror


def progress(service: objects_pb2.Service, *others: Message) -> Progress:
    return progress_of(mirror_of(service, *others), service, 0)


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
        self.clock = VirtualClock()
        self.control = self
        self._updates = updates

    async def get(self, kind: type[objects_pb2.Service], id_: str) -> objects_pb2.Service:
        return objects_pb2.Service(id=id_)

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
    now_ns = VirtualClock().wall_ns()
    runs = make_task(service=service, slot=1, state="RUNNING", status_ns=now_ns)
    failed = make_task(service=service, slot=1, state="FAILED", status_ns=now_ns)
    failed.id = runs.id
    failed.status.err = "task: non-zero exit (3)"
    runs.meta.version.index, failed.meta.version.index = 1, 2
    return service, runs, failed


@in_virtual_time
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


@in_virtual_time
async def test_what_will_not_be_started_again_ends_the_waiting() -> None:
    """Without restarts a failed task ends the wait, with its cause."""
    service, runs, failed = failing(types_pb2.RestartPolicy.NONE)
    after = Changed((Change(Action.UPDATED, failed),), version=2)
    cluster = OneService((0, Listed((service, runs), version=1)), (0.05, after))
    with pytest.raises(Failure, match=r"will not be started again: task: non-zero exit \(3\)"):
        await converge(cluster, service.id)  # type: ignore[arg-type]


@in_virtual_time
async def test_tasks_that_have_run_for_long_are_not_waited_for() -> None:
    """The pause is for tasks that have just begun."""
    service, runs, _ = failing(types_pb2.RestartPolicy.ANY)
    runs.status.timestamp.seconds -= 3600
    listed = Listed((service, runs), version=1)
    waiting = asyncio.ensure_future(converge(OneService((0, listed)), service.id))  # type: ignore[arg-type]
    for _ in range(20):
        await asyncio.sleep(0)
    assert waiting.done()


def updated(state: str, message: str = "") -> objects_pb2.Service:
    service = make_service("s", replicas=1)
    service.update_status.state = UpdateStatus.UpdateState.Value(state)
    service.update_status.message = message
    return service


def test_tasks_are_watched_until_the_update_is_completed() -> None:
    """While the status says that an update goes on the goal is not reached, whatever runs."""
    going, done = updated("UPDATING"), updated("COMPLETED")
    shown = progress(going, make_task(service=going, slot=1, state="RUNNING"))
    assert not shown.is_converged
    assert str(shown) == "1 of 1 tasks running · watching that they stay"
    assert progress(done, make_task(service=done, slot=1, state="RUNNING")).is_converged


def test_a_task_that_meets_the_new_placement_is_current() -> None:
    """What the leader leaves in place counts, by the leader's own rule."""
    service = make_service("s", task=make_task_spec(constraints=["node.labels.zone==east"]), spec_version=8)
    task = make_task(
        service=service, slot=1, node_id="n", state="RUNNING", spec=make_task_spec(), spec_version=5
    )
    assert progress(service, task, make_node("n", labels={"zone": "east"})).is_converged
    assert not progress(service, task, make_node("n", labels={"zone": "west"})).is_converged


@pytest.mark.parametrize(
    ("state", "goes_back", "is_wrong"),
    [
        ("UPDATING", False, False),
        ("COMPLETED", False, False),
        ("PAUSED", False, True),
        ("ROLLBACK_PAUSED", True, True),
        ("ROLLBACK_STARTED", False, True),
        ("ROLLBACK_STARTED", True, False),
        ("ROLLBACK_COMPLETED", True, False),
    ],
)
def test_what_is_wrong_with_an_update(state: str, goes_back: bool, is_wrong: bool) -> None:
    """A pause is a failure, and a rollback that nobody asked for; the task that decided says why."""
    message = "update stopped due to failure or early termination of task t"
    service = updated(state, message)
    task = make_task("t", service=service, state="FAILED", err="exit code 3")
    said = failure_of(mirror_of(service, task), service, goes_back=goes_back)
    assert said == (f"{message}: exit code 3" if is_wrong else "")


async def test_an_old_state_is_passed_over_and_a_pause_ends_the_waiting() -> None:
    """What the service was before the change is no outcome of it; the pause after it is told with the cause."""
    before, after = updated("PAUSED", "of the update before"), updated("PAUSED", "update paused")
    before.meta.version.index, after.meta.version.index = 4, 9

    class Later(OneService):
        async def get(self, kind: type[objects_pb2.Service], id_: str) -> objects_pb2.Service:
            stored = objects_pb2.Service(id=id_)
            stored.meta.version.index = 9
            return stored

    cluster = Later(
        (0, Listed([before], version=4)),
        (0, Changed([Change(Action.UPDATED, after)], version=9)),
    )
    with pytest.raises(Failure, match=r"^update paused$"):
        await converge(cluster, "s")  # type: ignore[arg-type]


async def test_a_rollback_that_nobody_asked_for_is_told_at_its_end() -> None:
    """The waiting goes on until the service went back, and ends with what was wrong."""
    going, gone = (
        updated("ROLLBACK_STARTED", "update rolled back"),
        updated("ROLLBACK_COMPLETED", "rollback completed"),
    )
    task = make_task("t1", service=going, slot=1, state="RUNNING", status_ns=1)
    for version, service in enumerate((going, gone), 1):
        service.meta.version.index = version
    updates = (
        (0.0, Listed([going, task], version=1)),
        (0.0, Changed([Change(Action.UPDATED, gone)], version=2)),
    )
    with pytest.raises(Failure, match=r"^update rolled back$"):
        await converge(OneService(*updates), "s")  # type: ignore[arg-type]
    await converge(OneService(*updates), "s", goes_back=True)  # type: ignore[arg-type]


async def test_an_impossible_request_says_the_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/design/scheduling.md 3.12: while no node takes the tasks the line says why with the numbers, in place of the
    scheduler's counts."""
    spec = make_task_spec(reservations=make_resources(memory=16 * GIB))
    service = make_service("s1", replicas=1, task=spec)
    task = make_task("t1", service=service, slot=1, state="PENDING", err="no suitable node (…)")
    fake = FakeCluster([make_node("n1", hostname="a"), service, task])
    waiting = asyncio.create_task(converge(Cluster(fake, clock=fake.clock), "s1"))
    told = ""
    async with asyncio.timeout(40):
        while "No node can take it: 16 GiB of memory asked, 8 GiB free (a)." not in told:
            await asyncio.sleep(0.01)
            told += capsys.readouterr().err
    assert "no suitable node" not in told
    fake.update(objects_pb2.Task, task.id, _is_running)
    await waiting


async def test_waiting_tells_how_far_the_slowest_image_is(capsys: pytest.CaptureFixture[str]) -> None:
    """While tasks are prepared the line says what they wait for, for the one that is the least far."""
    service = make_service("s1", replicas=2)
    made = [
        make_task(f"t{slot}", service=service, slot=slot, node_id="n1", state="PREPARING") for slot in (1, 2)
    ]
    fake = FakeCluster([make_node("n1"), service, *made])
    waiting = asyncio.create_task(converge(Cluster(fake, clock=fake.clock), "s1"))

    async def shown(text: str) -> None:
        told = ""
        async with asyncio.timeout(40):
            while text not in told:
                await asyncio.sleep(0.01)
                told += capsys.readouterr().err

    async with asyncio.timeout(40):
        while not fake.progress_open:
            await asyncio.sleep(0.01)
    await fake.tell_progress(
        *(TaskProgress(task_id=f"t{n}", activity=TaskProgress.PULLING, percent=30 * n) for n in (1, 2))
    )
    await shown("0 of 2 tasks running · pulling 30 %")
    for task in made:
        fake.update(objects_pb2.Task, task.id, _is_running)
    await shown("2 of 2 tasks running")
    await waiting


def _is_running(task: objects_pb2.Task) -> None:
    task.status.state = types_pb2.RUNNING


async def test_an_interrupt_leaves_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever stops waiting leaves the service as it is, and no stream and no task of ours."""
    service = make_service("s", name="web", replicas=1)
    fake = FakeCluster([service])
    before = asyncio.all_tasks()
    waiting = asyncio.ensure_future(converge(Cluster(fake, clock=fake.clock, target="fake"), "s"))
    while not fake.streams_open:
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0)
    assert fake.streams_open == 0
    left = asyncio.all_tasks() - before
    assert not [task for task in left if "converge" in repr(task) or "_feed" in repr(task)], left
    assert fake.get(objects_pb2.Service, "s").spec == service.spec
