"""The list that has the focus, or the tree, as verbs see it."""

from collections.abc import Callable

from swarm_tui.verbs.ports import Ports
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.lists.rows_pane import RowsPane


def is_there(ports: Ports) -> bool:
    """Whether a list has the focus."""
    return ports.part(ObjectPane) is not None


def has_rows(ports: Ports) -> bool:
    """Whether a list or a tree has the focus and something in it is selected."""
    pane = ports.part(RowsPane)
    return pane is not None and pane.table.cursor_id is not None


def doing(work: Callable[[ObjectPane], object]) -> Callable[[Ports], None]:
    """Do `work` with the list, if one has the focus."""

    def run(ports: Ports) -> None:
        pane = ports.part(ObjectPane)
        if pane is not None:
            work(pane)

    return run


def with_rows(work: Callable[[RowsPane], object]) -> Callable[[Ports], None]:
    """Do `work` with the list or the tree, if one has the focus."""

    def run(ports: Ports) -> None:
        pane = ports.part(RowsPane)
        if pane is not None:
            work(pane)

    return run
