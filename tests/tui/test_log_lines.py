"""The ring of log lines and its view."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from swarm_tui.widgets.lines import LinesView, TextLines
from swarm_tui.widgets.log_buffer import LogBuffer, LogLine
from swarm_tui.widgets.log_lines import LogLines
from swarm_tui.widgets.theme import DARK, role_colors
from textual.app import App
from textual.geometry import Region


class LinesApp(App):
    def __init__(self, widget):
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.widget = widget
        self.searches = []

    def get_css_variables(self):
        variables = super().get_css_variables()
        self.theme_variables = variables | role_colors(self.current_theme, variables)
        return self.theme_variables

    def compose(self):
        yield self.widget

    def on_lines_view_search_changed(self, event: LinesView.SearchChanged):
        self.searches.append((event.needle, event.position, event.count))


def line(at, text="x", source="api.1"):
    return LogLine(at * 1_000_000_000, source, text)


@given(st.lists(st.lists(st.integers(0, 1000), max_size=20), max_size=10))
def test_lines_are_in_order_of_time_however_they_come(batches):
    """Late lines are put where their time belongs; lines of one moment keep their order of arrival."""
    buffer = LogBuffer()
    for number, batch in enumerate(batches):
        buffer.add([line(at, text=f"{number}/{index}") for index, at in enumerate(batch)])
    times = [buffer[index].time_ns for index in range(len(buffer))]
    assert times == sorted(times)
    assert len(buffer) == sum(map(len, batches))


def test_the_oldest_lines_leave_a_full_ring_and_are_counted():
    """The ring never grows beyond its size, and says how many lines it dropped."""
    buffer = LogBuffer(lines_max=100)
    for start in range(0, 1000, 10):
        buffer.add([line(at) for at in range(start, start + 10)])
        assert len(buffer) <= 100
    assert buffer.dropped + len(buffer) == 1000
    assert buffer[len(buffer) - 1].time_ns == 999 * 1_000_000_000


async def test_following_shows_the_newest_line():
    """While following, what comes is on screen."""
    widget = LogLines()
    async with LinesApp(widget).run_test(size=(60, 10)) as pilot:
        for start in range(0, 100, 10):
            widget.add([line(at, text=f"line {at}") for at in range(start, start + 10)])
            await pilot.pause()
        assert widget.scroll_offset.y == 90
        assert "line 99" in widget.render_line(9).text


async def test_scrolling_up_stops_following_and_the_end_takes_it_up():
    """Who reads older lines is not carried away; the end key goes back to the newest."""
    widget = LogLines()
    async with LinesApp(widget).run_test(size=(60, 10)) as pilot:
        widget.focus()
        widget.add([line(at) for at in range(100)])
        await pilot.press("up", "up")
        assert not widget.is_following
        top = widget.scroll_offset.y
        widget.add([line(at) for at in range(100, 120)])
        await pilot.pause()
        assert widget.scroll_offset.y == top
        await pilot.press("end")
        assert widget.is_following
        assert widget.scroll_offset.y == 110


async def test_what_is_read_stays_in_place_when_old_lines_leave():
    """Lines that leave the ring above do not move the lines that are read."""
    widget = LogLines(lines_max=100)
    async with LinesApp(widget).run_test(size=(60, 10)) as pilot:
        widget.focus()
        widget.add([line(at, text=f"line {at}") for at in range(100)])
        await pilot.press("up")
        shown = widget.render_line(0).text
        widget.add([line(100)])
        await pilot.pause()
        assert widget.render_line(0).text == shown


async def test_search_goes_from_match_to_match_and_around():
    """The next match is shown, counted, and after the last comes the first."""
    widget = TextLines([[(f"line {n}", "text")] for n in range(100)])
    app = LinesApp(widget)
    async with app.run_test(size=(60, 10)) as pilot:
        widget.search("LINE 5")
        for _ in range(11):
            widget.next_match(1)
        widget.next_match(-1)
        widget.search("nowhere")
        await pilot.pause()
        assert app.searches[0] == ("LINE 5", 1, 11)
        assert app.searches[1] == ("LINE 5", 2, 11)
        assert app.searches[11] == ("LINE 5", 1, 11)
        assert app.searches[12] == ("LINE 5", 11, 11)
        assert app.searches[13] == ("nowhere", 0, 0)


async def test_long_lines_scroll_sideways():
    """A line longer than the screen can be read to its end."""
    widget = TextLines([[("a" * 50 + "b" * 50 + "END", "text")]])
    async with LinesApp(widget).run_test(size=(60, 10)) as pilot:
        widget.focus()
        await pilot.pause()
        await pilot.press(*["right"] * 6)
        assert "END" in widget.render_line(0).text


async def test_a_long_line_is_folded_once_for_a_frame():
    """Of a wrapped line as tall as the screen no row costs the whole line again."""
    widget = TextLines([[("x" * 5_000, "text")]])
    async with LinesApp(widget).run_test(size=(60, 10)) as pilot:
        widget.toggle_wrap()
        await pilot.pause()
        folded, fold = [], widget.folded
        widget.folded = lambda spans, width: folded.append(1) or fold(spans, width)
        widget.refresh()
        shown = widget.render_lines(Region(0, 0, 60, 10))
        assert [strip.text.strip() for strip in shown] == ["x" * 60, *["x" * 58] * 9]
        assert len(folded) == 1


@given(st.lists(st.text(st.sampled_from("ab 漢é"), max_size=60), max_size=12), st.integers(20, 70))
def test_the_height_of_a_wrapped_line_is_that_of_its_rows(texts, width):
    """However the number of rows of a line is found, it is the number of rows that are drawn."""

    async def compare():
        widget = LogLines()
        async with LinesApp(widget).run_test(size=(width, 10)):
            widget.add([line(at, text) for at, text in enumerate(texts)])
            widget.toggle_wrap()
            drawn = [len(widget.rows_of(index)) for index in range(len(texts))]
            assert list(widget.heights(0)) == drawn

    asyncio.run(compare())


async def test_wrapped_lines_keep_their_place_when_lines_come_and_leave():
    """Rows of new lines, of late ones and of those that leave the ring are counted as they are."""
    widget = LogLines(lines_max=100)
    async with LinesApp(widget).run_test(size=(60, 10)) as pilot:
        widget.focus()
        widget.toggle_wrap()
        widget.add([line(at, text=f"line {at} " + "x" * 100) for at in range(100)])
        await pilot.press("up")
        shown = widget.render_line(0).text
        widget.add([line(100, text="y" * 300), line(50, text="late")])
        await pilot.pause()
        assert widget.render_line(0).text == shown
        assert widget.virtual_size.height == sum(widget.heights(0))
        await pilot.press("end")
        assert widget.render_line(9).text.strip() == "y" * (300 % 36)
