"""The dispatcher's pure parts: deadlines, registrations, wire form, assignment sets."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.proto.dispatcher_pb2 import AssignmentChange, AssignmentsMessage, TasksMessage
from swarm_core.api.proto.objects_pb2 import Config, Secret, Task
from swarm_core.api.proto.types_pb2 import CONFIG, SECRET, ConfigReference, SecretReference
from swarm_core.manager.dispatcher import wire
from swarm_core.manager.dispatcher.assignments import AssignmentSet
from swarm_core.manager.dispatcher.config import DispatcherConfig
from swarm_core.manager.dispatcher.deadlines import Deadlines
from swarm_core.manager.dispatcher.registrations import Registrations
from swarm_core.rpc.errors import InvalidArgument, NotFound, Unavailable
from swarm_testkit.factories import make_config, make_secret, make_task, make_task_spec

SECRETS = [SecretReference(secret_id="x", secret_name="x")]
CONFIGS = [ConfigReference(config_id="y", config_name="y")]


# deadlines


def test_deadline_put_off_does_not_expire_early() -> None:
    """A key whose deadline moved on expires at the new time only."""
    deadlines = Deadlines()
    deadlines.set("a", 10)
    deadlines.set("a", 20)
    assert deadlines.expired(15) == []
    assert deadlines.wake_at() == 20
    assert deadlines.expired(20) == ["a"]
    assert deadlines.wake_at() is None


def test_deadline_moved_forward_expires_early() -> None:
    """A key whose deadline came nearer expires once, at the nearer time."""
    deadlines = Deadlines()
    deadlines.set("a", 20)
    deadlines.set("a", 10)
    assert deadlines.expired(10) == ["a"]
    assert deadlines.expired(30) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20), st.booleans()), max_size=40))
def test_deadlines_are_as_a_dict_says(steps: list[tuple[str, int, bool]]) -> None:
    """After any sets and discards, exactly the keys whose last deadline has come expire."""
    deadlines, model = Deadlines(), {}
    for key, at, is_set in steps:
        if is_set:
            deadlines.set(key, at)
            model[key] = at
        else:
            deadlines.discard(key)
            model.pop(key, None)
    for now in (5, 10, 20):
        due = {key for key, at in model.items() if at <= now}
        assert set(deadlines.expired(now)) == due
        model = {key: at for key, at in model.items() if at > now}
    assert not model or deadlines.wake_at() is not None


# registrations


def registrations() -> Registrations:
    return Registrations(DispatcherConfig(), random.Random(1))


def test_newest_session_is_the_only_one() -> None:
    """A second registration makes the first session invalid."""
    known = registrations()
    first = known.register("n", 0)
    second = known.register("n", 0)
    assert len(first) == 25 and first != second
    known.check("n", second)
    with pytest.raises(InvalidArgument):
        known.check("n", first)
    with pytest.raises(InvalidArgument):
        known.check("n", "")
    with pytest.raises(NotFound):
        known.check("other", second)


def test_expected_node_must_register() -> None:
    """A node known from the earlier leader has no valid session, not even the empty one."""
    known = registrations()
    known.expect("n", 0)
    assert not known.holds("n", "")
    with pytest.raises(InvalidArgument):
        known.check("n", "")


def test_registrations_are_limited() -> None:
    """Three more registrations within eight seconds are let in, the fourth is not, later ones are."""
    known = registrations()
    known.admit("n", 0)
    known.register("n", 0)
    for _ in range(3):
        known.admit("n", 1)
        known.register("n", 1)
    with pytest.raises(Unavailable):
        known.admit("n", 2)
    with pytest.raises(Unavailable):
        known.admit("n", 8.9)
    known.admit("n", 9.1)


# wire


@pytest.mark.parametrize("size", [0, 1, 127, 128, 200, 16_383, 16_384, 3_000_000])
def test_wire_form_is_protobuf(size: int) -> None:
    """What is put together by hand reads as the generated messages, at every length of lengths."""
    task = Task(id="t")
    task.annotations.name = "x" * size
    changes = [
        wire.update(wire.TASK, task.SerializeToString()),
        wire.remove(wire.SECRET, "s" * (size % 9999)),
    ]
    message = AssignmentsMessage.FromString(wire.incremental("7", "8", changes))
    assert (message.type, message.applies_to, message.results_in) == (
        AssignmentsMessage.INCREMENTAL,
        "7",
        "8",
    )
    assert message.changes[0].assignment.task == task
    assert message.changes[0].action == AssignmentChange.UPDATE
    assert message.changes[1].assignment.secret == Secret(id="s" * (size % 9999))
    assert message.changes[1].action == AssignmentChange.REMOVE
    first = AssignmentsMessage.FromString(wire.complete("", "1", []))
    assert first == AssignmentsMessage(type=AssignmentsMessage.COMPLETE, results_in="1")
    assert list(TasksMessage.FromString(wire.tasks_message([task.SerializeToString()])).tasks) == [task]


# assignment sets


class Node:
    """An AssignmentSet, and what an agent that applies its changes has."""

    def __init__(self) -> None:
        self.items: dict[tuple[int, str], Secret | Config] = {
            (wire.SECRET, "x"): make_secret("x"),
            (wire.CONFIG, "y"): make_config("y"),
        }
        self.set = AssignmentSet("n1", lambda item, id_: self.items.get((item, id_)))
        self.has: dict[str, Task | Secret | Config] = {}

    def put(self, task: Task) -> list[str]:
        """Give a version of a task; what was told."""
        self.set.put(task, task.SerializeToString())
        return self.told()

    def told(self) -> list[str]:
        message = AssignmentsMessage.FromString(wire.complete("", "1", self.set.take()))
        out = []
        for change in message.changes:
            kind = change.assignment.WhichOneof("item")
            assert kind
            item = getattr(change.assignment, kind)
            is_removed = change.action == AssignmentChange.REMOVE
            out.append(f"{'-' if is_removed else '+'}{kind} {item.id}")
        return out


def version(state: str, *, desired: str = "RUNNING", id_: str = "t", secrets: bool = False) -> Task:
    spec = make_task_spec(secrets=SECRETS if secrets else (), configs=CONFIGS if secrets else ())
    return make_task(id_, node_id="n", state=state, desired=desired, spec=spec)


def test_task_is_told_once_assigned() -> None:
    """Before ASSIGNED nothing is told; then the task; then a change of status alone is not."""
    node = Node()
    assert node.put(version("PENDING")) == []
    assert node.put(version("ASSIGNED")) == ["+task t"]
    assert node.put(version("ASSIGNED")) == ["+task t"]
    assert node.put(version("RUNNING")) == []
    assert node.put(version("RUNNING", desired="SHUTDOWN")) == ["+task t"]
    assert node.put(version("SHUTDOWN", desired="SHUTDOWN")) == []
    node.set.remove("t")
    assert node.told() == ["-task t"]
    node.set.remove("t")
    assert node.told() == []


def test_dependencies_come_before_and_go_after() -> None:
    """Secrets and configs are told before the task, once for all tasks, and taken back with the last that needs them."""
    node = Node()
    assert node.put(version("ASSIGNED", secrets=True)) == ["+secret x", "+config y", "+task t"]
    assert node.put(version("ASSIGNED", secrets=True, id_="u")) == ["+task u"]
    assert node.put(version("FAILED", secrets=True)) == []
    node.set.remove("u")
    assert node.told() == ["-secret x", "-config y", "-task u"]


def test_ended_task_brings_no_dependencies() -> None:
    """A task that is terminal when first seen is told alone."""
    assert Node().put(version("FAILED", secrets=True)) == ["+task t"]


def test_missing_dependency_is_left_out() -> None:
    """A task whose secret does not exist is told all the same."""
    node = Node()
    del node.items[wire.SECRET, "x"]
    assert node.put(version("ASSIGNED", secrets=True)) == ["+config y", "+task t"]


def test_references_of_every_runtime_count() -> None:
    """Resource references and the payload of a process name dependencies, each told once."""
    node = Node()
    process = make_task(
        "p", node_id="n", state="ASSIGNED", spec=make_task_spec(command=["sh"], secrets=SECRETS)
    )
    assert node.put(process) == ["+secret x", "+task p"]
    node = Node()
    task = version("ASSIGNED")
    task.spec.resource_references.add(resource_id="x", resource_type=SECRET)
    task.spec.resource_references.add(resource_id="y", resource_type=CONFIG)
    assert node.put(task) == ["+secret x", "+config y", "+task t"]


def test_reset_tells_everything_again() -> None:
    """After a reset the full set of assigned tasks is told."""
    node = Node()
    node.put(version("ASSIGNED", secrets=True))
    node.set.reset(
        [version("RUNNING", secrets=True), version("FAILED", id_="u"), version("PENDING", id_="v")]
    )
    assert node.told() == ["+secret x", "+config y", "+task t", "+task u"]
