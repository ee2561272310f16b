"""The recipe for a screen, followed: the part above the line is the one module, the fixture holds the one registry line."""

from collections.abc import Iterator

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_testkit.dashboard import running, settle
from swarm_testkit.factories import make_service
from swarm_tui.views import registry
from swarm_tui.views.lines_view import LinesPage
from swarm_tui.views.view import Context, ViewKind
from swarm_tui.widgets.lines import TextLines
from swarm_tui.widgets.table import ObjectTable


class PulseView(LinesPage):
    """How many services there are, how many seconds passed, and whether all that is old."""

    def __init__(self, session):
        super().__init__(id="pulse")
        self._session = session
        self._text = TextLines()
        self._text.add_class("pane")
        self._ticks = 0
        self._visits = 0
        self._is_stale = False

    def compose(self):
        yield self._text

    @property
    def lines(self):
        return self._text

    def describe_border(self):
        self._text.border_subtitle = self.search_text

    def arrive(self, place):
        self._visits += 1
        self._show()
        self._text.focus()

    def leave(self):
        self._ticks = 0

    def apply(self, changes):
        self._show()

    def tick(self):
        self._ticks += 1
        self._show()

    def set_stale(self, is_stale):
        self._is_stale = is_stale
        self._show()

    def _show(self):
        count = len(self._session.mirror.ids(objects_pb2.Service))
        age = "old" if self._is_stale else "fresh"
        lines = (f"pulse of {count}", f"ticks {self._ticks}", f"visits {self._visits}", age)
        self._text.show([[(line, "text")] for line in lines], keep_place=True)


VIEW = ViewKind(
    "pulse",
    Context.TEXT,
    PulseView,
    lambda view, ports: view(ports.session),
    key="9",
    help="the pulse of the cluster",
    rank=20,
)

# ----------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    unregister = registry.register(VIEW)
    yield
    unregister()


async def test_its_key_leads_there_and_escape_back(cluster):
    """From the row of a list to the new screen and back to the same row."""
    async with running(cluster) as run:
        await run.press("3", "down", "9")
        await run.shows("pulse of 8")
        await run.shows("visits 1")
        await run.press("escape")
        assert isinstance(run.screen.focused, ObjectTable)
        assert run.screen.focused.cursor_id.id == "s-billing"
        await run.press("9")
        await run.shows("visits 2")
        await run.press("1")
        await run.shows("Problems")


async def test_key_bar_help_and_palette_know_it(cluster):
    """The key is offered below, explained in the help, and found in the palette."""
    async with running(cluster, (200, 150)) as run:
        assert "9 pulse" in run.text.splitlines()[-1]
        await run.press("question_mark")
        await run.shows("the pulse of the cluster")
        await run.press("escape", "ctrl+p")
        await run.type("pulse")
        await run.shows("the pulse of the cluster")
        await run.press("down", "enter")
        await run.shows("pulse of 8")


async def test_it_is_told_of_changes_time_and_the_stream(cluster):
    """Objects that come, seconds that pass and a stream that breaks are told to it."""
    async with running(cluster) as run:
        await run.press("9")
        cluster.put(make_service("s-new", name="new"))
        await run.shows("pulse of 9")
        ticks = run.screen.query_one(PulseView)._ticks
        await settle(run.app, run.pilot)
        await run.until(lambda: run.screen.query_one(PulseView)._ticks > ticks)
        cluster.unreachable = "connection refused"
        cluster.cut()
        await run.shows("old")


async def test_a_new_view_of_an_old_stream_is_told_so(cluster):
    """A screen that is first visited while the stream is lost knows that what it shows is old."""
    async with running(cluster) as run:
        cluster.unreachable = "connection refused"
        cluster.cut()
        await run.shows("STALE")
        await run.press("9")
        await run.shows("old")


async def test_it_has_the_keys_of_its_context(cluster):
    """What texts can do the new text can do: it is searched and copied, and escape ends the search first."""
    async with running(cluster) as run:
        await run.press("9", "slash")
        await run.type("visits")
        await run.press("enter")
        await run.shows("/visits 1 of 1")
        await run.press("c")
        assert run.app.clipboard.splitlines()[0] == "pulse of 8"
        await run.press("escape")
        assert "/visits" not in run.text
        assert "pulse of 8" in run.text
