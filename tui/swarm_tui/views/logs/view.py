"""Logs of services, tasks, nodes or several of them: lines as they come, in the order of their time, whoever wrote them.

The past of attempts that have ended is part of it. An attempt's end, and a node that gives no lines, stand between the lines as rules; what
is missing now stands on the border too. Whose lines it is about is `scope`, the reading itself `reading`, and how lines are shown the
business of the widget.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from swarm_core.api.proto import objects_pb2
from swarm_core.client import logs
from swarm_core.client.log_query import LogQuery
from textual.app import ComposeResult

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.session import Session
from swarm_tui.resources import format as fmt
from swarm_tui.resources.model import Realm
from swarm_tui.resources.time_ranges import TimeRange
from swarm_tui.views.lines_view import LinesPage
from swarm_tui.views.logs.happenings import Happenings
from swarm_tui.views.logs.reading import LogReading
from swarm_tui.views.logs.scope import Scope, has_ended, scope_of
from swarm_tui.views.place import Place
from swarm_tui.views.savable import Saved
from swarm_tui.views.view import Context, ViewKind
from swarm_tui.widgets.clock_text import zone
from swarm_tui.widgets.log_buffer import LogLine
from swarm_tui.widgets.log_filter import LogFilter
from swarm_tui.widgets.log_lines import Form, LogLines

NAME: Final = "logs"
STDOUT: Final = "stdout"
STDERR: Final = "stderr"
_NOTHING: Final = "■ no attempt has ended"
_GAPS_NAMED: Final = 2
Task = objects_pb2.Task


class LogsView(LinesPage):
    """See the module's text."""

    find_hint = "words, /pattern/, or ! before either: lines without it"

    def __init__(self, session: Session) -> None:
        super().__init__(id=NAME)
        self._session = session
        self._lines = LogLines()
        self._lines.add_class("pane")
        self._reading = LogReading(self, session, self._take, self.describe_border)
        self._happenings = Happenings()
        self._place: Place | None = None
        self._scope = Scope("", LogQuery())
        self._range = TimeRange()
        self.range_text = ""
        """The stretch of time that was asked for, as it was typed."""
        self._is_live_only = False

    def compose(self) -> ComposeResult:
        yield self._lines

    @property
    def lines(self) -> LogLines:
        return self._lines

    # -- told by the shell -------------------------------------------------------------------------

    def arrive(self, place: Place) -> None:
        """Show the logs that the place is about, from their last lines on."""
        self.show(place)
        self._lines.focus()

    def show(self, place: Place) -> None:
        self._place = place
        self._scope = scope_of(place, self._session.mirror)
        self._is_live_only = False
        self.show_range("", TimeRange())

    def leave(self) -> None:
        self._place = None
        self._reading.stop()

    def apply(self, changes: Changes) -> None:
        if self._place is None or not self._concerns(changes):
            return
        scope = scope_of(self._place, self._session.mirror)
        if not self._scope.is_previous:
            if scope.query != self._scope.query:
                # Something joined or left that the place is about.
                self._reading.go_on(scope.within(self._range))
            self._scope = scope
        self._name_sources()
        self._tell_happenings()
        self._narrow()
        self.describe_border()

    def tick(self) -> None:
        if self._place is not None and self._happenings.gaps:
            self.describe_border()

    def _concerns(self, changes: Changes) -> bool:
        """Whether what changed may be part of this log."""
        if changes.is_reset or changes.of(objects_pb2.Service) or changes.of(objects_pb2.Node):
            return True
        query, get = self._scope.query, self._session.mirror.get
        tasks = ((id_, get(Task, id_)) for id_ in changes.of(Task))
        return any(
            id_ in self._lines.sources
            or id_ in query.task_ids
            or (task is not None and (task.service_id in query.service_ids or task.node_id in query.node_ids))
            for id_, task in tasks
        )

    # -- what verbs do -----------------------------------------------------------------------------

    @property
    def is_errors_only(self) -> bool:
        """Whether lines that are no errors are hidden."""
        return self._lines.filter.errors_only

    def toggle_errors_only(self) -> None:
        """Show errors alone, or everything."""
        self._change_filter(replace(self._lines.filter, errors_only=not self.is_errors_only))

    def toggle_live_only(self) -> None:
        """Show the lines of attempts that live alone, or those of all."""
        self._is_live_only = not self._is_live_only
        self._narrow()
        self.describe_border()

    def choices(self) -> tuple[list[tuple[str, str]], set[str]]:
        """What lines can be picked by, streams and tasks, each with its text; and which of them are shown now."""
        shown, counts = self._lines.filter, Counter(line.source for line in self._lines.buffer)
        options = [(STDOUT, "standard output"), (STDERR, "standard error")]
        options += [
            (key, f"{source.letter} {source.name}  {fmt.plural(counts[key], 'line')}")
            for key, source in self._lines.sources
        ]
        streams = {STDOUT: shown.has_stdout, STDERR: shown.has_stderr}
        return options, {id_ for id_, _ in options if streams.get(id_, id_ not in shown.hidden)}

    def pick(self, taken: frozenset[str]) -> None:
        """Show the lines of these streams and tasks alone."""
        hidden = frozenset(key for key, _ in self._lines.sources if key not in taken)
        self._change_filter(
            replace(self._lines.filter, has_stdout=STDOUT in taken, has_stderr=STDERR in taken, hidden=hidden)
        )

    def show_range(self, text: str, asked: TimeRange) -> None:
        """Read the lines of a stretch of time; the last lines of each task where `asked` has no borders."""
        self._range, self.range_text = asked, text
        self._lines.reset()
        self._happenings = Happenings()
        self.search_text = ""
        if self._scope.is_empty:
            self._reading.stop()
        else:
            self._reading.start(self._scope.within(asked))
        self._tell_happenings()
        self._narrow()
        self.describe_border()

    @property
    def can_clear(self) -> bool:
        return super().can_clear or self._is_narrowed or bool(self._lines.mark_count)

    def clear_one(self) -> bool:
        if super().clear_one():
            return True
        if self._is_narrowed:
            self._is_live_only = False
            self._change_filter(LogFilter(until_ns=self._range.until_ns))
            return True
        return self._lines.clear_marks()

    @property
    def saved(self) -> Saved:
        """What is shown, each line with its whole time."""
        return Saved(f"{self._scope.title}.log", map(self._saved_line, self._lines.shown))

    @property
    def plain_text(self) -> str:
        return "\n".join(self.saved.lines)

    # -- lines -------------------------------------------------------------------------------------

    def _take(self, lines: Sequence[logs.LogLine]) -> None:
        self._lines.add(
            [LogLine.of_program(one.at_ns, one.task_id, one.text, is_stderr=one.is_stderr) for one in lines]
        )
        self._name_sources()
        if self._is_live_only:
            self._narrow()
        self.describe_border()

    def _name_sources(self) -> None:
        """Tasks by service and slot; a later attempt of the same slot gets part of its id. A task may be so new that its lines came
        first: its name is learned when it is known."""
        mirror, names = self._session.mirror, {source.name for _, source in self._lines.sources}
        for key, source in self._lines.sources:
            found = self._scope.source(key, mirror) if source.name == key else None
            if found is not None:
                name, letter = found
                name = f"{name}·{key[:4]}" if name in names else name
                names.add(name)
                self._lines.name_source(key, name, letter)

    def _tell_happenings(self) -> None:
        mirror = self._session.mirror
        tasks = self._scope.tasks(mirror)
        news = self._happenings.news(tasks, mirror, self._session.now_ns, since_ns=self._range.since_ns)
        if news:
            self._lines.add(news)

    def _narrow(self) -> None:
        ended: frozenset[str] = frozenset()
        if self._is_live_only:
            ids = [key for key, _ in self._lines.sources] + [
                task.id for task in self._scope.tasks(self._session.mirror)
            ]
            held = ((id_, self._session.mirror.get(Task, id_)) for id_ in ids)
            ended = frozenset(id_ for id_, task in held if task is None or has_ended(task))
        self._lines.narrow(replace(self._lines.filter, ended=ended, until_ns=self._range.until_ns))

    @property
    def _is_narrowed(self) -> bool:
        present = replace(self._lines.filter, until_ns=None, ended=frozenset())
        return self._is_live_only or present.hides_something

    def _change_filter(self, wanted: LogFilter) -> None:
        self._lines.narrow(wanted)
        self._narrow()
        self.describe_border()
        self.post_message(self.KeysChanged())

    def _saved_line(self, line: LogLine) -> str:
        who = "---" if line.is_rule else self._lines.sources.of(line.source).name
        return f"{fmt.instant(line.time_ns)} {who} {line.text}"

    # -- the border --------------------------------------------------------------------------------

    def describe_border(self) -> None:
        self._lines.label(f"{self.origin}Logs · {self._scope.title}", " · ".join(filter(None, self._facts())))

    def _facts(self) -> list[str]:
        lines, dropped = self._lines, self._lines.buffer.dropped + self._reading.left_out
        count, shown = len(lines.buffer), len(lines.shown)
        return [
            _NOTHING if self._scope.is_empty else self._reading.status,
            *self._missing(),
            self.search_text + (" only" if self.search_text and lines.shows_matches_only else ""),
            lines.search_problem,
            *self._looks(),
            f"{dropped} dropped" if dropped else "",
            (fmt.plural(count, "line") if shown == count else f"{shown} of {fmt.plural(count, 'line')}")
            if count
            else "no line yet",
            f"times in {zone(self._reading.last_ns)}" if count and lines.shows_times else "",
            "" if not self._is_followed else "● following" if lines.is_following else "○ not following",
        ]

    @property
    def _is_followed(self) -> bool:
        return not self._reading.has_ended and self._scope.query.follow

    def _missing(self) -> list[str]:
        """The nodes that give no lines now."""
        gaps, now_ns = self._happenings.gaps, self._session.now_ns
        named = [f"{gap.node} down {fmt.age(gap.since_ns, now_ns)}" for gap in gaps[:_GAPS_NAMED]]
        more = [f"+{len(gaps) - _GAPS_NAMED}"] if len(gaps) > _GAPS_NAMED else []
        return [f"◌ gap: {', '.join([*named, *more])}"] if gaps else []

    def _looks(self) -> list[str]:
        """What hides lines, or shows them otherwise than they were written."""
        lines = self._lines
        return [
            f"since {self.range_text}"
            if self.range_text and ".." not in self.range_text
            else self.range_text,
            "errors only" if self.is_errors_only else "",
            "live only" if self._is_live_only else "",
            f"{fmt.plural(len(lines.filter.hidden), 'task')} hidden" if lines.filter.hidden else "",
            "" if lines.filter.has_stdout else "stderr only",
            "" if lines.filter.has_stderr else "stdout only",
            f"json {lines.form.value}" if lines.form is not Form.RAW else "",
            "wrapped" if lines.is_wrapped else "",
            fmt.plural(lines.mark_count, "mark") if lines.mark_count else "",
        ]

    def on_log_lines_follow_changed(self, event: LogLines.FollowChanged) -> None:
        self.describe_border()


VIEW: Final = ViewKind(
    NAME, Context.LOG, LogsView, lambda view, ports: view(ports.session), realms=frozenset(Realm)
)
