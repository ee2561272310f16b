"""Names of tasks (docs/design/store.md 1.2, docs/design/docker-executor.md 7.2)."""

from swarm_core.api.naming import slot_name, slot_title, task_name
from swarm_testkit.factories import make_service, make_task

WEB = make_service(name="web")


def test_task_of_a_slot() -> None:
    """7.2: service, slot and task id."""
    task = make_task("t1", service=WEB, slot=3, node_id="n1")
    assert (task_name(task), slot_name(task), slot_title(task)) == ("web.3.t1", "3", "web.3")


def test_task_of_a_node() -> None:
    """7.2: a global task has its node in place of the slot."""
    task = make_task("t1", service=WEB, node_id="n1")
    assert (task_name(task), slot_title(task)) == ("web.n1.t1", "web.n1")


def test_given_name() -> None:
    """7.2: a name in the task's own annotations wins."""
    task = make_task("t1", service=WEB, slot=3)
    task.annotations.name = "mine"
    assert (task_name(task), slot_title(task)) == ("mine", "mine")


def test_task_without_service() -> None:
    """Lists show the id of a task that has neither name nor service."""
    assert slot_title(make_task("t1")) == "t1"
