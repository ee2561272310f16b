"""Columns that say what is wrong, in the smallest terminal."""

import pytest
from swarm_tui.resources import stacks, tasks, tree
from swarm_tui.resources.engines import engines
from swarm_tui.widgets.columns import place

SMALLEST = 57
"""Cells of a table in a terminal of 60, beside the border and the bar of a list that is scrolled."""


@pytest.mark.parametrize(
    ("columns", "cause"),
    [
        (tasks.COLUMNS, "cause"),
        (stacks.COLUMNS, "cause"),
        (tree.COLUMNS, "cause"),
        (engines.COLUMNS, "note"),
    ],
    ids=["tasks", "stacks", "tree", "engines"],
)
def test_a_cause_is_shown_in_the_smallest_terminal(columns, cause) -> None:
    """It is left out after what matters less."""
    assert cause in {one.column.id for one in place(columns, SMALLEST)}
