"""Keys that come in one read do what they do when they come one by one."""

import asyncio
import gc
import random
import warnings

import pytest
from swarm_testkit.cluster_fake import lively_cluster
from swarm_testkit.dashboard import WAIT_S, Running, dashboard_of, key_event, running, what_is
from swarm_testkit.manual_clock import ManualClock
from swarm_tui.shell import typed_ahead
from swarm_tui.shell.work import Work
from textual.app import ScreenStackError
from textual.command import Hits, Provider
from textual.widgets import Input

# Many screens in each: a loaded machine takes its time.
pytestmark = pytest.mark.timeout(240)

KEYS = (
    *"123456789jkGgdylsnafoO!*cwN?/veZEKDU",
    *("tab", "shift+tab", "enter", "escape", "space", "up", "down", "pagedown", "ctrl+u", "ctrl+d", "ctrl+g"),
    *("ctrl+p", "left", "right", "backspace", "ctrl+backslash"),
)
"""All that the dashboard knows, without those that end it or that only time shows."""
WORDS = (
    "/redis\r",
    "33",
    "no",
    "a\x1b",
    "s5\r",
    "ndb2\t\timg",
    "/ap",
    "s+1\r",
    "4\r\x1b",
    "yg",
    "l",
    "d/ID\rn",
)
NAMED = {"\r": "enter", "\t": "tab", "\x1b": "escape"}
LENGTH = 14


def keys_of(rng: random.Random) -> list[str]:
    """Some keys as people hit them: now and then words that mean something, now and then anything."""
    keys: list[str] = []
    while len(keys) < LENGTH:
        if rng.random() < 0.4:
            keys += [NAMED.get(letter, letter) for letter in rng.choice(WORDS)]
        else:
            keys.append(rng.choice(KEYS))
    return keys


@pytest.mark.parametrize("seed", range(8))
async def test_keys_at_once_do_what_keys_with_gaps_do(seed):
    """Any string of keys leads to the same place, selection, texts and calls, however fast it comes."""
    keys = keys_of(random.Random(seed))
    found = []
    for press in (Running.burst, Running.one_by_one):
        async with running(lively_cluster()) as run:
            await press(run, *keys)
            found.append(what_is(run))
    assert found[0] == found[1], keys


async def test_the_same_list_twice(cluster):
    """`33` goes to the list of services, once."""
    async with running(cluster) as run:
        await run.burst("3", "3")
        assert run.screen.navigator.here.view == "services"
        assert len(run.screen.navigator.trail) == 2


async def test_a_filter_typed_at_once(cluster):
    """`/redis` is a filter, not a slash and five verbs."""
    async with running(cluster) as run:
        await run.burst(*"/redis")
        assert run.dashboard.services.found_text == "redis"
        assert run.screen.navigator.is_root


async def test_the_form_takes_what_is_typed_behind_its_key(cluster):
    """`no`: the form opens, and its name begins with an o."""
    async with running(cluster) as run:
        await run.burst("n", "o")
        assert run.screen.navigator.here.view == "form"
        assert run.app.screen is run.screen
        assert run.screen.query_one("#name", Input).value == "o"


async def test_what_follows_a_deletion_stays(cluster):
    """ctrl+u clears what came before it, and nothing that comes after it."""
    async with running(cluster) as run:
        await run.burst("n", *"abc", "ctrl+u", *"def")
        assert run.screen.query_one("#name", Input).value == "def"


async def test_keys_before_the_program_is_ready(cluster):
    """What was typed before the first screen was there is not lost, and ends nothing."""
    app = dashboard_of(cluster)
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(key_event("4"))
        run = Running(app, pilot, cluster)
        await run.until(lambda: app.is_caught_up and run.screen.navigator.here.view == "tasks")


async def test_a_manager_that_does_not_answer_holds_no_key_for_long(cluster, monkeypatch):
    """Keys behind an operation that hangs are handled after a moment, and the next ones do not wait for it at all."""
    async with running(cluster) as run:
        run.cluster.hang("Control.UpdateService")
        await run.burst("3", "s", *"5", "enter")
        await run.shows("y go on")
        monkeypatch.setattr(typed_ahead, "REST_S_MAX", 1.0)
        await run.burst("y")
        await run.until(lambda: run.called("Control.UpdateService"))
        # Whatever waited for the operation now would wait for ever.
        monkeypatch.setattr(typed_ahead, "REST_S_MAX", 3600.0)
        await run.burst("2")
        assert run.screen.navigator.here.view == "nodes"
        await run.burst(*"434343")
        assert run.screen.navigator.here.view == "services"


async def test_a_click_behind_a_key_waits_its_turn(cluster):
    """A click that comes with a key finds the screen that the key led to."""
    async with running(cluster) as run:
        run.app.post_message(key_event("3"))
        await run.pilot.click(offset=(10, 5))
        await run.until(lambda: run.app.is_caught_up)
        assert run.pane is run.screen.navigator.view.pane
        assert run.pane.table.cursor_id is not None


class Endless(Provider):
    """A search that never ends, nor finds anything."""

    async def search(self, query: str) -> Hits:
        await asyncio.Event().wait()
        yield  # type: ignore[misc]


async def test_letters_for_the_palette_wait_for_no_search():
    """A text of sixty letters stands in the palette although the search for each of them never ends."""
    async with running(lively_cluster()) as run:
        run.screen.COMMANDS = {Endless}
        run.press_soon("ctrl+p")
        for _ in range(60):
            run.press_soon("x")
        async with asyncio.timeout(WAIT_S):
            # The program does not come to rest.
            while not any(one.value == "x" * 60 for one in run.app.screen.query(Input)):
                await asyncio.sleep(0.01)


async def test_a_key_that_comes_while_the_program_ends(cluster):
    """The screens are gone before the last key is looked at: it does nothing, and is no failure."""
    async with running(cluster) as run:
        app = run.app
    assert not app.screen_stack
    await app.on_event(key_event("j"))


class Ending:
    """A program that ends before it begins what it was given to do."""

    is_running = True

    def run_worker(self, work, **_):
        del work


def test_a_program_that_ends_with_a_key_leaves_no_work_behind():
    """What follows a key is begun by the worker alone: one that never begins leaves nothing that Python complains of."""
    ahead = typed_ahead.TypedAhead(Ending(), Work(), ManualClock())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ahead.start()
        gc.collect()
    assert [str(one.message) for one in said] == []


class Ended:
    """A program whose screens are gone while it still waits for what a key did."""

    is_running = True
    screen_stack = ()
    workers = ()

    def __init__(self):
        self.works = []

    @property
    def focused(self):
        raise ScreenStackError("No screens on stack")

    def run_worker(self, work, **_):
        self.works.append(work)

    def post_message(self, message):
        del message


async def test_a_program_that_ends_keeps_no_key_waiting():
    """The worker that waits for keys ends with the screens, and is no failure."""
    ended = Ended()
    ahead = typed_ahead.TypedAhead(ended, Work(), ManualClock())
    assert ahead.admits(key_event("j")) is False
    ahead.start()
    async with asyncio.timeout(WAIT_S):
        await ended.works[0]()
    assert ahead.is_over
