"""How logs are shown, and which of their lines."""

from collections.abc import Callable
from typing import Final

from swarm_core.specs.errors import InvalidValue

from swarm_tui.dialogs.ask_line import AskLine, Judged
from swarm_tui.dialogs.pick import Pick
from swarm_tui.resources.time_ranges import TimeRange, range_of
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.logs.view import LogsView
from swarm_tui.views.view import Context

_LAST_LINES: Final = "the last lines of each task, and what comes"


def _verb(
    word: str,
    key: str,
    label: str,
    help_: str,
    work: Callable[[LogsView], object],
    rank: int = 0,
    shown: str = "",
) -> Verb:
    def run(ports: Ports) -> None:
        view = ports.part(LogsView)
        if view is not None:
            work(view)

    return Verb(f"log.{word}", (key,), label, help_, Context.LOG, run, rank=rank, shown=shown)


def _toggle_following(view: LogsView) -> None:
    view.lines.is_following = not view.lines.is_following


def _toggle_times(view: LogsView) -> None:
    view.lines.shows_times = not view.lines.shows_times
    view.describe_border()


def _clear(view: LogsView) -> None:
    view.lines.clear()
    view.describe_border()


async def _pick(ports: Ports) -> None:
    view = ports.part(LogsView)
    if view is not None:
        options, taken = view.choices()
        answer = await ports.desk.ask(Pick("Whose lines", options, taken))
        if answer is not None:
            view.pick(answer)


async def _ask_range(ports: Ports) -> None:
    view = ports.part(LogsView)
    if view is None:
        return
    now_ns = ports.desk.now_ns

    def judge(text: str) -> Judged:
        try:
            asked = range_of(text, now_ns)
        except InvalidValue as error:
            return Judged(f"✖ {error}", is_fine=False)
        if asked == TimeRange():
            return Judged(_LAST_LINES)
        return Judged(
            "up to a time that was" if asked.until_ns is not None else "from then on, and what comes"
        )

    question = "Lines of which time? An age, a time of day, two with .. between, or all."
    answer = await ports.desk.ask(
        AskLine(
            "Time range", question, judge, text=view.range_text, hint="15m   1h..30m   14:02..14:05   all"
        )
    )
    if answer is not None:
        view.show_range(answer.strip(), range_of(answer, now_ns))


FOLLOW = _verb(
    "follow", "s", "follow", "stay at the newest line, or stop doing so", _toggle_following, rank=1
)
MATCHES_ONLY = _verb(
    "matches_only",
    "equals_sign",
    "context",
    "show only the lines that the search finds, or all around them",
    lambda view: view.lines.toggle_matches_only(),
    rank=5,
    shown="=",
)
TIMES = _verb("times", "t", "times", "show or hide the time of each line", _toggle_times, rank=9)
ATTEMPTS = _verb(
    "attempts",
    "a",
    "attempts",
    "show the lines of attempts that live alone, or of all",
    LogsView.toggle_live_only,
    rank=8,
)
RANGE = Verb(
    "log.range", ("r",), "range", "choose the time that lines are from", Context.LOG, _ask_range, rank=10
)
JSON = _verb(
    "json",
    "J",
    "json",
    "show JSON as fields on a line, indented, or as it was written",
    lambda view: view.lines.next_form(),
    rank=25,
)
SOURCES = Verb(
    "log.sources",
    ("o",),
    "whose",
    "choose output, errors and tasks whose lines are shown",
    Context.LOG,
    _pick,
    rank=26,
)
CLEAR = _verb("clear", "C", "clear", "forget the lines so far; new ones come on", _clear)
