"""The line-drawn table by itself, over rows of a list."""

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from swarm_tui.resources.model import Align, Cell, Column, Role, Span
from swarm_tui.resources.refs import ONLY_CLUSTER, ObjectRef
from swarm_tui.widgets import table as module
from swarm_tui.widgets.columns import place
from swarm_tui.widgets.drawn_row import DrawnRow
from swarm_tui.widgets.table import ObjectTable
from swarm_tui.widgets.theme import DARK, role_colors
from textual.app import App

COLUMNS = (Column("name", "NAME", 10, grow=1), Column("value", "VALUE", 6, align=Align.RIGHT))


def row(name):
    return ObjectRef(ONLY_CLUSTER, "row", name)


class Rows:
    """Rows by id, and how often each one's cells were asked for."""

    def __init__(self, count):
        self.order = [row(f"row-{n:05}") for n in range(count)]
        self.values = dict.fromkeys(self.order, "0")
        self.asked = []
        self.columns = COLUMNS
        self.sorted_by = ("name", False)

    def __len__(self):
        return len(self.order)

    def id_at(self, index):
        return self.order[index]

    def index_of(self, row_id):
        return self.order.index(row_id) if row_id in self.values else None

    def cells(self, row_id):
        self.asked.append(row_id)
        return (Cell((Span(row_id.id, Role.TEXT),)), Cell((Span(self.values[row_id], Role.OK),)))

    def remove(self, row_id):
        self.order.remove(row_id)
        del self.values[row_id]


class TableApp(App):
    def __init__(self, rows):
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.rows = rows
        self.seen = []

    def get_css_variables(self):
        variables = super().get_css_variables()
        self.theme_variables = variables | role_colors(self.current_theme, variables)
        return self.theme_variables

    def compose(self):
        yield ObjectTable(self.rows)

    def on_object_table_opened(self, event):
        self.seen.append(("opened", event.row_id))

    def on_object_table_heading_clicked(self, event):
        self.seen.append(("heading", event.key))


@asynccontextmanager
async def table_of(count, size=(40, 12)):
    app = TableApp(Rows(count))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, app.query_one(ObjectTable), pilot


def lines(app):
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


async def test_only_visible_rows_are_asked_for():
    """Of ten thousand rows the cells of a screenful are computed."""
    async with table_of(10_000) as (app, table, _):
        assert set(app.rows.asked) == set(app.rows.order[:11])
        assert table.visible_ids() == app.rows.order[:11]


async def test_a_change_out_of_sight_costs_nothing():
    """Telling of a row that is not on screen computes no cells and paints nothing."""
    async with table_of(100) as (app, table, pilot):
        app.rows.asked.clear()
        app.rows.values[row("row-00050")] = "9"
        table.rows_changed([row("row-00050")])
        await pilot.pause()
        assert app.rows.asked == []


async def test_a_visible_change_is_painted_alone():
    """A changed row on screen is computed and painted, its neighbours are not computed again."""
    async with table_of(100) as (app, table, pilot):
        app.rows.asked.clear()
        app.rows.values[row("row-00003")] = "77"
        table.rows_changed([row("row-00003")])
        await pilot.pause()
        assert set(app.rows.asked) == {row("row-00003")}
        assert lines(app)[4].split() == ["row-00003", "77"]


async def test_what_changed_out_of_sight_before_time_passes_is_drawn_anew_later():
    """Rows that are seen are looked at when time passes; what was drawn of the others is forgotten."""
    async with table_of(100) as (app, table, pilot):
        table.move_to(row("row-00050"))
        await pilot.pause()
        app.rows.asked.clear()
        app.rows.values |= {row("row-00003"): "77", row("row-00050"): "78"}
        table.unseen_changed({"row-00003", "row-00050"})
        assert app.rows.asked == []
        table.time_passed()
        await pilot.pause()
        assert lines(app)[-1].split()[:2] == ["row-00050", "78"]
        table.move_to(row("row-00003"))
        await pilot.pause()
        assert lines(app)[1].split()[:2] == ["row-00003", "77"]


async def test_of_a_row_that_changed_only_the_cells_that_did_are_drawn_anew(monkeypatch):
    """The others are as they were drawn before; on another ground, and after a row of other cells, all are drawn."""
    drawn = []
    cell_spans = module.cell_spans

    def noted(cell, width, *, is_right=False):
        drawn.append(cell.text)
        return cell_spans(cell, width, is_right=is_right)

    monkeypatch.setattr(module, "cell_spans", noted)
    async with table_of(100) as (app, table, pilot):
        drawn.clear()
        app.rows.values[row("row-00003")] = "77"
        table.rows_changed([row("row-00003")])
        await pilot.pause()
        assert drawn == ["77"]
        assert lines(app)[4].split() == ["row-00003", "77"]
        drawn.clear()
        table.move_to(row("row-00003"))
        await pilot.pause()
        assert sorted(drawn) == ["0", "77", "row-00000", "row-00003"]
        drawn.clear()
        app.rows.cells = lambda row_id: ()
        table.rows_changed([row("row-00003")])
        await pilot.pause()
        assert drawn == []
        assert lines(app)[4] == ""


async def test_a_change_that_no_column_shows_paints_nothing(painted):
    """What stands in a column that has no room is not painted, nor the row."""
    async with table_of(20, size=(12, 12)) as (app, table, pilot):
        app.rows.columns = (COLUMNS[0], replace(COLUMNS[1], drop=1))
        table.heading_changed()
        await pilot.pause()
        painted.clear()
        app.rows.values[row("row-00003")] = "77"
        table.rows_changed([row("row-00003")])
        table.time_passed()
        await pilot.pause()
        assert painted == []


@pytest.fixture
def painted(monkeypatch):
    """The lines that a table was asked to paint, counted from its top."""
    out = []
    paint = ObjectTable.render_line

    def render_line(table, y):
        out.append(y)
        return paint(table, y)

    monkeypatch.setattr(ObjectTable, "render_line", render_line)
    return out


async def test_only_lines_with_another_row_are_painted(painted):
    """When rows change places, the lines between them stay as they are."""
    async with table_of(20) as (app, table, pilot):
        painted.clear()
        order = app.rows.order
        order[2], order[5] = order[5], order[2]
        table.order_changed()
        await pilot.pause()
        assert set(painted) == {3, 6}
        assert [line.split()[0] for line in lines(app)[1:8]] == [row_id.id for row_id in order[:7]]


async def test_the_same_label_paints_nothing(painted):
    """What stands on the border already costs nothing when it is told again; another label is shown."""
    async with table_of(20) as (app, table, pilot):
        table.styles.border = ("round", "white")
        table.label("Rows", "20")
        await pilot.pause()
        painted.clear()
        table.label("Rows", "20")
        await pilot.pause()
        assert painted == []
        table.label("Rows", "19")
        await pilot.pause()
        assert "Rows" in lines(app)[0] and "19" in lines(app)[-1]


async def test_the_cursor_stays_on_its_object():
    """When rows move, the cursor goes along with the object it is on."""
    async with table_of(20) as (app, table, pilot):
        await pilot.press("down", "down", "down")
        assert table.cursor_id == row("row-00003")
        app.rows.order.reverse()
        table.order_changed()
        await pilot.pause()
        assert table.cursor_id == row("row-00003")
        await pilot.press("down")
        assert table.cursor_id == row("row-00002")


async def test_the_cursor_takes_the_place_of_a_removed_row():
    """When its object is gone, the cursor stands on the row that took its place, at the end on the last."""
    async with table_of(3) as (app, table, pilot):
        await pilot.press("down")
        app.rows.remove(row("row-00001"))
        table.order_changed()
        assert table.cursor_id == row("row-00002")
        app.rows.remove(row("row-00002"))
        table.order_changed()
        assert table.cursor_id == row("row-00000")
        app.rows.remove(row("row-00000"))
        table.order_changed()
        await pilot.pause()
        assert table.cursor_id is None
        assert "nothing here" in lines(app)[1]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["j", "j", "k"], 1),
        (["G"], 99),
        (["end", "home"], 0),
        (["end", "g"], 0),
        (["pagedown"], 10),
        (["pagedown", "pageup"], 0),
        (["up"], 0),
    ],
)
async def test_keys_move_the_cursor(keys, expected):
    """Arrows and vi's keys, pages and ends; the cursor never leaves the rows and is always on screen."""
    async with table_of(100) as (app, table, pilot):
        await pilot.press(*keys)
        assert table.cursor_id == app.rows.order[expected]
        assert table.cursor_id in table.visible_ids()


async def test_enter_and_double_click_open():
    """Enter opens the row under the cursor, a double click the row it hits."""
    async with table_of(20) as (app, table, pilot):
        await pilot.press("down", "enter")
        await pilot.double_click(ObjectTable, offset=(5, 4))
        await pilot.pause()
        assert app.seen == [("opened", row("row-00001")), ("opened", row("row-00003"))]
        assert table.cursor_id == row("row-00003")


async def test_a_click_on_a_heading_names_its_column():
    """Headings are clickable."""
    async with table_of(20) as (app, _, pilot):
        await pilot.click(ObjectTable, offset=(35, 0))
        assert app.seen == [("heading", "value")]


async def test_marks_follow_ids_and_are_what_verbs_work_on():
    """Marked rows, in their order, are the selection; without marks it is the row under the cursor."""
    async with table_of(20) as (app, table, pilot):
        assert table.selected_ids == [row("row-00000")]
        table.toggle_mark(row("row-00005"))
        table.toggle_mark(row("row-00002"))
        app.rows.order.reverse()
        table.order_changed()
        await pilot.pause()
        assert table.selected_ids == [row("row-00005"), row("row-00002")]
        assert table.clear_marks()
        assert table.selected_ids == [row("row-00000")]


async def test_marks_of_removed_rows_are_dropped():
    """A verb never works on a marked row that is gone, wherever the cursor is."""
    async with table_of(20) as (app, table, _):
        table.toggle_mark(row("row-00007"))
        table.toggle_mark(row("row-00008"))
        app.rows.remove(row("row-00007"))
        table.order_changed()
        assert table.selected_ids == [row("row-00008")]


async def test_every_line_has_the_background_to_the_edge():
    """No line ends in cells without a background, also below the last row."""
    async with table_of(3) as (_, table, _):
        for y in range(12):
            strip = table.render_line(y)
            assert strip.cell_length == table.scrollable_content_region.width
            assert all(segment.style.bgcolor is not None for segment in strip)


async def test_the_awaited_row_gets_the_cursor_when_it_comes():
    """A new object gets the cursor when it is listed, unless the person moved it meanwhile."""
    async with table_of(5) as (app, table, pilot):
        table.await_row(row("row-new"))
        app.rows.order.insert(2, row("row-new"))
        app.rows.values[row("row-new")] = "1"
        table.order_changed()
        assert table.cursor_id == row("row-new")
        table.await_row(row("row-other"))
        await pilot.press("up")
        app.rows.order.append(row("row-other"))
        app.rows.values[row("row-other")] = "1"
        table.order_changed()
        assert table.cursor_id == row("row-00001")


def test_a_row_that_is_gone_may_be_looked_at_again():
    """While the cursor moves, what is gone keeps its place: its cells are none, once and every time after."""
    drawn = DrawnRow((Cell((Span("a", Role.TEXT),)), Cell((Span("b", Role.TEXT),))))
    placed = place(COLUMNS, 40)
    assert [drawn.renew((), placed), drawn.renew((), placed)] == [True, False]
    assert drawn.renew((Cell(), Cell()), placed)
