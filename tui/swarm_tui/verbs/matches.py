"""From match to match of a search, in texts and in logs."""

from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.lines_view import LinesPage
from swarm_tui.views.view import Context


def _is_searched(ports: Ports) -> bool:
    page = ports.part(LinesPage)
    return page is not None and bool(page.found_text)


def _go(ports: Ports, direction: int) -> None:
    page = ports.part(LinesPage)
    if page is not None:
        page.next_match(direction)


def _next(context: Context, prefix: str, rank: int) -> Verb:
    return Verb(
        f"{prefix}.next_match",
        ("n",),
        "next match",
        "go to the next match of the search",
        context,
        lambda ports: _go(ports, 1),
        _is_searched,
        rank=rank,
    )


def _previous(context: Context, prefix: str, rank: int) -> Verb:
    return Verb(
        f"{prefix}.previous_match",
        ("N",),
        "previous",
        "go to the previous match",
        context,
        lambda ports: _go(ports, -1),
        _is_searched,
        rank=rank,
    )


NEXT_IN_TEXT = _next(Context.TEXT, "text", rank=2)
PREVIOUS_IN_TEXT = _previous(Context.TEXT, "text", rank=3)
NEXT_IN_LOG = _next(Context.LOG, "log", rank=3)
PREVIOUS_IN_LOG = _previous(Context.LOG, "log", rank=4)
