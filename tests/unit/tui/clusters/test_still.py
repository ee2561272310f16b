"""A cluster that stands still while the one that it was made of goes on."""

from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.progress_pb2 import TaskProgress
from swarm_testkit.factories import make_network, make_node, make_secret, make_service, make_task
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.clusters.still import Still

Service, Task = objects_pb2.Service, objects_pb2.Task


class Moving(Snapshot):
    """A view whose objects can be taken away."""

    def drop(self, kind: type, id_: str) -> None:
        del self._objects[kind][id_]

    def progress(self, task_id: str) -> TaskProgress | None:
        return TaskProgress(task_id=task_id, percent=61)


def test_what_was_shown_stays() -> None:
    """Every kind is there as it was, with tasks by service and by node, though the view has lost some since."""
    service = make_service("s", name="web")
    tasks = [
        make_task(f"t{n}", service=service, slot=n, node_id=f"n{n % 2}", state="RUNNING") for n in range(4)
    ]
    others = [make_node("n0"), make_network("net", name="front"), make_secret("k", name="key")]
    view = Moving([service, *tasks, *others])
    still = Still(view)
    view.drop(Task, "t0")
    view.drop(Service, "s")
    assert still.get(Service, "s") is service
    assert [task.id for task in still.tasks_of_service("s")] == ["t0", "t1", "t2", "t3"]
    assert [task.id for task in still.tasks_of_node("n1")] == ["t1", "t3"]
    assert (still.tasks_of_service("nix"), still.tasks_of_node("nix")) == ([], [])
    assert all(still.get(type(item), item.id) is item for item in others)


def test_how_far_a_task_is_prepared_is_of_now() -> None:
    """Progress is looked up in the view: it is told by nobody else."""
    told = Still(Moving([])).progress("t")
    assert told is not None
    assert told.percent == 61
