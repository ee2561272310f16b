"""How far the logs of each task have been read, so that reading can go on after a lost connection: a client's to a manager, or a node's
to the leader. Pure.

Records of one task and stream come in the order of their times; several may have the same time. A position is the time of the last
record and how many of that time were taken. A reading that begins anew gives some records again, from an earlier time on: as many as
were taken are dropped, until the first record beyond the position.

Limits: what a task writes while its node's clock is set back, and in the same moment the connection is lost, may be taken for old.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from swarm_core.api.proto import logbroker_pb2
from swarm_core.api.timestamps import NS_PER_S, timestamp_ns

_Key = tuple[str, int]
_SLACK_NS = NS_PER_S
"""The two streams of a task may be written a little out of order."""


@dataclass(frozen=True, slots=True)
class Position:
    at_ns: int
    taken: int = 1
    """Of the records of this time."""


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks that are read together from one time on; None for tasks of which nothing has come yet."""

    task_ids: tuple[str, ...]
    since_ns: int | None


@dataclass(slots=True)
class LogPositions:
    """The positions of one query."""

    _taken: dict[_Key, Position] = field(default_factory=dict)
    _before_piece: dict[_Key, Position | None] = field(default_factory=dict)
    """Where tasks stood before the pieces of a line that is not whole yet."""
    _again: dict[_Key, tuple[Position, int]] = field(default_factory=dict)
    """Of a reading that began anew: up to where it gives what was taken, and how many records of that time it has given."""

    @property
    def has_begun(self) -> bool:
        """Whether anything has come."""
        return bool(self._taken)

    def is_new(self, record: logbroker_pb2.LogMessage) -> bool:
        """Take a record in; False for one that was taken before."""
        key = record.context.task_id, record.stream
        at_ns = timestamp_ns(record.timestamp)
        if key in self._again and not self._is_beyond(key, at_ns):
            return False
        before = self._taken.get(key)
        is_same = before is not None and before.at_ns == at_ns
        self._taken[key] = Position(at_ns, before.taken + 1 if before is not None and is_same else 1)
        return True

    def _is_beyond(self, key: _Key, at_ns: int) -> bool:
        """Whether a record of a reading that began anew is the first that was not taken."""
        until, given = self._again[key]
        if at_ns < until.at_ns:
            return False
        if at_ns == until.at_ns and given < until.taken:
            self._again[key] = until, given + 1
            return False
        del self._again[key]
        return True

    def hold(self, record: logbroker_pb2.LogMessage, before: Position | None) -> None:
        """Remember that this record, just taken in, is a piece of a line that is not whole; `before` is where its task stood."""
        self._before_piece.setdefault((record.context.task_id, record.stream), before)

    def release(self, record: logbroker_pb2.LogMessage) -> None:
        """Its line is whole."""
        self._before_piece.pop((record.context.task_id, record.stream), None)

    def of(self, record: logbroker_pb2.LogMessage) -> Position | None:
        """Where the record's task stands in its stream."""
        return self._taken.get((record.context.task_id, record.stream))

    def begin_anew(self) -> None:
        """A new reading starts: pieces of lines that are not whole come again."""
        for key, before in self._before_piece.items():
            if before is None:
                self._taken.pop(key, None)
            else:
                self._taken[key] = before
        self._before_piece.clear()
        self._again = {key: (position, 0) for key, position in self._taken.items()}

    def groups(self, task_ids: Iterable[str]) -> list[Group]:
        """These tasks, together those that stand near each other: who has been silent for long makes nobody send much again."""
        reached = self._reached()
        newest = max(reached.values(), default=0)
        unread: list[str] = []
        together: dict[int, list[str]] = {}
        for task_id in task_ids:
            if task_id in reached:
                age_s = (newest - reached[task_id]) // NS_PER_S
                together.setdefault(age_s.bit_length(), []).append(task_id)
            else:
                unread.append(task_id)
        found = [Group(tuple(unread), None)] if unread else []
        for ids in together.values():
            found.append(Group(tuple(ids), min(reached[task_id] for task_id in ids)))
        return found

    @property
    def reached_ns(self) -> int:
        """From when on something may be missing: the earliest place at which a task stands."""
        return min(self._reached().values(), default=0)

    def _reached(self) -> Mapping[str, int]:
        """Up to where everything of a task has been read."""
        reached: dict[str, int] = {}
        for (task_id, _), position in self._taken.items():
            reached[task_id] = max(reached.get(task_id, 0), position.at_ns - _SLACK_NS)
        return reached
