"""How columns share a width."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_tui.resources import registry
from swarm_tui.resources.model import Column, Role, spans
from swarm_tui.widgets.cells import cell_spans
from swarm_tui.widgets.columns import place

COLUMNS = (
    Column("glyph", "", 2),
    Column("name", "NAME", 8, grow=3),
    Column("image", "IMAGE", 10, grow=1, drop=2),
    Column("age", "AGE", 4, drop=1),
    Column("id", "ID", 12, is_wide=True, drop=1),
)


def shown(width):
    return [placed.column.id for placed in place(COLUMNS, width)]


def test_the_highest_drop_goes_first():
    """When room is short columns leave in the order of their drop; 0 stays."""
    assert shown(40) == ["glyph", "name", "image", "age"]
    assert shown(27) == ["glyph", "name", "age"]
    assert shown(16) == ["glyph", "name"]
    assert shown(6) == ["glyph", "name"]


def test_wide_columns_join_where_everything_fits():
    """Columns for wide terminals come only when all others have their room."""
    assert shown(60)[-1] == "id"


def test_spare_room_is_shared_by_weight():
    """Room beyond the natural widths goes to the columns that grow."""
    widths = {placed.column.id: placed.width for placed in place(COLUMNS, 42)}
    natural = {column.id: column.width for column in COLUMNS}
    assert widths["age"] == natural["age"]
    assert widths["name"] - natural["name"] > widths["image"] - natural["image"]


@pytest.mark.parametrize("kind", registry.kinds(), ids=lambda kind: kind.noun)
@given(width=st.integers(1, 300))
def test_no_kind_overlaps_or_overflows(kind, width):
    """At every width the columns of every kind stand side by side within it."""
    end = 0
    for placed in place(kind.columns, width):
        assert placed.x >= end
        end = placed.x + placed.width
    assert end <= max(width, 1)


@pytest.mark.parametrize(
    ("kind", "column", "least"),
    [("stack", "cause", 28), ("engine", "note", 26), ("event", "what", 28), ("cluster", "managers", 36)],
)
def test_the_cause_has_room_before_what_matters_less(kind, column, least):
    """In 80 columns a trouble's cause is not cut beside columns that say nothing of it."""
    placed = place(registry.by_noun(kind).columns, 78)
    assert next(one for one in placed if one.column.id == column).width >= least


def test_the_end_of_a_cell_that_must_not_be_cut():
    """The leader's star stays where the name is too long for its column."""
    leader = replace(spans(("a-very-long-name", Role.TEXT), (" ★", Role.WARNING)), is_end_kept=True)
    assert "".join(text for text, _ in cell_spans(leader, 10)) == "a-very-… ★"
    assert "".join(text for text, _ in cell_spans(leader, 20)) == "a-very-long-name ★  "
