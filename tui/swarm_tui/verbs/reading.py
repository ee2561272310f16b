"""Reading texts and logs: wrapping of long lines, and marks on lines."""

from collections.abc import Callable
from typing import Final

from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.lines_view import LinesPage
from swarm_tui.views.view import Context
from swarm_tui.widgets.lines import LinesView

_PREFIXES: Final = {Context.TEXT: "text", Context.LOG: "log"}


def _verb(
    context: Context,
    word: str,
    key: str,
    texts: tuple[str, str],
    work: Callable[[LinesView], object],
    rank: int = 0,
) -> Verb:
    def run(ports: Ports) -> None:
        page = ports.part(LinesPage)
        if page is not None:
            work(page.lines)

    return Verb(f"{_PREFIXES[context]}.{word}", (key,), *texts, context, run, rank=rank)


def verbs_of(context: Context) -> tuple[Verb, ...]:
    """The verbs for texts, or those for logs."""
    return (
        _verb(
            context,
            "wrap",
            "w",
            ("wrap", "let long lines take several rows, or cut them at the edge"),
            LinesView.toggle_wrap,
            rank=24,
        ),
        _verb(
            context,
            "mark",
            "m",
            (
                "mark",
                "mark the line found last, or the first one on screen; of a log that is followed the newest",
            ),
            LinesView.toggle_mark,
        ),
        _verb(context, "next_mark", "M", ("next mark", "go to the next marked line"), LinesView.next_mark),
    )
