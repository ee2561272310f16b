"""The page of why, and its fixes (docs/design/plans.md 13.4)."""

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import running
from swarm_testkit.factories import make_cluster, make_node, make_resources, make_service, make_task
from swarm_tui.dialogs.plan import PlanDialog
from swarm_tui.views.why.view import WhyView

Node, Service, Task = objects_pb2.Node, objects_pb2.Service, objects_pb2.Task


@pytest.fixture
def waiting():
    """A task that wants an ssd: one node has none, one is drained."""
    resources = make_resources(cpus=4, memory=8 << 30)
    nodes = [make_node(id_, hostname=id_, state="READY", resources=resources) for id_ in ("w1", "w2")]
    nodes[1].spec.availability = specs_pb2.NodeSpec.DRAIN
    nodes[1].spec.annotations.labels["disk"] = "ssd"
    service = make_service("s", name="web", replicas=1)
    service.spec.task.placement.constraints.append("node.labels.disk==ssd")
    task = make_task("t", service=service, slot=1, state="PENDING")
    task.spec.CopyFrom(service.spec.task)
    return FakeCluster([make_cluster("default"), *nodes, service, task])


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 40)])
async def test_every_node_beside_every_filter(waiting, size):
    """13.4.1: the page tells the cause, each node's verdict with every filter, and the nearest fixes first."""
    async with running(waiting, size=size) as run:
        await run.press("4", "w")
        await run.shows("why task web.1")
        await run.shows("[1] activate w2 → room on w2")
        text = run.screen.navigator.view.plain_text
        assert "[2] label w1 disk=ssd → room on w1" in text
        (head,) = [line for line in text.splitlines() if "VERDICT" in line]
        assert head.split() == ["NODE", "VERDICT", "READY", "RUNTIME", "CONSTRAINTS"]
        rows = [line.split() for line in text.splitlines() if "1 short" in line]
        assert [row[0] for row in rows] == ["w2", "w1"]
        assert rows[1][3] == "✓"
        # What was asked for is cut only where there is no room for it.
        assert ("✖ node.labels.disk == ssd" in text) == (size[0] >= 80)


async def test_a_fix_is_a_plan(waiting):
    """13.4.2: enter offers the fixes, the plan of the one taken is shown, and y carries it out."""
    async with running(waiting) as run:
        await run.press("3", "w")
        await run.shows("[2] label w1 disk=ssd")
        await run.press("enter")
        await run.shows("Nearest fixes")
        await run.press("down", "enter")
        await run.until(lambda: isinstance(run.app.screen, PlanDialog))
        await run.shows("Same as: docker node update --label-add disk=ssd w1")
        await run.shows("1 task that waits now will find a node.")
        await run.press("y")
        await run.until(lambda: waiting.get(Node, "w1").spec.annotations.labels.get("disk") == "ssd")


async def test_the_page_follows_the_cluster(waiting):
    """13.4.3: what changes is told without leaving the page, and what is gone is marked."""
    async with running(waiting) as run:
        await run.press("3", "w")
        await run.shows("[1] activate w2")
        waiting.update(Node, "w2", lambda one: setattr(one.spec, "availability", specs_pb2.NodeSpec.ACTIVE))
        view = run.screen.navigator.view
        assert isinstance(view, WhyView)
        await run.until(lambda: not view.fixes)
        await run.shows("has room for it: w2")
        waiting.remove(Task, "t")
        waiting.remove(Service, "s")
        await run.shows("✖ removed")


async def test_where_nothing_is_wrong(cluster):
    """13.4.1: a service at its goal says so, and offers no fix."""
    async with running(cluster) as run:
        await run.press("3", "g", "down", "down", "w")
        await run.shows("why service cache")
        await run.shows("Nothing stands in its way.")
        assert "fix" not in run.text.splitlines()[-1]
