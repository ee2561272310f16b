"""Marks: verbs work on all objects that are marked."""

from swarm_tui.verbs import on_list
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.lists.rows_pane import RowsPane
from swarm_tui.views.view import Context


def _has_marks(ports: Ports) -> bool:
    pane = ports.part(RowsPane)
    return pane is not None and bool(pane.table.marks)


MARK = Verb(
    "list.mark",
    ("space",),
    "mark",
    "mark or unmark; verbs then work on all that are marked",
    Context.LIST,
    on_list.with_rows(lambda pane: pane.mark()),
    on_list.has_rows,
)
MARK_RANGE = Verb(
    "list.mark_range",
    ("ctrl+at", "ctrl+space"),
    "mark range",
    "mark from the last marked row to this one",
    Context.LIST,
    on_list.with_rows(lambda pane: pane.mark_range()),
    on_list.has_rows,
    shown="ctrl+space",
)
MARK_ALL = Verb(
    "list.mark_all",
    ("asterisk",),
    "mark all",
    "mark everything that is listed",
    Context.LIST,
    on_list.with_rows(lambda pane: pane.mark_all()),
    on_list.has_rows,
)
CLEAR_MARKS = Verb(
    "list.clear_marks",
    ("ctrl+backslash",),
    "clear marks",
    "unmark everything",
    Context.LIST,
    on_list.with_rows(lambda pane: pane.clear_marks()),
    _has_marks,
)
