"""Whatever stands in the fields of objects, every screen is drawn safely and stays in its lines."""

import dataclasses
from contextlib import asynccontextmanager

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_testkit.cluster_fake import log_line
from swarm_testkit.dashboard import Running, dashboard_of, until_live, until_shown
from swarm_testkit.engine_records import StillRoom, few_engines, make_event
from swarm_testkit.hostile_text import HARM, LONG, harmless, hostile_cluster
from swarm_tui.resources import registry
from swarm_tui.resources.model import Link, Realm
from swarm_tui.shell.screen import MainScreen
from swarm_tui.verbs.registry import verbs
from swarm_tui.views import registry as view_registry
from swarm_tui.views.view import Context

# Many screens in each: a loaded machine takes its time.
pytestmark = pytest.mark.timeout(240)

SMALL, LARGE = (80, 24), (160, 40)
ENDING = {
    "list.shell": "leaves the screen to a program: tests/tui/test_shell.py",
    "global.quit": "ends the program",
    "global.leave": "ends the program",
    "global.suspend": "leaves the screen to the shell: tests/tui/test_terminal_end.py",
    "global.engines": "leads to the other realm: its own test",
}
"""Verbs that are not done here."""
OF_EACH = ("list.describe", "list.new", "list.rotate")


def spoiled_cluster(text):
    """A cluster with one of every kind, `text` in every field, of which a task has written it too."""
    cluster = hostile_cluster(text)
    cluster.log_lines(log_line(cluster.get(objects_pb2.Task, "t3"), text))
    return cluster


def spoiled_engines(text):
    """A few engines with something of everything, `text` in each field that is a text and names nothing else."""
    return [_spoiled_record(one, text) for one in few_engines()]


def _spoiled_record(record, text):
    found = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if type(value) is str and field.name not in _REFERENCES:
            found[field.name] = text
        elif isinstance(value, dict):
            found[field.name] = {**value, text: text}
        elif isinstance(value, tuple) and field.name not in _REFERENCES:
            found[field.name] = tuple(_spoiled_part(one, text) for one in value)
    return dataclasses.replace(record, **found)


def _spoiled_part(one, text):
    return text if type(one) is str else one


_REFERENCES = ("id", "image_id", "engine", "state", "trouble")


@asynccontextmanager
async def over(text, realm, size):
    """The screen of a realm whose objects are hostile."""
    door = StillRoom(spoiled_engines(text), [make_event("die", exitCode=text)])
    app = dashboard_of(spoiled_cluster(text), engines=door)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until_live(app, pilot)
        run = Running(app, pilot, None)
        if realm is Realm.ENGINES:
            await run.press("V")
            await until_shown(app, pilot, "─ Engines ─")
        yield run


def look(run, size, what):
    """No line is longer than the terminal is wide, nothing on it is a command to the terminal, and nothing has failed."""
    strips = run.app.screen._compositor.render_strips()
    assert harmless("".join(strip.text for strip in strips)), what
    assert {strip.cell_length for strip in strips} == {size[0]}, what
    assert run.app.is_running and run.app._exception is None, what


def top(run):
    """The screen that is seen, under any dialog."""
    return [one for one in run.app.screen_stack if isinstance(one, MainScreen)][-1]


def pairs(realm, *, is_whole):
    """Each kind with the verbs of its list: what describes it, what makes one, and what gives it another content; and, if it is to be the
    whole, every other verb once, on the first kind that has it."""
    done = set(ENDING)
    for kind in registry.kinds(realm):
        for verb in verbs():
            if verb.context is not Context.LIST or not verb.keys or verb.id in done:
                continue
            if verb.id in OF_EACH or (is_whole and (verb.works_on(kind.noun) or not verb.is_on_objects)):
                if verb.id not in OF_EACH:
                    done.add(verb.id)
                yield kind, verb


@pytest.mark.parametrize(
    ("realm", "text", "size", "is_whole"),
    [
        (Realm.CLUSTER, HARM, LARGE, False),
        (Realm.CLUSTER, LONG, SMALL, True),
        (Realm.ENGINES, LONG, SMALL, True),
    ],
    ids=["harm", "long", "engines"],
)
async def test_every_screen(realm, text, size, is_whole):
    """Every list of every kind, and what every verb of a list shows; so every view is seen."""
    async with over(text, realm, size) as run:
        look(run, size, "the first")
        seen = {top(run).navigator.here.view}
        for kind, verb in pairs(realm, is_whole=is_whole):
            navigator = top(run).navigator
            if navigator.here.view != kind.plural:
                await navigator.go(Link(kind.plural))
                await run.pilot.pause()
                look(run, size, kind.plural)
                seen.add(navigator.here.view)
            await run.burst(verb.keys[0])
            look(run, size, (kind.plural, verb.id))
            seen.add(top(run).navigator.here.view)
            await run.burst("escape", "escape")
    assert not is_whole or {view.name for view in view_registry.views(realm)} <= seen
