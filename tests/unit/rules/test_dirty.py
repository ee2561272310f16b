"""Whether a task still says what its service says (docs/design/tasks.md 1.6)."""

from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.specs_pb2 import TaskSpec
from swarm_core.rules.dirty import is_dirty
from swarm_testkit.factories import make_host_port, make_node, make_service, make_task, make_task_spec

NODE = make_node("n", labels={"zone": "east"})


def pair(
    old: TaskSpec, new: TaskSpec, *, state: str = "RUNNING", desired: str = "RUNNING"
) -> tuple[Service, Task]:
    """A service with the new spec and a task made from the old one."""
    task = make_task(
        service=make_service("s", task=old, spec_version=1), state=state, desired=desired, node_id="n"
    )
    return make_service("s", task=new, spec_version=2), task


def dirty(service: Service, task: Task, node: Node | None = NODE) -> bool:
    return is_dirty(service, task, node)


def test_equal_versions_are_clean() -> None:
    """1.6.1: equal spec versions settle it, whatever the specs say."""
    service, task = pair(make_task_spec(image="a"), make_task_spec(image="b"))
    task.spec_version.index = 2
    assert not dirty(service, task)
    task.ClearField("spec_version")
    assert dirty(service, task)


def test_equal_specs_are_clean() -> None:
    """1.6.3: equal task and endpoint specs are clean under any version; scaling is no reason to replace."""
    assert not dirty(*pair(make_task_spec(), make_task_spec()))


def test_other_spec_is_dirty() -> None:
    """1.6.3: any other difference makes it dirty, a bump of force_update too."""
    assert dirty(*pair(make_task_spec(image="a"), make_task_spec(image="b")))
    assert dirty(*pair(make_task_spec(), make_task_spec(force_update=1)))


def test_placement_alone_keeps_a_task_that_fits() -> None:
    """1.6.2: with new placement only, the task stays where the node satisfies the new constraints."""
    fits = pair(make_task_spec(), make_task_spec(constraints=["node.labels.zone==east"]))
    assert not dirty(*fits)
    assert dirty(*fits, None)
    assert dirty(*pair(make_task_spec(), make_task_spec(constraints=["node.labels.zone==west"])))
    assert dirty(*pair(make_task_spec(), make_task_spec(constraints=["node.labels.zone==east"], image="b")))
    assert not dirty(*pair(make_task_spec(constraints=["node.id==x"]), make_task_spec()))


def test_endpoint_matters() -> None:
    """1.6 (fix of rule 2): another endpoint spec makes it dirty, a placement change does not hide it."""
    service, task = pair(make_task_spec(), make_task_spec(constraints=["node.labels.zone==east"]))
    service.spec.endpoint.ports.append(make_host_port(8080))
    assert dirty(service, task)
    task.ClearField("endpoint")
    assert not dirty(service, task)


def test_pull_options_of_a_prepared_task() -> None:
    """1.6.3: new pull credentials do not concern a task that is prepared and wanted."""
    new = make_task_spec()
    new.container.pull_options.registry_auth = "secret"
    for state, desired, expected in (
        ("RUNNING", "RUNNING", False),
        ("READY", "READY", False),
        ("PREPARING", "RUNNING", True),
        ("COMPLETE", "RUNNING", True),
        ("RUNNING", "SHUTDOWN", True),
    ):
        assert dirty(*pair(make_task_spec(), new, state=state, desired=desired)) is expected
    other = make_task_spec(image="b")
    other.container.pull_options.registry_auth = "secret"
    assert dirty(*pair(make_task_spec(), other))
