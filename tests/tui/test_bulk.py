"""One plan for all that is marked: labels, roles, moves (docs/design/plans.md 13.5)."""

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import running
from swarm_testkit.factories import make_cluster, make_node, make_resources, make_service, make_task
from swarm_tui.operations.labels import parse

Node, Service, Task = objects_pb2.Node, objects_pb2.Service, objects_pb2.Task


async def test_labels_of_marked_nodes_are_one_plan(cluster):
    """13.5.1: what is typed is judged, one plan names every node, and y changes all of them."""
    async with running(cluster) as run:
        await run.press("2", "down", "down", "down", "space", "space", "L")
        await run.shows("Labels of 2 nodes")
        await run.type("nonsense")
        await run.shows("✖ write key=value")
        await run.press("ctrl+u")
        await run.type("disk=ssd -zone")
        await run.shows("put disk · take away zone")
        await run.press("enter")
        await run.shows("Same as: docker node update --label-rm zone")
        await run.shows("w2: ")
        await run.press("y")
        await run.until(lambda: len(run.called("Control.UpdateNode")) == 2)
        for id_ in ("n03-w1", "n04-w2"):
            labels = dict(cluster.get(Node, id_).spec.annotations.labels)
            assert (labels["disk"], "zone" in labels) == ("ssd", False)
        await run.knows()
        await run.press("z")
        await run.shows("Undo “Update 2 nodes")
        await run.press("y")
        await run.until(lambda: len(run.called("Control.UpdateNode")) == 4)
        assert "zone" in cluster.get(Node, "n03-w1").spec.annotations.labels


async def test_labels_of_a_service_restart_nothing(cluster):
    """13.5.1: the plan of a service's labels says that no task restarts."""
    async with running(cluster) as run:
        await run.press("3", "down", "down", "L")
        await run.type("team=x")
        await run.press("enter")
        await run.shows("No task restarts.")
        await run.press("y")
        await run.until(lambda: cluster.get(Service, "s-cache").spec.annotations.labels.get("team") == "x")


def test_labels_are_read_as_a_shell_reads_them():
    """13.5.1: values may be quoted and empty; a word that is neither is refused."""
    found = parse("a=1 b='two words' c= -d")
    assert (dict(found.put), found.removed) == ({"a": "1", "b": "two words", "c": ""}, ("d",))
    assert [parse(text) for text in ("", "a", "=1", "-", "-a=1", "'a")] == [None] * 6


async def test_roles_of_marked_nodes_are_one_plan(cluster):
    """13.5.2: the plan says how many managers may be lost then, and asks for the number of nodes."""
    async with running(cluster) as run:
        await run.press("2", "down", "down", "down", "space", "space", "P")
        await run.shows("Role of 2 nodes")
        await run.press("enter")
        await run.shows("Managers: 3 → 5; 2 of them may be lost then.")
        await run.shows("Type 2 to go on.")
        await run.type("2")
        await run.press("enter")
        await run.until(lambda: len(run.called("Control.UpdateNode")) == 2)
        assert cluster.get(Node, "n04-w2").spec.desired_role == types_pb2.MANAGER


@pytest.fixture
def uneven():
    """Four tasks of a service on one node of two."""
    resources = make_resources(cpus=8, memory=8 << 30)
    nodes = [make_node(id_, hostname=id_, state="READY", resources=resources) for id_ in ("w1", "w2")]
    service = make_service("s", name="web", replicas=4)
    tasks = [make_task(f"t{n}", service=service, slot=n, node_id="w1", state="RUNNING") for n in range(1, 5)]
    return FakeCluster([make_cluster("default"), *nodes, service, *tasks])


async def test_a_task_moves_where_it_is_more_even(uneven):
    """13.5.3: M shows one move with its reason; the task's name carries it out."""
    async with running(uneven) as run:
        await run.press("3", "M")
        await run.shows("w1 → w2")
        await run.shows("It is uneven now: 4 tasks of web on w1, 0 on w2.")
        await run.shows("docker ends no single task")
        (name,) = [line for line in run.text.splitlines() if "Type web." in line]
        await run.type(name.partition("Type ")[2].partition(" to go on")[0])
        await run.press("enter")
        await run.until(lambda: len(run.called("Control.RemoveTask")) == 1)


async def test_no_move_without_a_reason(uneven):
    """13.5.3: where nothing would be more even the reason is told, and nothing is sent."""
    for id_ in ("t3", "t4"):
        uneven.update(Task, id_, lambda one: setattr(one, "node_id", "w2"))
    async with running(uneven) as run:
        await run.press("3", "M")
        await run.shows("Nothing to move")
        assert not run.called("Control.RemoveTask")
