"""Reads a journal as what it is: a cluster that changes with time.

Rules (docs/design/journal.md 5)
1. What the cluster was at a moment is the newest keyframe before it and every record from there to the moment. Before the
   first keyframe nothing is known.
2. A step is what came in at once: the records of one time.
3. Reading takes time. Nothing here touches what is shown; callers on an event loop use a thread.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from google.protobuf.message import Message

from swarm_tui.journal.errors import NothingKnown
from swarm_tui.journal.file import Generation, JournalFile, Mark
from swarm_tui.journal.records import KINDS, OF_OBJECTS, Record, Verb

RUN_UP_NS: Final = 600 * 1_000_000_000
"""Curves and counts of failures tell of the minutes before the moment."""
RUN_UP_MAX: Final = 20_000
"""Records; of a storm the run-up is shorter."""


@dataclass(frozen=True, slots=True)
class Step:
    """What came in at once. `changes` hold verb and object."""

    at_ns: int
    changes: tuple[tuple[Verb, Any], ...]


@dataclass(frozen=True, slots=True)
class Reel:
    """What leads to a moment: everything at the beginning (None: go on from where one is), then the steps."""

    from_ns: int
    listed: tuple[Any, ...] | None
    steps: tuple[Step, ...]


class Tape:
    """A journal that is read from any moment on. Raises NothingKnown for an empty one."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file
        self.generations: list[Generation] = []
        self.look_again()
        if not self.generations:
            raise NothingKnown("Nothing is recorded of this cluster yet.")

    def look_again(self) -> None:
        """The journal may have grown, and its oldest part may be gone."""
        self.generations = self._file.generations()
        self.end_ns = self._file.end_ns()

    @property
    def file(self) -> JournalFile:
        """What is read."""
        return self._file

    @property
    def start_ns(self) -> int:
        """The first moment of which anything is known."""
        return self.generations[0].at_ns

    def marks(self) -> list[Mark]:
        """All that is worth finding again."""
        return self._file.marks()

    # -- moments -----------------------------------------------------------------------------------

    def reel(self, to_ns: int, *, from_ns: int | None = None) -> Reel:
        """What leads to the moment `to_ns`: from `from_ns` on where that is the shorter way, or else from a keyframe."""
        here = self._index(to_ns)
        if from_ns is not None and from_ns <= to_ns and self._goes_on(self._index(from_ns), here):
            steps = tuple(self._steps(self._index(from_ns), here, from_ns, to_ns))
            return Reel(from_ns, None, steps)
        first = self._run_up(here, to_ns)
        start_ns = self.generations[first].at_ns
        return Reel(start_ns, self._keyframe(first), tuple(self._steps(first, here, start_ns - 1, to_ns)))

    def reels(self, after_ns: int, to_ns: int) -> Iterator[Reel]:
        """What came in after the moment, until another: a reel for each generation, with everything anew where nobody recorded
        just before it."""
        for index in range(self._index(after_ns), self._index(to_ns) + 1):
            generation = self.generations[index]
            is_new = generation.is_gap and generation.at_ns > after_ns
            listed = self._keyframe(index) if is_new else None
            yield Reel(generation.at_ns, listed, tuple(self._steps(index, index, after_ns, to_ns)))

    def next_ns(self, at_ns: int) -> int | None:
        """The moment of the next step; None at the end."""
        for index in range(self._index(at_ns), len(self.generations)):
            generation = self.generations[index]
            if generation.is_gap and generation.at_ns > at_ns:
                return generation.at_ns
            for records in self._file.blocks(generation.id, from_ns=at_ns + 1):
                later = [record.at_ns for record in records if record.at_ns > at_ns]
                if later:
                    return later[0]
        return None

    def previous_ns(self, at_ns: int) -> int | None:
        """The moment of the step before; None at the beginning."""
        for index in range(self._index(at_ns), -1, -1):
            generation = self.generations[index]
            blocks = list(self._file.blocks(generation.id, to_ns=at_ns - 1))
            for records in reversed(blocks):
                earlier = [record.at_ns for record in records if record.at_ns < at_ns]
                if earlier:
                    return earlier[-1]
            if (generation.is_gap or not index) and generation.at_ns < at_ns:
                return generation.at_ns
        return None

    def walk(
        self, from_ns: int, to_ns: int
    ) -> Iterator[tuple[int, Verb, Any, Any, dict[type[Message], dict[str, Any]]]]:
        """Every change from `from_ns` to `to_ns`: time, verb, the object before and after (None where it was not there),
        and all that the cluster holds after it. The listing of a generation after a gap is no change."""
        first, last = self._index(from_ns), self._index(to_ns)
        held: dict[type[Message], dict[str, Any]] = {}
        for index in range(first, last + 1):
            generation = self.generations[index]
            if index == first or generation.is_gap:
                held = {kind: {} for kind in KINDS.values()}
                for record in self._file.keyframe(generation.id):
                    if record.kind is not None:
                        item = record.object()
                        held[record.kind][item.id] = item
            for step in self._steps(index, index, generation.at_ns - 1, to_ns):
                for verb, item in step.changes:
                    if item is None:
                        continue
                    objects = held[type(item)]
                    old = objects.get(item.id)
                    new = None if verb is Verb.REMOVED else item
                    if new is None:
                        objects.pop(item.id, None)
                    else:
                        objects[item.id] = new
                    if step.at_ns >= from_ns:
                        yield step.at_ns, verb, old, new, held

    # -- inside ------------------------------------------------------------------------------------

    def _index(self, at_ns: int) -> int:
        """The generation that the moment belongs to."""
        found = [index for index, one in enumerate(self.generations) if one.at_ns <= at_ns]
        return found[-1] if found else 0

    def _keyframe(self, index: int) -> tuple[Any, ...]:
        """Everything that the cluster held when the generation began."""
        records = self._file.keyframe(self.generations[index].id)
        return tuple(record.object() for record in records if record.kind)

    def _goes_on(self, first: int, last: int) -> bool:
        """Whether nothing was missed between the two generations."""
        return not any(one.is_gap for one in self.generations[first + 1 : last + 1])

    def _run_up(self, index: int, to_ns: int) -> int:
        """The generation to begin with, so that the minutes before the moment are known where that costs little."""
        left = RUN_UP_MAX
        while (
            index and not self.generations[index].is_gap and self.generations[index].at_ns > to_ns - RUN_UP_NS
        ):
            before = self.generations[index - 1]
            left -= self._file.count(before.id, from_ns=0, to_ns=to_ns)
            if left < 0:
                break
            index -= 1
        return index

    def _steps(self, first: int, last: int, after_ns: int, to_ns: int) -> Iterator[Step]:
        for index in range(first, last + 1):
            for records in self._file.blocks(self.generations[index].id, from_ns=after_ns + 1, to_ns=to_ns):
                wanted = (record for record in records if after_ns < record.at_ns <= to_ns)
                for at_ns, group in groupby(wanted, key=_time):
                    yield Step(at_ns, tuple(_change(record) for record in group if _is_known(record)))


def _time(record: Record) -> int:
    return record.at_ns


def _is_known(record: Record) -> bool:
    return record.kind is not None or record.verb in (Verb.LOST, Verb.RESUMED)


def _change(record: Record) -> tuple[Verb, Any]:
    return Verb(record.verb), record.object() if record.verb in OF_OBJECTS else None
