"""The recipe for a verb, followed: the part above the line is the one module, the fixture holds the one registry line."""

import logging
from collections.abc import Iterator

import pytest
from swarm_testkit.dashboard import running
from swarm_tui.verbs import on_list
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.registry import register
from swarm_tui.views.view import Context


def run(ports):
    """Put the kinds and ids of what is selected on the clipboard."""
    ports.desk.copy(" ".join(f"{ref.kind}/{ref.id}" for ref in ports.selection.refs), "names")


VERB = Verb(
    "list.names",
    ("W",),
    "names",
    "copy kinds and ids to the clipboard",
    Context.LIST,
    run,
    on_list.has_rows,
    rank=20,
)

# ----------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    unregister = register(VERB)
    yield
    unregister()


async def test_its_key_runs_it_on_what_is_selected(cluster):
    """In each list and pane; on marked rows on all of them."""
    async with running(cluster) as run:
        await run.press("W")
        assert run.app.clipboard == "service/s-billing"
        await run.press("3", "space", "space", "W")
        assert run.app.clipboard == "service/s-api service/s-billing"
        await run.press("2", "W")
        assert run.app.clipboard == "node/n00-m1"


async def test_key_bar_help_and_palette_know_it(cluster):
    """The key is offered below and runs at a click, is explained in the help, and is found in the palette."""
    async with running(cluster, (200, 110)) as run:
        await run.press("3")
        bar = run.text.splitlines()[-1]
        assert "W names" in bar
        await run.pilot.click("KeyBar", offset=(bar.index("names"), 0))
        await run.until(lambda: run.app.clipboard == "service/s-api")
        await run.press("question_mark")
        await run.shows("copy kinds and ids to the clipboard")
        await run.press("escape", "down", "ctrl+p")
        await run.type("names")
        await run.shows("copy kinds and ids to the clipboard")
        await run.press("enter")
        await run.until(lambda: run.app.clipboard == "service/s-billing")


async def test_where_it_does_not_apply_it_is_not_offered(cluster):
    """In a text the key is neither offered nor does it anything."""
    async with running(cluster, (200, 60)) as run:
        await run.press("3", "d", "W")
        assert run.app.clipboard == ""
        assert "W names" not in run.text


def _fail(ports):
    raise RuntimeError("boom")


async def _fail_later(ports):
    raise RuntimeError("boom")


@pytest.mark.parametrize("failing", [_fail, _fail_later], ids=["at once", "in a worker"])
async def test_a_verb_that_fails_does_not_end_the_program(cluster, caplog, failing):
    """It becomes a sentence on screen and a record with the traceback; every other verb goes on working."""
    unregister = register(Verb("list.fail", ("f12",), "fail", "fail", Context.LIST, failing))
    try:
        async with running(cluster) as run:
            with caplog.at_level(logging.ERROR):
                await run.press("f12")
                await run.shows("“fail” failed: RuntimeError: boom")
            assert [record.exc_info[0] for record in caplog.records] == [RuntimeError]
            await run.press("3")
            await run.shows("SERVICE↑")
    finally:
        unregister()
