"""Failed attempts of a service, grouped by how they ended, and what differs from the last good one. Pure.

Rules (docs/design/terminal.md 11.19)
1. Two attempts ended alike when their causes and their last lines say the same, but for ids, addresses, times and, in lines, numbers.
2. A good attempt completed, was asked to stop, or has run for `GOOD_AFTER_NS`. The newest one is what others are compared with.
3. Counts are of the present spec's attempts that are known: "14 of 14 since image 1.41 → 1.42" says that of fourteen that ended or
   run, fourteen ended so, and what is different from the spec of the good attempt.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.timestamps import timestamp_ns

from swarm_tui.resources import format as fmt
from swarm_tui.resources.spec_changes import differences
from swarm_tui.resources.states import short_cause

Task = objects_pb2.Task
Lines = Mapping[str, Sequence[str]]
"""By task the last lines that it wrote."""
GOOD_AFTER_NS: Final = 60 * 1_000_000_000
TAIL: Final = 40
"""Lines of an attempt that are compared."""
_ENDING: Final = 3
"""Its last lines, by which an attempt is told from others."""
_FAILED: Final = (types_pb2.FAILED, types_pb2.REJECTED)
_IDS: Final = (
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*|\d\d:\d\d:\d\d\S*|0x[0-9a-f]+|\b(?=[a-z]*\d)[0-9a-z]{8,}\b"
)
"""Times, addresses and ids."""
_IN_CAUSES: Final = re.compile(_IDS, re.IGNORECASE)
_IN_LINES: Final = re.compile(rf"{_IDS}|\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Attempts that ended alike."""

    tasks: tuple[Task, ...]
    """The newest first."""
    known: int
    """Attempts of the present spec that ended or run, these among them."""
    cause: str
    ending: tuple[str, ...]
    """The newest one's last lines; none where they are not known."""
    shared: int
    """Lines that the newest one wrote like the good attempt, before the first that is different."""
    differing: str
    """The first line that is different; empty where there is no good attempt to compare with, or nothing is different."""
    since: tuple[str, ...]
    """What is different from the spec of the good attempt."""

    def sentence(self) -> str:
        """All of it in one line."""
        end = self.differing or (self.ending[-1] if self.ending else "")
        parts = [self.cause]
        if end:
            same = f"same {fmt.plural(self.shared, 'line')}, then " if self.shared and self.differing else ""
            parts.append(f"{same}“{end.strip()}”")
        return f"{'; '.join(parts)}; {self.count_words()}"

    def count_words(self) -> str:
        """How many, and since when."""
        since = f" since {', '.join(self.since)}" if self.since else ""
        return f"{len(self.tasks)} of {self.known}{since}"


def fingerprints(tasks: Iterable[Task], lines: Lines, now_ns: int) -> list[Fingerprint]:
    """How the attempts of the newest failed attempt's spec ended, those that most ended so first."""
    all_tasks = sorted(tasks, key=_began_ns, reverse=True)
    failed = [task for task in all_tasks if task.status.state in _FAILED]
    if not failed:
        return []
    present = failed[0].spec
    mine = [task for task in all_tasks if task.spec == present and task.status.state >= types_pb2.RUNNING]
    good = good_attempt(all_tasks, now_ns)
    groups: dict[tuple[str, ...], list[Task]] = defaultdict(list)
    for task in mine:
        if task.status.state in _FAILED:
            groups[_key(task, lines)].append(task)
    found = [_fingerprint(group, len(mine), good, lines) for group in groups.values()]
    return sorted(found, key=lambda one: -len(one.tasks))


def good_attempt(tasks: Iterable[Task], now_ns: int) -> Task | None:
    """The newest attempt that did what it was for."""
    return max((task for task in tasks if _is_good(task, now_ns)), key=_began_ns, default=None)


def compared(tasks: Iterable[Task], now_ns: int) -> list[Task]:
    """The attempts whose last lines are worth reading: those that failed, and the good one."""
    known = list(tasks)
    good = good_attempt(known, now_ns)
    return [*(task for task in known if task.status.state in _FAILED), *([good] if good is not None else [])]


def _is_good(task: Task, now_ns: int) -> bool:
    state = task.status.state
    ran_ns = now_ns - timestamp_ns(task.status.timestamp)
    return state in (types_pb2.COMPLETE, types_pb2.SHUTDOWN) or (
        state == types_pb2.RUNNING and ran_ns >= GOOD_AFTER_NS
    )


def _began_ns(task: Task) -> tuple[int, str]:
    return timestamp_ns(task.meta.created_at), task.id


def _key(task: Task, lines: Lines) -> tuple[str, ...]:
    return (_IN_CAUSES.sub("#", short_cause(task)), *map(_plain, lines.get(task.id, ())[-_ENDING:]))


def _plain(line: str) -> str:
    """The line without what is different each time."""
    return _IN_LINES.sub("#", line).strip()


def _fingerprint(group: Sequence[Task], known: int, good: Task | None, lines: Lines) -> Fingerprint:
    newest = group[0]
    mine = lines.get(newest.id, ())
    theirs = lines.get(good.id, ()) if good is not None else ()
    shared, differing = _parting(mine, theirs)
    since: list[str] = []
    if good is not None and good.spec != newest.spec:
        since = differences(specs_pb2.ServiceSpec(task=good.spec), specs_pb2.ServiceSpec(task=newest.spec))
    cause = short_cause(newest) or "failed without a reason"
    return Fingerprint(tuple(group), known, cause, tuple(mine[-_ENDING:]), shared, differing, tuple(since))


def _parting(mine: Sequence[str], theirs: Sequence[str]) -> tuple[int, str]:
    """How many lines are the same from the first one on, and the first that is not."""
    if not theirs:
        return 0, ""
    for number, line in enumerate(mine):
        if number >= len(theirs) or _plain(line) != _plain(theirs[number]):
            return number, line
    return len(mine), ""
