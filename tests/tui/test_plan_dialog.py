"""The plan before a change, as it stands on the screen."""

import pytest
from swarm_testkit.dashboard import running
from swarm_tui.dialogs.plan import PlanDialog
from textual.containers import VerticalScroll


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 40)])
async def test_a_plan_is_whole_at_every_size(cluster, size):
    """What has no room is scrolled to; what is asked is always in sight, and escape changes nothing."""
    async with running(cluster, size=size) as run:
        await run.press("2", "down", "down", "down", "a")
        await run.shows("Availability of w1")
        await run.press("down", "down", "enter")
        await run.shows("level 3 impact · reversible")
        await run.shows("enter go on · esc cancel")
        await run.shows("▲ 4 running tasks will stop here")
        assert isinstance(run.app.screen, PlanDialog)
        body = run.app.screen.query_one(VerticalScroll)
        for _ in range(40):
            await run.press("down")
        await run.until(lambda: body.scroll_offset.y == body.max_scroll_y)
        await run.shows("Same as: docker node update")
        await run.press("enter")
        assert isinstance(run.app.screen, PlanDialog)
        await run.press("escape")
        assert not run.called("Control.UpdateNode")


async def test_it_says_where_tasks_land(cluster):
    """A drain tells which nodes take the tasks, and how many run at the least meanwhile."""
    async with running(cluster, size=(120, 40)) as run:
        await run.press("2", "down", "down", "down", "a")
        await run.press("down", "down", "enter")
        await run.shows("Tasks: 5 replaced.")
        await run.shows("New tasks land on m1 2, m2 1, m3 2.")
        await run.shows("web runs 11 of 12 tasks at the least meanwhile.")


async def test_a_small_terminal_shows_more_of_it(cluster):
    """What to weigh stands first, how many changes there are above all, and no row is blank."""
    async with running(cluster, size=(60, 15)) as run:
        await run.press("2", *["space"] * 5, "a")
        await run.press("down", "down", "enter")
        await run.shows("level 3 impact · reversible · 5 changes")
        shown = run.app.screen.query_one(VerticalScroll).size.height
        assert shown == 8
        first = run.text.splitlines()
        assert "▲" in first[2], run.text
