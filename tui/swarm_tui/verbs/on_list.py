"""The list that has the focus, as verbs see it."""

from collections.abc import Callable

from swarm_tui.verbs.ports import Ports
from swarm_tui.views.lists.pane import ObjectPane


def is_there(ports: Ports) -> bool:
    """Whether a list has the focus."""
    return ports.part(ObjectPane) is not None


def has_rows(ports: Ports) -> bool:
    """Whether a list has the focus and something in it is selected."""
    pane = ports.part(ObjectPane)
    return pane is not None and bool(pane.selected_kind)


def doing(work: Callable[[ObjectPane], object]) -> Callable[[Ports], None]:
    """Do `work` with the list, if one has the focus."""

    def run(ports: Ports) -> None:
        pane = ports.part(ObjectPane)
        if pane is not None:
            work(pane)

    return run
