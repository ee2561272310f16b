"""The pinned pane and the drawer of events: they follow the cluster, stay while one goes about, and leave the keys where they are."""

from swarm_core.api.proto import objects_pb2
from swarm_testkit.dashboard import running
from swarm_testkit.factories import make_secret


async def test_an_object_stays_beside_whatever_is_shown(cluster):
    """= pins what is selected, live, from view to view; in it keys are those of texts; escape leads out, and = unpins."""
    async with running(cluster) as run:
        await run.press("3", "down", "equals_sign")
        await run.shows("pinned · service billing · describe")
        assert run.screen.navigator.view.selected[0].id == "s-billing", "the list keeps the keys"
        await run.press("2")
        cluster.update(
            objects_pb2.Service, "s-billing", lambda one: one.spec.annotations.labels.update(tier="gold")
        )
        await run.shows("tier=gold")
        await run.press("tab", "slash")
        await run.type("tier")
        await run.press("enter")
        await run.shows("/tier 1 of 1")
        await run.press("escape", "escape")
        assert run.screen.navigator.view.id == "nodes"
        await run.press("escape")
        assert run.screen.navigator.here.view == "services", "escape goes back before it unpins"
        await run.shows("pinned · service billing")
        await run.press("plus")
        await run.shows("pinned · Logs · billing")
        await run.press("equals_sign", "equals_sign")
        await run.until(lambda: "pinned" not in run.text)


async def test_escape_closes_what_stands_beside_last(cluster):
    """Where there is no way back: the drawer, then the pinned pane; q asks only after that."""
    async with running(cluster) as run:
        await run.press("equals_sign", "grave_accent")
        await run.shows("Events ")
        await run.press("q")
        await run.until(lambda: "Events " not in run.text)
        assert "pinned" in run.text
        await run.press("escape")
        await run.until(lambda: "pinned" not in run.text)


async def test_the_drawer_tells_what_happens_below(cluster):
    """` opens it without taking the keys; it is about what is shown; tab enters it, and escape closes it then."""
    async with running(cluster) as run:
        await run.press("3", "grave_accent")
        cluster.update(
            objects_pb2.Service, "s-api", lambda one: one.spec.annotations.labels.update(tier="gold")
        )
        cluster.put(make_secret("sec", name="fresh-key"))
        await run.shows("fresh-key")
        await run.shows("labels")
        assert run.screen.navigator.view.id == "services"
        await run.press("enter")
        await run.shows("Events · service api")
        await run.until(lambda: "fresh-key" not in run.text)
        await run.press("tab")
        assert run.screen.navigator.view.selected_kind == "event"
        await run.press("escape")
        await run.until(lambda: "Events · " not in run.text)
        assert run.screen.navigator.view.selected_kind == "task"
