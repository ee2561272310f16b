"""A cluster in words alone, for screen readers: no sign without its word, no bar, no column (docs/design/terminal.md 11.29). Pure but for what a
teller remembers of what it said.
"""

from collections.abc import Iterator
from typing import Any, Final

from swarm_core.api.proto import objects_pb2

from swarm_tui.clusters.changes import Changes, Phase
from swarm_tui.clusters.filters import FilterError, parse
from swarm_tui.clusters.session import Session
from swarm_tui.clusters.tables import Table
from swarm_tui.resources import cluster as clusters
from swarm_tui.resources import registry
from swarm_tui.resources.events import text as event_text
from swarm_tui.resources.format import plural, time_of_day
from swarm_tui.resources.model import LEADER, Cell, Health, Problem, ResourceKind, Role
from swarm_tui.resources.problems import ProblemBoard
from swarm_tui.shell.notices import Notices

LINES_MAX: Final = 12
"""Of news at once: more cannot be listened to."""
_HEALTH: Final = {
    Health.OK: "fine",
    Health.DONE: "done",
    Health.IDLE: "idle",
    Health.MOTION: "in motion",
    Health.PARTLY: "not all",
    Health.STALE: "stale",
    Health.WARNING: "warning",
    Health.FAILED: "failed",
}
_SPOKEN: Final = {"→": "to", "·": ",", "…": "...", "−": "-", "×": "x", LEADER: "leader", "↑": "", "↓": ""}
_HINT: Final = (
    "Type status, problems, motion, changes, or a kind such as services or nodes, with words of the filter: services state:failed. "
    "quit ends this. Changes are made by commands, such as swarm-tui service scale."
)


def worded(text: str) -> str:
    """The text with words for signs that are read aloud as something else, or not at all."""
    for sign, word in _SPOKEN.items():
        text = text.replace(sign, f" {word} " if word.isalpha() else word)
    for health in Health:
        text = text.replace(health.glyph, "")
    return " ".join(text.replace(" ,", ",").split())


class Teller:
    """See the module's text."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._mirror = session.mirror
        self._problems = ProblemBoard(session.mirror)
        self._notices = Notices(session.mirror)
        self._said_events: set[str] = set()
        self._said_problems: dict[tuple[str, str], str] = {}
        self._changes = Changes()
        self._has_begun = False
        self._pending: list[str] = []

    def hear(self, changes: Changes) -> None:
        """The mirror tells of changes."""
        now_ns = self._session.now_ns
        if changes.is_reset:
            self._problems.rebuild(now_ns)
        else:
            self._problems.apply(changes.ids, now_ns)
        notices = [worded(text) for text in self._notices.of(changes)]
        if self._has_begun:
            self._pending += [f"{self._time()}, {text}." for text in notices]

    def news(self) -> list[str]:
        """What there is to say now; at first how everything stands."""
        if not self._has_begun:
            if self._mirror.stream.phase is not Phase.LIVE:
                reason = self._mirror.stream.reason
                line = f"Connecting: {worded(reason)}." if reason else "Connecting."
                return [] if line in self._pending else self._noted(line)
            self._has_begun = True
            self._pending = []
            self._said_events = {event.id for event in self._mirror.events}
            self._said_problems = {_key(one): one.cause for one in self._problems.all()}
            return [*self.status(), *self.problems(), "Changes are told as they come.", _HINT]
        lines = [*self._pending, *self._events(), *self._new_problems()]
        self._pending = []
        more = len(lines) - LINES_MAX
        return [*lines[:LINES_MAX], f"And {plural(more, 'more change')}."] if more > 0 else lines

    def _noted(self, line: str) -> list[str]:
        self._pending.append(line)
        return [line]

    def _time(self) -> str:
        return time_of_day(self._session.now_ns)

    # -- what became different -----------------------------------------------------------------------

    def _events(self) -> Iterator[str]:
        for event in self._mirror.events:
            if event.id not in self._said_events and not event.is_failure:
                when = time_of_day(event.at_ns)
                yield f"{when}, {event.ref.kind} {event.name}: {worded(event_text(event))}."
        self._said_events = {event.id for event in self._mirror.events}

    def _new_problems(self) -> Iterator[str]:
        now = {_key(one): one for one in self._problems.all()}
        for key, one in now.items():
            if self._said_problems.get(key) != one.cause:
                yield f"{self._time()}, {_problem(one)}"
        for kind, name in self._said_problems.keys() - now.keys():
            yield f"{self._time()}, no longer a problem: {kind} {name}."
        self._said_problems = {key: one.cause for key, one in now.items()}

    # -- what is asked for ---------------------------------------------------------------------------

    def answer(self, typed: str) -> list[str]:
        """What a person who types this wants to hear."""
        word, _, rest = typed.partition(" ")
        if word in _ANSWERS and not rest:
            return _ANSWERS[word](self)
        kind = registry.by_word(word)
        return [_HINT] if kind is None else self._list(kind, rest)

    def status(self) -> list[str]:
        """How everything stands, in a few lines."""
        mirror = self._mirror
        counts = ", ".join(
            (
                plural(len(mirror.ids(objects_pb2.Node)), "node"),
                plural(len(mirror.ids(objects_pb2.Service)), "service"),
                plural(mirror.tasks_alive, "task"),
            )
        )
        failures, warnings = self._problems.counts()
        wrong = (
            f"{plural(failures, 'failure')} and {plural(warnings, 'warning')}"
            if failures + warnings
            else "no problem"
        )
        return [
            f"Cluster {self._session.title}: {counts}, {wrong}.",
            f"Managers: {worded(clusters.quorum_text(clusters.quorum(mirror)))}.",
            f"Stream: {self._stream()}.",
        ]

    def _stream(self) -> str:
        stream = self._mirror.stream
        return (
            "live"
            if stream.phase is Phase.LIVE
            else f"{stream.phase.value}, {worded(stream.reason)}".rstrip(", ")
        )

    def problems(self) -> list[str]:
        """Each problem as a sentence, the worst first."""
        found = self._problems.all()
        more = len(found) - LINES_MAX
        told = [_problem(one) for one in found[:LINES_MAX]]
        return [*told, *([f"And {plural(more, 'more problem')}."] if more > 0 else [])] or [
            "No problem is known."
        ]

    def motion(self) -> list[str]:
        """What is on its way."""
        return list(self._moving()) or ["Nothing is in motion."]

    def _moving(self) -> Iterator[str]:
        now_ns = self._session.now_ns
        for kind in registry.kinds():
            if kind.motion is None:
                continue
            for item in self._mirror.objects(kind.message):
                if kind.motion.is_moving(item, self._mirror, now_ns):
                    note = kind.motion.note(item, self._mirror, now_ns)
                    told = ", ".join(filter(None, (_cell(one) for one in (*note.heading, *note.lines))))
                    yield f"In motion: {kind.noun} {kind.name(item, self._mirror)}: {told}."

    def changes(self) -> list[str]:
        """The newest of what became different."""
        newest = sorted(self._mirror.events, key=lambda event: -event.at_ns)[:LINES_MAX]
        told = [
            f"{time_of_day(one.at_ns)}, {one.ref.kind} {one.name}: {worded(event_text(one))}."
            for one in newest
        ]
        return told or ["Nothing changed since this began."]

    def _list(self, kind: ResourceKind[Any], terms: str) -> list[str]:
        """The objects of a kind, a line each; a list that is cut says so."""
        now_ns = self._session.now_ns
        table = Table(self._mirror, kind, now_ns)
        try:
            table.set_filter(parse(terms, kind.fields) if terms else None, now_ns)
        except FilterError as error:
            return [str(error)]
        if table.filter_problem:
            return [table.filter_problem]
        rows = [self._row(kind, table.item(ref)) for ref in table.ids(0, len(table))]
        return [f"{plural(len(rows), kind.noun)}.", *rows]

    def _row(self, kind: ResourceKind[Any], item: Any) -> str:
        now_ns = self._session.now_ns
        cells = kind.row(item, self._mirror, now_ns)
        parts = [
            f"{column.title.lower()} {told}" if column.title else told
            for column, one in zip(kind.columns, cells, strict=True)
            if column.title and column.id != kind.noun and (told := _cell(one))
        ]
        name = f"{kind.name(item, self._mirror)}: {_HEALTH[kind.health(item, self._mirror, now_ns)]}"
        return f"{', '.join([name, *parts])}."


def _key(problem: Problem) -> tuple[str, str]:
    return problem.ref.kind, problem.name


def _problem(problem: Problem) -> str:
    word = "Failed" if problem.health.role is Role.ERROR else "Warning"
    cause = worded(problem.cause.replace("\n", ", "))
    return f"{word}: {problem.ref.kind} {problem.name}, {worded(problem.summary)}: {cause.rstrip('.')}."


def _cell(cell: Cell) -> str:
    """A cell in words; a curve is left out, as it says nothing that is not said beside it."""
    if cell.bar is not None:
        return f"{cell.bar:.0%}" if not cell.text else worded(cell.text)
    told = worded(cell.text)
    return "" if told in ("–", "-") else told.replace("/", " of ") if _is_count(told) else told


def _is_count(text: str) -> bool:
    have, slash, goal = text.partition("/")
    return bool(slash) and have.strip().isdigit() and goal.strip().isdigit()


_ANSWERS: Final = {
    "status": Teller.status,
    "problems": Teller.problems,
    "motion": Teller.motion,
    "changes": Teller.changes,
}
