"""What managers tell of themselves, as rows: raft's positions, the log's syncs, calls, memory and processor (docs/design/metrics.md M.6).

Rates are between the oldest and the newest look of the last minute; with one look they are not known. Where no sync came between them, the
syncs of the manager's whole life tell.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from swarm_core.api.proto.manager_figures_pb2 import (
    GetOwnFiguresResponse,
    ListFiguresResponse,
    ManagerAnswer,
)

WINDOW_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class ManagerRow:
    """One manager now. None: it does not tell, or not yet. `p99_s`: 99 of 100 syncs of its log took no longer."""

    node_id: str
    address: str
    trouble: str
    is_leader: bool = False
    term: int | None = None
    commit: int | None = None
    applied: int | None = None
    p99_s: float | None = None
    calls_per_s: float | None = None
    memory_bytes: int | None = None
    cpus: float | None = None


class Looks:
    """The looks of the last minute."""

    def __init__(self) -> None:
        self._last: tuple[ManagerAnswer, ...] = ()
        self._by_node: dict[str, deque[GetOwnFiguresResponse]] = {}

    def take(self, told: ListFiguresResponse) -> None:
        """One more."""
        self._last = tuple(told.managers)
        for answer in self._last:
            if answer.HasField("figures"):
                self._keep(answer.node_id, answer.figures)

    def rows(self) -> list[ManagerRow]:
        """The leader first, then by address."""
        return sorted(map(self._row, self._last), key=lambda row: (not row.is_leader, row.address))

    def _keep(self, node_id: str, new: GetOwnFiguresResponse) -> None:
        seen = self._by_node.setdefault(node_id, deque())
        if seen and _has_begun_anew(seen[-1], new):
            seen.clear()
        seen.append(new)
        while new.at_seconds - seen[0].at_seconds > WINDOW_S and len(seen) > 2:
            seen.popleft()

    def _row(self, answer: ManagerAnswer) -> ManagerRow:
        if not answer.HasField("figures"):
            return ManagerRow(answer.node_id, answer.addr, answer.trouble or "it says nothing")
        seen = self._by_node[answer.node_id]
        new, old = seen[-1], seen[0]
        over_s = new.at_seconds - old.at_seconds
        is_measured = new.HasField("measured")
        return ManagerRow(
            answer.node_id,
            answer.addr,
            "",
            new.is_leader,
            new.term,
            new.commit_index,
            new.applied_index,
            _p99(old, new) if is_measured else None,
            (new.measured.calls - old.measured.calls) / over_s if is_measured and over_s > 0 else None,
            new.memory_bytes,
            (new.cpu_seconds - old.cpu_seconds) / over_s if over_s > 0 else None,
        )


def _has_begun_anew(old: GetOwnFiguresResponse, new: GetOwnFiguresResponse) -> bool:
    """Whether the manager's process is another one: its counts began at nothing."""
    return (
        new.at_seconds < old.at_seconds
        or new.cpu_seconds < old.cpu_seconds
        or new.measured.calls < old.measured.calls
    )


def _p99(old: GetOwnFiguresResponse, new: GetOwnFiguresResponse) -> float | None:
    counts: Sequence[int] = new.measured.sync_counts
    since = [later - earlier for earlier, later in zip(old.measured.sync_counts, counts, strict=False)]
    return percentile(new.measured.sync_bounds, since if any(since) else counts, 0.99)


def percentile(bounds: Sequence[float], counts: Iterable[int], share: float) -> float | None:
    """The value that `share` of what was counted does not pass, straight between two bounds; None where nothing was counted. What is above
    every bound counts as the last."""
    found = list(counts)
    left = share * sum(found)
    if left <= 0:
        return None
    low = 0.0
    for high, count in zip(bounds, found, strict=False):
        if count >= left:
            return low + (high - low) * left / count
        left, low = left - count, high
    return low
