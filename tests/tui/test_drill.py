"""`:drill` and `:score`: a node is tried without, on screen (docs/design/terminal.md 11.20)."""

import asyncio
from typing import Any

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.client.errors import CallFailed
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import Running, dashboard_of, running, until_live
from swarm_testkit.drains import WEB, end, hear, told_nodes, two_nodes
from swarm_testkit.factories import make_task
from swarm_tui.app import SwarmApp
from swarm_tui.clusters.allowance import Level

Task = objects_pb2.Task
ACTIVE, DRAIN = specs_pb2.NodeSpec.ACTIVE, specs_pb2.NodeSpec.DRAIN


def _move(cluster: FakeCluster) -> None:
    """What a leader does with a drained node: its task ends, and another runs on the other node."""
    cluster.update(Task, "t1", end)
    cluster.put(make_task("t1-new", service=WEB, slot=1, node_id="w2", state="RUNNING"))


async def _hears(run: Running, heard: list[str], text: str) -> None:
    await run.until(lambda: any(text in one for one in heard))


async def _begin(run: Running) -> None:
    """The plan of the drill was read, and the node is drained."""
    await run.type(":drill node/w1")
    await run.press("enter")
    await run.shows("Drill: drain w1")
    await _go_on(run)


async def _go_on(run: Running) -> None:
    """Half of "web" stops meanwhile, so that the node's name is to be typed."""
    await run.type("w1")
    await run.press("enter")
    await run.until(lambda: told_nodes(run.cluster) == [DRAIN])
    await run.until(lambda: _spec(run).availability == DRAIN)


async def _command(run: Running, text: str) -> None:
    await run.type(f":{text}")
    await run.press("enter")


async def test_a_node_is_tried_without() -> None:
    """The plan says that the node is given back; once all runs elsewhere it is, and the score stands beside what was foretold.
    Nothing of it is left to be undone."""
    async with running(two_nodes()) as run:
        heard = hear(run)
        await run.type(":drill node/w1")
        await run.press("enter")
        await run.shows("Drill: drain w1")
        assert "What is drained takes tasks again once everything runs" in run.text
        assert told_nodes(run.cluster) == []
        await _go_on(run)
        _move(run.cluster)
        await run.until(lambda: told_nodes(run.cluster) == [DRAIN, ACTIVE])
        await _hears(run, heard, "As the plan had foretold. :score tells it whole.")
        await _command(run, "score")
        await run.shows("landed on   w2 1, foretold w2 1")
        assert "moved       1, foretold 1" in run.text
        await run.press("escape", "z")
        await _hears(run, heard, "Nothing was changed from here that could be undone.")


async def test_one_drill_at_a_time() -> None:
    """While one goes on another is refused, and `:score` tells how far it is; before the first there is nothing to tell."""
    async with running(two_nodes()) as run:
        heard = hear(run)
        await _command(run, "score")
        await _hears(run, heard, "There was no drill yet")
        await _begin(run)
        await _command(run, "drill node/w2")
        await _hears(run, heard, "A drill of w1 is under way: 1 of 2 tasks run on other nodes.")
        await _command(run, "score")
        await run.until(lambda: type(run.app.screen).__name__ == "Help")
        assert "A drill of w1 is under way" in run.text
        await run.press("escape")
        _move(run.cluster)
        await run.until(lambda: told_nodes(run.cluster) == [DRAIN, ACTIVE])
        await _hears(run, heard, ":score tells it whole.")


async def test_a_node_given_back_by_hand_ends_it() -> None:
    """Who lets the node take tasks again ends the drill, and is told so."""

    def activate(node: objects_pb2.Node) -> None:
        node.spec.availability = ACTIVE

    async with running(two_nodes()) as run:
        heard = hear(run)
        await _begin(run)
        run.cluster.update(objects_pb2.Node, "w1", activate)
        await _hears(run, heard, "somebody let a node take tasks before")


def _spec(run: Running) -> Any:
    """Of the node, as the dashboard knows it."""
    node = run.screen.session.mirror.get(objects_pb2.Node, "w1")
    assert node is not None
    return node.spec


async def test_what_cannot_be_tried_is_told() -> None:
    """A node that takes no tasks is refused with a sentence, and at too low a level the plan is shown alone."""

    def pause(node: objects_pb2.Node) -> None:
        node.spec.availability = specs_pb2.NodeSpec.PAUSE

    cluster = two_nodes()
    cluster.update(objects_pb2.Node, "w2", pause)
    async with running(cluster, level=Level.CONFIGURE) as run:
        heard = hear(run)
        await _command(run, "drill node/w2")
        await _hears(run, heard, "w2 takes no tasks: there is nothing to try.")
        await _command(run, "drill node/w1")
        await run.shows("It cannot be carried out: it needs level 3")
        await run.press("y", "enter", "escape")
    assert told_nodes(cluster) == []


async def test_a_program_that_ends_gives_the_node_back() -> None:
    """Who leaves is told that a drill is under way; the node takes tasks again before the program is gone."""
    cluster = two_nodes()
    app = dashboard_of(cluster)
    async with app.run_test(size=(132, 40), notifications=True) as pilot:
        await until_live(app, pilot)
        run = Running(app, pilot, cluster)
        await _begin(run)
        await run.press("q")
        await run.shows("A drill of w1 is under way")
        await run.press("q")
    assert await app.finish() == ""
    assert told_nodes(cluster) == [DRAIN, ACTIVE]


FAILURE = "The drill's nodes could not be given back: 'swarm-tui node activate w1' does it."


async def test_who_cannot_give_a_node_back_says_so() -> None:
    """Where no manager answers when the program ends, and where one refuses, a sentence names the command that gives the node back."""
    for is_refused in (False, True):
        cluster = two_nodes()
        app = dashboard_of(cluster)
        async with app.run_test(size=(132, 40), notifications=True) as pilot:
            await until_live(app, pilot)
            await _begin(Running(app, pilot, cluster))
            if is_refused:
                cluster.fail_next("Control.UpdateNode", CallFailed("PERMISSION_DENIED", "no"), times=9)
            else:
                cluster.hang("Control.UpdateNode")
        assert await app._members[0].drills.finish(40.0 if is_refused else 0.0) == FAILURE
        await _until_no_drill(app)


async def _until_no_drill(app: SwarmApp) -> None:
    """Whoever ends a program with a call that is never answered cancels it, as the end of its loop does."""
    for worker in list(app.workers):
        worker.cancel()
    async with asyncio.timeout(40):
        while app._members[0].drills.under_way:
            await asyncio.sleep(0.01)
