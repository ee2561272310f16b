"""A shell in a task from the dashboard (docs/design/exec.md 15.3)."""

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.api.runtimes import CONTAINER, RUNTIME_PLUGIN
from swarm_testkit.dashboard import running
from swarm_tui.dialogs.choose import Choose
from swarm_tui.shell.desk import Desk


@pytest.fixture
def asked(monkeypatch):
    """What would be run where; the terminal is left alone."""
    calls = []

    async def run_inside(self, task_id, name, command):
        calls.append((task_id, name, tuple(command)))

    monkeypatch.setattr(Desk, "run_inside", run_inside)
    return calls


@pytest.fixture(autouse=True)
def ours(cluster):
    """Nodes of ours list what they run."""
    for node in cluster.all(objects_pb2.Node):
        cluster.update(
            objects_pb2.Node,
            node.id,
            lambda one: one.description.engine.plugins.add(type=RUNTIME_PLUGIN, name=CONTAINER),
        )


async def test_a_docker_engine_lets_nobody_in(cluster, asked):
    """Where every task is on one, the reason is told and nothing is asked; beside nodes of ours its tasks are not offered."""
    for node in cluster.all(objects_pb2.Node):
        if node.description.hostname in ("w1", "w2"):
            cluster.update(
                objects_pb2.Node, node.id, lambda one: one.description.engine.ClearField("plugins")
            )
    async with running(cluster) as run:
        await run.press("4", "x")
        await run.shows("w2 is a Docker Engine")
        await run.press("3", "x")
        await run.until(lambda: isinstance(run.app.screen, Choose))
        assert "api.1  w2" not in run.text
        await run.shows("api.2  w3")
    assert asked == []


async def test_a_task_s_own(cluster, asked):
    """x on a task that runs goes there at once."""
    async with running(cluster) as run:
        await run.press("4", "x")
        await run.until(lambda: asked)
    assert asked == [("t-api-01", "api.1", ("sh",))]


async def test_one_of_several_tasks_is_chosen(cluster, asked):
    """x on a service asks which, in the order of slots, with their nodes; escape goes nowhere."""
    async with running(cluster) as run:
        await run.press("3", "x")
        await run.until(lambda: isinstance(run.app.screen, Choose))
        await run.shows("api.1  w2")
        await run.press("down", "enter")
        await run.until(lambda: asked)
        assert asked == [("t-api-02", "api.2", ("sh",))]
        await run.press("x")
        await run.until(lambda: isinstance(run.app.screen, Choose))
        await run.press("escape")
        await run.until(lambda: not isinstance(run.app.screen, Choose))
    assert len(asked) == 1


async def test_why_there_is_none(cluster, asked):
    """Of what does not run it says so; a level that is too low is named; both before anything is asked."""
    async with running(cluster) as run:
        await run.press("3", "/")
        await run.type("mailer")
        await run.press("enter", "x")
        await run.shows("Nothing of it runs")
        await run.press("colon")
        await run.type("level 2")
        await run.press("enter")
        await run.press("escape", "4", "x")
        await run.shows("it needs level 3")
    assert asked == []


async def test_a_cluster_without_the_means(cluster):
    """A node that listens to no orders, such as a Docker Engine, is named; in a browser or a test there is no terminal to give."""
    async with running(cluster) as run:
        await run.press("4", "x")
        await run.shows("cannot be given to a shell")
    assert not [method for method, _ in cluster.calls if method.startswith("Exec.")]
    assert cluster.get(objects_pb2.Task, "t-api-01").id
