"""When a service counts as arrived at its goal."""

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2
from swarm_core.client.watch import Listed
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_service, make_task, make_task_spec
from swarm_tui.cli.plumbing.progress import Progress, progress_of
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
