"""The task state machine: every pair of observed and desired state, and what becomes of each result."""

import asyncio

import pytest
from swarm_agentd.exec.errors import ExitFailure, Fatal, Missing, Temporary
from swarm_agentd.exec.step import Call, Verdict, is_settled, next_call, step
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import (
    COMPLETE,
    FAILED,
    PREPARING,
    READY,
    REJECTED,
    RUNNING,
    SHUTDOWN,
    STARTING,
    ContainerStatus,
    PortStatus,
    TaskState,
)
from swarm_testkit.clock import VirtualClock, in_virtual_time
from swarm_testkit.factories import make_task

# Rows: observed. Columns: desired READY, RUNNING, COMPLETE, SHUTDOWN, REMOVE. "." is nothing.
TABLE = """
NEW        accept   accept    accept    shut_down shut_down
PENDING    accept   accept    accept    shut_down shut_down
ASSIGNED   accept   accept    accept    shut_down shut_down
ACCEPTED   begin_prepare begin_prepare begin_prepare shut_down shut_down
PREPARING  prepare  prepare   prepare   shut_down shut_down
READY      .        begin_start begin_start shut_down shut_down
STARTING   .        start     start     shut_down shut_down
RUNNING    .        wait      wait      shut_down shut_down
COMPLETE   .        .         .         .         .
SHUTDOWN   .        .         .         .         .
FAILED     .        .         .         .         .
REJECTED   .        .         .         .         .
ORPHANED   .        .         .         .         .
"""
COLUMNS = ("READY", "RUNNING", "COMPLETE", "SHUTDOWN", "REMOVE")
CASES = [
    (line.split()[0], desired, call)
    for line in TABLE.strip().splitlines()
    for desired, call in zip(COLUMNS, line.split()[1:], strict=True)
]


@pytest.mark.parametrize(("state", "desired", "call"), CASES)
def test_next_call(state: str, desired: str, call: str) -> None:
    """The next call of each pair stands in the table."""
    expected = Call.NOTHING if call == "." else Call[call.upper()]
    assert next_call(TaskState.Value(state), TaskState.Value(desired)) is expected


def test_every_pair_ends_settled() -> None:
    """From every pair, successful calls lead to a settled state in at most seven steps."""
    for state, desired, _ in CASES:
        task = make_task("t", state=state, desired=desired)
        steps = 0
        while not is_settled(task.status.state, task.desired_state):
            status, verdict = asyncio.run(step(task, Script(), VirtualClock()))
            assert verdict is Verdict.AGAIN and status.state > task.status.state
            task.status.CopyFrom(status)
            steps += 1
        assert steps <= 7


class Script:
    """A controller each of whose calls raises what it was given."""

    def __init__(self, **errors: Exception) -> None:
        self.errors = errors
        self.status: ContainerStatus | None = ContainerStatus(container_id="c", pid=3)
        self.ports: PortStatus | None = None

    def _call(self, name: str) -> None:
        if name in self.errors:
            raise self.errors[name]

    async def update(self, task: Task) -> None:
        self._call("update")

    async def prepare(self) -> None:
        self._call("prepare")

    async def start(self) -> None:
        self._call("start")

    async def wait(self) -> None:
        self._call("wait")

    async def shutdown(self) -> None:
        self._call("shutdown")

    async def container_status(self) -> ContainerStatus | None:
        self._call("container_status")
        return self.status

    async def port_status(self) -> PortStatus | None:
        return self.ports


def outcome(state: str, controller: Script, desired: str = "RUNNING") -> tuple[Task, Verdict]:
    task = make_task("t", state=state, desired=desired, message="before", err="old")

    async def run() -> tuple[Task, Verdict]:
        status, verdict = await step(task, controller, VirtualClock())  # type: ignore[arg-type]
        result = Task()
        result.status.CopyFrom(status)
        return result, verdict

    with asyncio.Runner() as runner:
        return runner.run(run())


def test_success_clears_the_error() -> None:
    """A success sets state, message and time, and clears err; work and ports are told from STARTING on."""
    task, verdict = outcome("PREPARING", Script())
    assert (task.status.state, task.status.message, task.status.err) == (READY, "prepared", "")
    assert verdict is Verdict.AGAIN and task.status.timestamp.seconds
    assert task.status.WhichOneof("runtime_status") is None
    controller = Script()
    controller.ports = PortStatus()
    controller.ports.ports.add(published_port=80)
    task, _ = outcome("STARTING", controller)
    assert task.status.state == RUNNING and task.status.container.pid == 3
    assert task.status.port_status.ports[0].published_port == 80


@pytest.mark.parametrize(
    ("state", "call", "reached"),
    [
        ("PREPARING", "prepare", REJECTED),
        ("STARTING", "start", FAILED),
        ("RUNNING", "wait", FAILED),
    ],
)
def test_fatal_errors_end_the_task(state: str, call: str, reached: int) -> None:
    """Any error but a temporary one is REJECTED before STARTING, FAILED from then on; the message stays."""
    for error in (Fatal("no"), Missing("no"), ValueError("no")):
        task, verdict = outcome(state, Script(**{call: error}))
        assert (task.status.state, task.status.err, task.status.message) == (reached, "no", "before")
        assert verdict is Verdict.AGAIN


def test_temporary_errors_are_tried_again() -> None:
    """A temporary error keeps the state, tells err and asks for a retry."""
    task, verdict = outcome("PREPARING", Script(prepare=Temporary("later")))
    assert (task.status.state, task.status.err) == (PREPARING, "later")
    assert verdict is Verdict.RETRY
    task, verdict = outcome("RUNNING", Script(shutdown=Temporary("later")), "SHUTDOWN")
    assert task.status.state == RUNNING and verdict is Verdict.RETRY


def test_deadlines_are_tried_again_silently() -> None:
    """A timeout inside the controller changes nothing."""
    task, verdict = outcome("STARTING", Script(start=TimeoutError()))
    assert (task.status.state, task.status.err) == (STARTING, "old")
    assert verdict is Verdict.RETRY


def test_exit_codes_are_told() -> None:
    """The code of an exit failure is in the status, even when the controller knows nothing."""
    controller = Script(wait=ExitFailure(3, "unhealthy"))
    controller.status = None
    task, _ = outcome("RUNNING", controller)
    assert task.status.state == FAILED and task.status.container.exit_code == 3
    assert task.status.err == "task: non-zero exit (3): unhealthy"


def test_unknown_details_keep_the_known_ones() -> None:
    """When the controller cannot tell about the work, the state is told all the same."""
    task, _ = outcome("RUNNING", Script(container_status=RuntimeError("gone")))
    assert task.status.state == COMPLETE and task.status.HasField("container")


def test_shutdown_before_start() -> None:
    """A task that never started goes to SHUTDOWN as well."""
    task, _ = outcome("ASSIGNED", Script(), "SHUTDOWN")
    assert (task.status.state, task.status.message) == (SHUTDOWN, "shutdown")


@in_virtual_time
async def test_nothing_to_do_is_idle() -> None:
    """A settled task gives its own status back."""
    task = make_task("t", state="FAILED")
    assert await step(task, Script(), VirtualClock()) == (task.status, Verdict.IDLE)  # type: ignore[arg-type]
