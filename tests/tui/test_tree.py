"""The tree on screen: the way there, folding by keys, and verbs on its lines."""

from swarm_testkit.dashboard import running


async def test_from_a_list_and_by_node(cluster):
    """v shows the service unfolded under the cursor; v again where its task runs; verbs work on the line; back is the list."""
    async with running(cluster) as run:
        await run.press("4", "slash")
        await run.type("mailer")
        await run.press("enter", "v")
        await run.shows("Tree · services")
        view = run.screen.navigator.view
        assert (view.selected_kind, view.selected[0].id) == ("task", "t-mailer-01")
        await run.press("v")
        await run.shows("Tree · nodes")
        assert view.selected[0].id == "t-mailer-01"
        await run.press("left", "left", "left", "left")
        assert view.selected_kind == "node"
        await run.shows("mailer: exit 1")
        await run.press("right", "d")
        await run.shows("node w2 · describe")
        await run.press("escape")
        await run.shows("Tree · nodes")
        assert view.selected[0].id == "n04-w2"
        await run.press("escape", "escape")
        await run.shows("Tasks ")


async def test_marks_and_filter(cluster):
    """Verbs work on marked lines of one kind; the filter narrows down and escape takes it back; a list's marks are the roots."""
    async with running(cluster) as run:
        await run.press("3", "space", "space", "v")
        await run.shows("Tree · 2 services")
        view = run.screen.navigator.view
        await run.press("asterisk", "s")
        await run.shows("Scale 2 services")
        await run.press("escape", "ctrl+backslash", "space")
        await run.press("space")
        await run.shows("verbs need one")
        assert view.selected_kind == ""
        await run.press("ctrl+backslash", "slash")
        await run.type("state:pending")
        await run.press("enter")
        await run.shows("1 of 2 · /state:pending")
        await run.press("escape")
        await run.shows(" 2 services ")
