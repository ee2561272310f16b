"""`:suggest`: what would fit what services use (docs/design/plans.md 13.11)."""

from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.usage_pb2 import NodeUsage, UsageSeries, WatchUsageMessage
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import Running, running
from swarm_testkit.factories import make_node, make_resources, make_service, make_task

Service = objects_pb2.Service
WEB = make_service("s-web", name="web", replicas=1)


def _tell(run: Running) -> None:
    """The node tells five minutes of the task."""
    series = UsageSeries(ago_ms=[300_000, 120_000, 0], cpus=[0.2, 0.4, 0.3], memory_bytes=[100 << 20] * 3)
    usage = NodeUsage(node_id="n")
    usage.tasks.add(task_id="t1").series.CopyFrom(series)
    run.screen.session.mirror.figures.take(WatchUsageMessage(nodes=[usage]))


async def test_what_would_fit() -> None:
    """Without figures it says what is lacking; with them it is a plan, with the numbers, that `y` carries out."""
    node = make_node("n", hostname="w1", state="READY", resources=make_resources(cpus=4, memory=8 << 30))
    task = make_task("t1", service=WEB, slot=1, node_id="n", state="RUNNING")
    async with running(FakeCluster([node, WEB, task])) as run:
        await run.type(":suggest service/web")
        await run.press("enter")
        await run.shows("told of 0 of 1 task")
        await run.press("escape")
        _tell(run)
        await run.type(":suggest service/web")
        await run.press("enter")
        await run.shows("Fit web to what is used")
        assert "~ web: reserve 0.48 CPU, now none: a task used 0.4 " in run.text
        await run.press("y")
        await run.until(
            lambda: (
                run.cluster.get(Service, "s-web").spec.task.resources.reservations.nano_cpus == 480_000_000
            )
        )
