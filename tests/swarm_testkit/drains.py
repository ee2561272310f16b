"""Two nodes with a service on them, for whatever empties one of them: drains, drills."""

from typing import Any

from swarm_core.api.proto import control_pb2, objects_pb2, types_pb2

from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import Running
from swarm_testkit.factories import make_cluster, make_node, make_resources, make_service, make_task

WEB = make_service("s-web", name="web", replicas=2)


def two_nodes() -> FakeCluster:
    """Two nodes with room, each with a task of "web"."""
    resources = make_resources(cpus=4, memory=8 << 30)
    nodes = [make_node(name, hostname=name, state="READY", resources=resources) for name in ("w1", "w2")]
    tasks = [
        make_task(f"t{n}", service=WEB, slot=n, node_id=node, state="RUNNING")
        for n, node in enumerate(("w1", "w2"), 1)
    ]
    return FakeCluster([make_cluster("c"), *nodes, WEB, *tasks])


def told_nodes(cluster: FakeCluster) -> list[int]:
    """The availabilities that nodes were given, in order."""
    return [
        one.spec.availability for _, one in cluster.calls if isinstance(one, control_pb2.UpdateNodeRequest)
    ]


def end(task: objects_pb2.Task) -> None:
    """It ended, as it was told to."""
    task.status.state = task.desired_state = types_pb2.SHUTDOWN


def hear(run: Running) -> list[str]:
    """What the person is told from now on: such a sentence goes from the screen after some seconds, however busy the machine is."""
    heard: list[str] = []
    notify = run.app.notify

    def note(text: str, **more: Any) -> None:
        heard.append(text)
        notify(text, **more)

    run.app.notify = note  # type: ignore[method-assign, assignment]
    return heard
