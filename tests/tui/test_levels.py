"""How far changes may go, in the dashboard (docs/design/plans.md 13.1)."""

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_testkit.dashboard import running
from swarm_tui.clusters.allowance import Level
from swarm_tui.dialogs.plan import PlanDialog
from textual.widgets import Button, Input

WRITES = ("Control.Create", "Control.Update", "Control.Remove")


def written(cluster):
    return [method for method, _ in cluster.calls if method.startswith(WRITES)]


async def test_a_plan_above_the_level_is_shown_and_not_carried_out(cluster):
    """13.1.3: the plan of a drain is shown at level 1, says what it needs and how to get it, and no key carries it out."""
    async with running(cluster, level=Level.OPERATE) as run:
        await run.shows("level 1 operate")
        await run.press("2", "a")
        await run.shows("Availability of m1")
        await run.press("down", "down", "enter")
        await run.shows("It cannot be carried out")
        await run.shows(":level 3 allows")
        await run.press("y")
        assert isinstance(run.app.screen, PlanDialog)
        await run.press("enter")
        await run.until(lambda: not isinstance(run.app.screen, PlanDialog))
        assert not written(cluster)


async def test_a_change_without_a_plan_is_refused(cluster):
    """13.1.2: what is carried out without a dialog is refused in a sentence, and nothing of it is begun."""
    async with running(cluster, level=Level.LOOK) as run:
        await run.shows("level 0 look")
        await run.press("3", "n")
        await run.type("fresh")
        run.screen.query_one("#image", Input).value = "redis:7"
        await run.press("ctrl+g")
        await run.shows("needs level 2 (configure)")
        assert not written(cluster)


async def test_the_level_is_set_by_a_command(cluster):
    """13.1.4: `:level 1` holds from then on, in keys and commands, and `:level 3` takes it away; the header tells it."""
    async with running(cluster) as run:
        assert "level" not in run.text.splitlines()[0]
        await run.press("colon")
        await run.type("level 1")
        await run.press("enter")
        await run.shows("Level 1 (operate) from now on.")
        await run.shows("level 1 operate")
        await run.press("colon")
        await run.type("remove svc/cache")
        await run.press("enter")
        await run.shows("it needs level 3 (impact)")
        await run.press("escape", "colon")
        await run.type("level impact")
        await run.press("enter")
        await run.until(lambda: "level" not in run.text.splitlines()[0])
        assert not written(cluster)


async def test_a_level_that_is_none(cluster):
    """13.1.4: another word is refused with the words that there are; the command alone offers them."""
    async with running(cluster) as run:
        await run.press("colon")
        await run.type("level 9")
        await run.press("enter")
        await run.shows("A level is 0 look, 1 operate, 2 configure or 3 impact.")
        await run.press("colon")
        await run.type("level")
        await run.press("enter")
        await run.shows("0 look")
        await run.press("up", "up", "up", "enter")
        await run.shows("Level 0 (look) from now on.")


@pytest.mark.parametrize("key", ["enter", "escape", "n"])
async def test_cancel_has_the_focus(cluster, key):
    """13.1.5: whoever goes on without reading changes nothing."""
    async with running(cluster) as run:
        await run.press("3", "R")
        await run.shows("Restart api")
        await run.until(lambda: isinstance(run.app.focused, Button))
        assert run.app.focused.id == "cancel"
        await run.press(key)
        await run.until(lambda: not isinstance(run.app.screen, PlanDialog))
        assert not written(cluster)


async def test_the_other_answer_is_reached_by_arrows(cluster):
    """13.1.5: the right arrow leads to Apply, and enter takes it."""
    async with running(cluster) as run:
        await run.press("3", "R")
        await run.shows("Restart api")
        await run.until(lambda: isinstance(run.app.focused, Button))
        await run.press("right", "enter")
        await run.until(lambda: run.called("Control.UpdateService"))


async def test_a_drain_that_stops_tasks_needs_the_name(cluster):
    """13.1.5: the node's name is typed; one on which nothing runs is drained with y."""
    async with running(cluster) as run:
        await run.press("2", "down", "down", "down", "a")
        await run.shows("Availability of w1")
        await run.press("down", "down", "enter")
        await run.shows("Type w1 to go on.")
        await run.type("w1")
        await run.press("enter")
        await run.shows("w1: drain")
        drained = cluster.get(objects_pb2.Node, "n03-w1")
        assert drained.spec.availability == specs_pb2.NodeSpec.DRAIN
