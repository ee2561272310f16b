"""A drain with the replacements first, begun in the dialog of availabilities (docs/design/plans.md 13.9)."""

from typing import Any

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.specs import surge as marks
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import Running, running
from swarm_testkit.drains import WEB, end, hear, told_nodes, two_nodes
from swarm_testkit.factories import make_task

Node, Service, Task = objects_pb2.Node, objects_pb2.Service, objects_pb2.Task
ACTIVE, PAUSE, DRAIN = specs_pb2.NodeSpec.ACTIVE, specs_pb2.NodeSpec.PAUSE, specs_pb2.NodeSpec.DRAIN


def _is_marked(cluster: FakeCluster) -> bool:
    return marks.is_marked(cluster.get(Service, "s-web").spec)


async def _begin(run: Running) -> None:
    """The plan was read, and the service is kept off the node."""
    await run.press("2", "a")
    await run.shows("drained once its tasks run elsewhere")
    await run.press("down", "down", "down", "enter")
    await run.shows("Drain w1, replacements first")
    assert "1 task, its replacement first" in run.text
    assert "New tasks land on w2 1." in run.text
    assert told_nodes(run.cluster) == []
    await run.press("y")
    await run.until(lambda: _is_marked(run.cluster))
    assert told_nodes(run.cluster) == [PAUSE]
    await run.shows("◐ surge w1 · 0 of 1 tasks moved · web: 1 to go")


async def test_a_node_is_drained_once_all_runs_elsewhere() -> None:
    """The node is paused, drained only when its task runs elsewhere, and `z` lets it take tasks again as before."""
    async with running(two_nodes()) as run:
        heard = hear(run)
        await _begin(run)
        run.cluster.put(make_task("t1-new", service=WEB, slot=1, node_id="w2", state="RUNNING"))
        run.cluster.update(Task, "t1", end)
        await run.until(lambda: told_nodes(run.cluster) == [PAUSE, DRAIN])
        await run.until(lambda: not _is_marked(run.cluster))
        await run.until(lambda: "◐ surge" not in run.text)
        await run.until(lambda: any("w1 drained: 1 of 1 tasks moved" in text for text in heard))
        await run.knows()
        await run.press("z")
        await run.shows("Undo “Drain w1, replacements first”")
        await run.press("y")
        await run.until(lambda: told_nodes(run.cluster) == [PAUSE, DRAIN, ACTIVE])


async def test_a_person_ends_it() -> None:
    """The same key offers the way out: the spec is as it was, and the node takes tasks again."""
    async with running(two_nodes()) as run:
        before: Any = run.cluster.get(Service, "s-web").spec.SerializeToString(deterministic=True)
        await _begin(run)
        await run.press("a")
        await run.shows("ends this surge; what moved stays")
        await run.press("down", "down", "enter")
        await run.until(lambda: told_nodes(run.cluster) == [PAUSE, ACTIVE])
        assert run.cluster.get(Service, "s-web").spec.SerializeToString(deterministic=True) == before


async def test_what_cannot_be_moved_is_in_the_plan() -> None:
    """A service that is updated just now stops with the drain, says the plan, and asks for the node's name."""
    cluster = two_nodes()
    cluster.update(
        Service, "s-web", lambda one: setattr(one.update_status, "state", types_pb2.UpdateStatus.UPDATING)
    )
    async with running(cluster) as run:
        await run.press("2", "a")
        await run.press("down", "down", "down", "enter")
        await run.shows("web stops with the drain: an update of it is on its way.")
        assert "Type w1" in run.text
        await run.press("escape")
        assert told_nodes(run.cluster) == []
