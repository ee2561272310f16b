"""The screen over many engines: the way there and back, its lists and texts (docs/design/engine-views.md)."""

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from swarm_core.engines.records import Kind, Put
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.dashboard import Running, dashboard_of, until, until_live, until_shown
from swarm_testkit.engine_clusters import entry
from swarm_testkit.engine_door import FakeDoor
from swarm_testkit.engine_records import StillRoom, few_engines, make_container, make_event
from swarm_testkit.fake_engines.serving import fake_engines
from swarm_tui.app import SwarmApp
from swarm_tui.clusters.allowance import Allowance
from swarm_tui.engines.mirror import Told
from swarm_tui.shell.feed import no_updates
from swarm_tui.shell.screen import MainScreen
from textual.widgets import Input

SMALL, LARGE = (80, 24), (160, 40)


@asynccontextmanager
async def over_engines(cluster, room, size=(132, 40)):
    """The program on a cluster, with engines behind its door."""
    app = dashboard_of(cluster, engines=room)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until_live(app, pilot)
        yield Running(app, pilot, cluster)


async def shows(run, text):
    """Wait until it is on screen, whichever screen that is."""
    await until_shown(run.app, run.pilot, text)


@pytest.fixture
def room():
    return StillRoom(few_engines(), [make_event("die", exitCode="1")])


async def test_its_key_leads_through_the_lists_and_escape_back(cluster, room):
    """Each press of the key shows the next list of engines; digits lead to the cluster's lists; the header tells whose screen it is."""
    async with over_engines(cluster, room) as run:
        await run.press("V")
        await shows(run, "engines: 3 · 1 unhealthy")
        assert "n3" in run.text
        assert "unhealthy" in run.text
        for title in ("Containers", "Images", "Volumes", "Networks", "Events", "Engines"):
            await run.press("V")
            await shows(run, f"─ {title} ─")
        await run.press("2")
        await shows(run, "─ Nodes ─")
        assert "prod-eu" in run.text
        await run.press("V")
        await shows(run, "─ Engines ─")
        await run.press(*["escape"] * 7)
        await shows(run, "─ Nodes ─")


async def test_a_command_leads_to_a_list_that_is_filtered(cluster, room):
    """From the cluster's screen and from the engines' own; names of kinds are the screen's own first."""
    async with over_engines(cluster, room) as run:
        await run.press("colon")
        await run.type("containers web engine:n2")
        await run.press("enter")
        await shows(run, "Containers")
        await shows(run, "1 of 6")
        assert "unhealthy" in run.text
        await run.press("colon")
        await run.type("volumes")
        await run.press("enter")
        await shows(run, "lost")
        await run.press("colon")
        await run.type("services api")
        await run.press("enter")
        await shows(run, "prod-eu")
        await shows(run, "─ Services ─")


async def test_an_engine_opens_its_containers_and_an_image_who_uses_it(cluster, room):
    """Drilling in cuts the list of containers down to what belongs to it, and J leads to the engine."""
    async with over_engines(cluster, room) as run:
        await run.press("V", "enter")
        await shows(run, "Containers · engine n1")
        await shows(run, "2 of 6")
        await run.press("J")
        await shows(run, "─ Engines ─")
        await run.press("V", "V", "end", "enter")
        await shows(run, "Containers · image postgres:16")


async def test_a_container_is_described_and_its_text_follows_it(cluster, room):
    """The page tells where it is; a change is seen at once."""
    async with over_engines(cluster, room) as run:
        await run.press("V", "V", "slash")
        await run.type("db")
        await run.press("enter", "d")
        await shows(run, "container db · describe")
        assert "postgres:16" in run.text
        painted_s = run.app.screen.painting_s
        assert painted_s > 0
        room.mirror.take(
            Told([Put(Kind.CONTAINER, make_container("db", state="paused", status="Paused now"))])
        )
        room.mirror.flush()
        await shows(run, "Paused now")
        assert run.app.screen.painting_s > painted_s


async def test_the_tree_of_engines_and_of_what_uses_an_image(cluster, room):
    """v leads from a container to its line below its engine; marks are its roots; from an image to who uses it, and from there to the engines."""
    async with over_engines(cluster, room) as run:
        await run.press("V", "V", "slash")
        await run.type("db")
        await run.press("enter", "v")
        await shows(run, "Tree · engines")
        view = run.app.screen.navigator.view
        assert (view.selected_kind, view.selected[0].id) == ("container", "n1/c-db")
        await shows(run, "▾ ● n1")
        await run.press("v")
        await shows(run, "“tree” has nothing to do here")
        await run.press("left", "left", "enter")
        await shows(run, "Containers · engine n1")
        await run.press("escape", "escape", "escape", "space", "space", "v")
        await shows(run, "Tree · 2 engines")
        await run.press("colon")
        await run.type("images")
        await run.press("enter", "v")
        await shows(run, "Tree · images")
        await run.press("v")
        await shows(run, "Tree · engines")


async def test_keys_of_the_cluster_do_nothing_here(cluster, room):
    """What would change or rewind the cluster has no place on this screen."""
    async with over_engines(cluster, room) as run:
        await run.press("V")
        await shows(run, "─ Engines ─")
        await run.press("ctrl+t")
        await shows(run, "“rewind” is of clusters, not of engines.")
        await run.press("w")
        await shows(run, "“why” works on services and tasks of a cluster.")
        await run.press("z", "s", "n")
        assert "─ Engines ─" in run.text
        assert len(run.app.screen_stack) == 2


async def test_where_nobody_knows_engines_it_is_said(cluster):
    """A file of the past has none, and says so."""
    async with over_engines(cluster, None) as run:
        await run.press("V")
        await shows(run, "No engines are looked at from here.")


async def test_engines_alone_have_no_way_to_a_cluster(room):
    """18.1.7, 18.1.8: the list of engines is the first view, and what is listed anew is theirs."""
    clock = SystemClock()
    opened = room.open(clock, Allowance(), print)
    relisted = []
    opened.session = replace(opened.session, relist=lambda: relisted.append(1))
    app = SwarmApp(opened.session, no_updates, room=opened, greeting="No cluster was found")
    app.animation_level = "none"
    async with app.run_test(size=(132, 40), notifications=True) as pilot:
        run = Running(app, pilot, None)
        await shows(run, "engines: 3 · 1 unhealthy")
        await shows(run, "No cluster was found")
        await run.press("2")
        await shows(run, "No cluster is looked at from here.")
        await run.press("V")
        await shows(run, "─ Containers ─")
        await run.press("ctrl+r")
        await run.until(lambda: bool(relisted))


async def test_engines_that_answer_are_followed_and_changed(cluster, tmp_path):
    """Marked containers are stopped by one plan; an engine that goes is told with its word, and its JSON is what it inspects."""
    async with fake_engines(tmp_path, 2, containers=2) as fakes:
        door = FakeDoor([entry(fakes, number) for number in range(2)])
        async with over_engines(cluster, door) as run:
            await run.press("V")
            await shows(run, "4 of 4 containers running")
            await run.press("V", "asterisk", "S")
            await shows(run, "Stop 4 containers")
            await run.press("y")
            await shows(run, "0 of 4 containers running")
            await run.press("ctrl+backslash", "i")
            await shows(run, '"RestartCount": 0')
            await run.press("escape", "t")
            await run.until(lambda: door.stats.is_on)
            await run.press("t")
            await run.until(lambda: not door.stats.is_on)
            await fakes.vanish(1)
            await run.press("V", "V", "V", "V", "V")
            await shows(run, "unhealthy")


@pytest.fixture
def picture(snap_compare, cluster, room):
    """Compares the screen after `keys`."""

    def compare(keys, size, shows):
        app = dashboard_of(cluster, engines=room)

        async def run_before(pilot):
            await until_live(app, pilot)
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            await until_shown(app, pilot, shows)
            screen = app.screen
            assert isinstance(screen, MainScreen)
            await until(pilot, lambda: not screen.session.mirror.is_dirty and screen.painter.is_settled)
            screen.painter.show_time()
            for field in screen.query(Input):
                field.cursor_blink = False
            await pilot.pause()

        assert snap_compare(app, terminal_size=size, run_before=run_before)

    return compare


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=lambda size: "x".join(map(str, size)))
def test_list_of_engines(picture, size):
    """Each engine with its word and what is reserved."""
    picture(("V",), size, "unhealthy")


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=lambda size: "x".join(map(str, size)))
def test_list_of_containers(picture, size):
    """The engine in front, docker's columns, health."""
    picture(("V", "V"), size, "cache")


def test_list_of_images(picture):
    """Who uses them."""
    picture(("V", "V", "V"), LARGE, "postgres")
