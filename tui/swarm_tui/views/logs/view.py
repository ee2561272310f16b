"""Live logs of a service, a task or a node: lines as they come, in the order of their time.

One worker reads one query; showing other logs or leaving the view ends it. Lines are collected and shown at
most ten times a second. When the stream breaks, the lines stay, the border says so, and reading goes on
after the last line that was seen. When all that is followed has ended the border says so; tasks that come again are followed.
"""

from collections.abc import Sequence
from typing import Final

from swarm_core.api.proto import objects_pb2
from swarm_core.client import logs
from swarm_core.client.errors import CallFailed, IncompleteLogs, Unreachable
from swarm_core.client.log_query import LogQuery
from textual.app import ComposeResult
from textual.timer import Timer
from textual.worker import Worker

from swarm_tui.clusters.log_end import LAST_LINES_S, is_over
from swarm_tui.clusters.session import Session
from swarm_tui.resources import registry
from swarm_tui.resources.format import plural
from swarm_tui.resources.tasks import name as task_name
from swarm_tui.views.lines_view import LinesPage
from swarm_tui.views.place import Place
from swarm_tui.views.view import Context, ViewKind
from swarm_tui.widgets.clock_text import zone
from swarm_tui.widgets.log_lines import LogLine, LogLines

NAME: Final = "logs"
TAIL: Final = 500
_PAINT_S: Final = 0.1
_LOOK_S: Final = 0.5
_OVER: Final = "■ ended: every task has ended"


class LogsView(LinesPage):
    """See the module's text."""

    def __init__(self, session: Session) -> None:
        super().__init__(id=NAME)
        self._session = session
        self._lines = LogLines()
        self._lines.add_class("pane")
        self._title = ""
        self._status = ""
        self._query = LogQuery()
        self._labels: dict[str, str] = {}
        self._waiting: list[logs.LogLine] = []
        self._paint: Timer | None = None
        self._looking: Timer | None = None
        self._over_for = 0
        self._reader: Worker[None] | None = None
        self._last_ns = 0

    def compose(self) -> ComposeResult:
        yield self._lines

    @property
    def lines(self) -> LogLines:
        return self._lines

    def arrive(self, place: Place) -> None:
        """Follow the logs of an object from its last lines on."""
        self.leave()
        kind, object_id = registry.by_noun(place.kind), place.id
        item = self._session.mirror.get(kind.message, object_id)
        self._title = kind.name(item, self._session.mirror) if item is not None else object_id
        self._lines.reset()
        self._lines.search("")
        self._labels.clear()
        self._last_ns = 0
        assert kind.logs is not None, f"a {kind.noun} has no logs"
        whose = kind.logs(object_id)
        self._query = LogQuery(
            service_ids=tuple(whose.service_ids),
            task_ids=tuple(whose.task_ids),
            node_ids=tuple(whose.node_ids),
            follow=True,
            tail=TAIL,
        )
        self._read(self._query)
        self._looking = self.set_interval(_LOOK_S, self._look_for_the_end)
        self._lines.focus()

    def leave(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
        for timer in (self._paint, self._looking):
            if timer is not None:
                timer.stop()
        self._paint = self._looking = None
        self._over_for = 0
        self._waiting.clear()

    def toggle_follow(self) -> None:
        """Stay at the newest line, or stop doing so."""
        self._lines.is_following = not self._lines.is_following

    def toggle_times(self) -> None:
        """Show or hide the time of each line."""
        self._lines.shows_times = not self._lines.shows_times
        self.describe_border()

    def _read(self, query: LogQuery) -> None:
        self._status = ""
        self.describe_border()
        self._reader = self.run_worker(self._run(query), group="logs", exclusive=True)

    async def _run(self, query: LogQuery) -> None:
        try:
            await self._session.logs.run(query, self._take, self._hear)
        except IncompleteLogs as error:
            self._status = f"▲ {error}"
        except (CallFailed, Unreachable) as error:
            self._status = f"✖ {error}"
        self.describe_border()

    def _hear(self, reason: str | None) -> None:
        """The stream broke, or goes on."""
        self._status = "" if reason is None else "◌ stream lost, trying again"
        self.describe_border()

    def _look_for_the_end(self) -> None:
        """Say so when all that is followed has ended, and go on when tasks come again."""
        if not is_over(self._session.mirror, self._query):
            was_told, self._over_for = self._over_for * _LOOK_S >= LAST_LINES_S, 0
            if was_told:
                self._read_on()
            return
        self._over_for += 1
        if self._over_for * _LOOK_S >= LAST_LINES_S and self._status != _OVER:
            if self._reader is not None:
                self._reader.cancel()
            self._status = _OVER
            self.describe_border()

    def _read_on(self) -> None:
        """Follow tasks that came after all had ended: from the last line that came on."""
        since_ns = self._last_ns + 1 if self._last_ns else None
        query = self._query if since_ns is None else _resumed(self._query, since_ns)
        self._read(query)

    def _take(self, lines: Sequence[logs.LogLine]) -> None:
        self._waiting.extend(lines)
        if self._paint is None:
            self._paint = self.set_timer(_PAINT_S, self._show_waiting)

    def _show_waiting(self) -> None:
        self._paint = None
        lines, self._waiting = self._waiting, []
        self._last_ns = max(self._last_ns, max(line.at_ns for line in lines))
        self._lines.add([self._shown(line) for line in lines])
        self.describe_border()

    def _shown(self, line: logs.LogLine) -> LogLine:
        return LogLine.of_program(line.at_ns, self._label(line.task_id), line.text, is_error=line.is_stderr)

    def _label(self, task_id: str) -> str:
        """Who wrote it: service and slot; a later attempt of the same slot gets part of its id."""
        label = self._labels.get(task_id)
        if label is None:
            task = self._session.mirror.get(objects_pb2.Task, task_id)
            if task is None:
                # It may be a task so new that its lines came first: its name is asked for again.
                return task_id[:8]
            label = task_name(task, self._session.mirror)
            if label in self._labels.values():
                label = f"{label}·{task_id[:4]}"
            self._labels[task_id] = label
        return label

    def describe_border(self) -> None:
        count = len(self._lines.buffer)
        parts = [
            self._status,
            self.search_text,
            f"{self._lines.buffer.dropped} dropped" if self._lines.buffer.dropped else "",
            plural(count, "line") if count else "no line yet",
            f"times in {zone(self._last_ns)}" if count and self._lines.shows_times else "",
            "" if self._status == _OVER else "● following" if self._lines.is_following else "○ not following",
        ]
        self._lines.label(f"Logs · {self._title}", " · ".join(filter(None, parts)))

    def on_log_lines_follow_changed(self, event: LogLines.FollowChanged) -> None:
        self.describe_border()


def _resumed(query: LogQuery, since_ns: int) -> LogQuery:
    return LogQuery(
        service_ids=query.service_ids,
        task_ids=query.task_ids,
        node_ids=query.node_ids,
        follow=True,
        since_ns=since_ns,
    )


VIEW: Final = ViewKind(NAME, Context.LOG, LogsView, lambda view, ports: view(ports.session))
