"""Something on screen always has the keys, and the key bar names the keys that work there."""

import pytest
from swarm_testkit.dashboard import running
from swarm_tui.dialogs.help import Help
from swarm_tui.views.view import is_displayed
from swarm_tui.widgets.bars import KeyBar
from swarm_tui.widgets.notes import Notes
from swarm_tui.widgets.paragraphs import Paragraphs
from textual.widgets import Input


@pytest.mark.parametrize("small", [(40, 12), (80, 24)])
@pytest.mark.parametrize("tabs", range(7))
async def test_a_terminal_grown_smaller_and_larger_again(cluster, small, tabs):
    """Whatever pane had the keys: in a smaller terminal a pane that is seen has them, and afterwards one has them again."""
    async with running(cluster) as run:
        await run.one_by_one(*["tab"] * tabs)
        await run.pilot.resize_terminal(*small)
        await run.pilot.pause()
        if small == (80, 24):
            await run.until(lambda: run.app.focused is not None)
        await run.pilot.resize_terminal(132, 40)
        await run.until(lambda: run.app.focused is not None)
        await run.burst("3")
        assert run.screen.navigator.here.view == "services"


@pytest.mark.parametrize("dialog", ["?", "n", "ctrl+p"])
@pytest.mark.parametrize("tabs", range(6))
async def test_a_terminal_grown_smaller_behind_a_dialog(cluster, tabs, dialog):
    """Whatever pane had the keys when the dialog came up: afterwards a pane that is seen has them."""
    async with running(cluster, size=(160, 45)) as run:
        await run.one_by_one(*["tab"] * tabs, dialog)
        await run.pilot.resize_terminal(99, 30)
        await run.pilot.pause()
        await run.one_by_one("escape")
        await run.until(lambda: run.app.focused is not None and is_displayed(run.app.focused))


@pytest.mark.parametrize("tabs", range(6))
async def test_back_at_a_pane_that_has_the_whole_screen(cluster, tabs):
    """Whichever pane of the dashboard was given the whole screen has the keys when one comes back, and no hidden one."""
    async with running(cluster) as run:
        await run.one_by_one(*["tab"] * tabs, "f")
        zoomed = run.app.focused
        await run.burst("3")
        await run.burst("1")
        await run.until(lambda: run.app.focused is zoomed)


async def test_a_filter_line_keeps_the_keys_through_a_small_terminal(cluster):
    """A filter that was being typed goes on where it was."""
    async with running(cluster) as run:
        await run.burst(*"/re")
        await run.pilot.resize_terminal(40, 12)
        await run.pilot.pause()
        await run.pilot.resize_terminal(132, 40)
        await run.until(lambda: isinstance(run.app.focused, Input))
        await run.burst(*"dis")
        assert run.dashboard.services.found_text == "redis"


def offered(run) -> dict[str, str]:
    return {key.label: key.key for key in run.screen.query_one(KeyBar)._keys}


async def test_a_field_is_offered_only_keys_that_type_nothing(cluster):
    """In a text field help is f1, and no letter is offered; a question mark is a question mark."""
    async with running(cluster) as run:
        assert offered(run)["help"] == "?"
        await run.burst("n")
        assert offered(run)["help"] == "f1"
        assert all(len(key) > 1 for key in offered(run).values())
        await run.burst("?")
        assert run.screen.query_one("#name", Input).value == "?"
        await run.burst("f1")
        assert isinstance(run.app.screen, Help)
        await run.burst("f1")
        assert run.app.screen is run.screen


async def test_problems_and_changes_are_filtered(cluster):
    """`/` narrows down the notes that have the keys, escape shows all again."""
    async with running(cluster) as run:
        run.dashboard.problems.notes.focus()
        await run.pilot.pause()
        assert "filter" in offered(run)
        before = len(run.dashboard.problems.notes._notes)
        await run.burst(*"/mailer")
        assert len(run.dashboard.problems.notes._notes) == 1 < before
        assert f"1 of {before} · /mailer" in run.text
        await run.burst("enter", "escape")
        assert len(run.dashboard.problems.notes._notes) == before


async def test_wrapped_text_stands_beside_the_scrollbar(cluster):
    """No letter of a problem is hidden under the bar that scrolls."""
    async with running(cluster, size=(104, 20)) as run:
        notes = run.dashboard.problems.notes
        assert isinstance(notes, Notes)
        await run.until(lambda: notes.show_vertical_scrollbar)
        width = notes.scrollable_content_region.width
        shown = " ".join("".join(text for text, _ in line).strip() for _, line in notes._lines)
        for note in notes._notes:
            for sentence in note.sentences:
                assert " ".join("".join(text for text, _ in sentence).split()) in shown
        assert all(sum(len(text) for text, _ in line) <= width for _, line in notes._lines)


async def test_the_form_wraps_its_forecast_to_the_width_it_has(cluster):
    """From the first picture on the forecast uses the whole pane."""
    async with running(cluster) as run:
        await run.burst("n")
        fit = run.screen.query_one("#fit", Paragraphs)
        lines = [fit.render_line(y).text for y in range(fit.size.height)]
        longest = max(len(line.rstrip()) for line in lines)
        assert longest > fit.size.width // 2, lines
