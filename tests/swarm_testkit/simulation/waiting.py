"""Tasks that wait, once nothing fails any more: each says why, and people do something about those that wait for long.

A task waits while it has no node, though somebody wants it to run. While the same manager leads, each has a reason within SILENT_S: what there is not enough of,
or what nobody can give.
"""

from collections.abc import Callable
from dataclasses import dataclass

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import COMPLETE, PENDING
from swarm_core.store.memory import MemoryStore

from swarm_testkit.simulation.checkers import Findings

SILENT_S = 5.0
PATIENCE_S = 8.0


@dataclass(frozen=True, slots=True)
class _Wait:
    """Since when a task has said what."""

    reason: str
    since: float


class WaitingTasks:
    """`now` is the true time."""

    def __init__(self, findings: Findings, now: Callable[[], float]) -> None:
        self._findings, self._now = findings, now
        self._waits: dict[str, _Wait] = {}
        self._began: dict[str, float] = {}
        self._leader = ""
        self.explained = 0

    def look(self, leader: str, store: MemoryStore) -> set[str]:
        """The services with a task that has waited for long, as `leader` has it in its store."""
        if leader != self._leader:
            self._leader, self._waits, self._began = leader, {}, {}
        now, waits, stuck = self._now(), {}, set[str]()
        for task in store.find(Task):
            if task.status.state > PENDING or task.desired_state > COMPLETE:
                continue
            old = self._waits.get(task.id)
            wait = old if old is not None and old.reason == task.status.err else _Wait(task.status.err, now)
            waits[task.id] = wait
            self._began.setdefault(task.id, now)
            if not wait.reason and now - wait.since > SILENT_S:
                self._findings.add(f"task {task.id} of {task.service_id} waits and does not say for what")
            if now - self._began[task.id] > PATIENCE_S:
                stuck.add(task.service_id)
            self.explained += bool(wait.reason) and (old is None or not old.reason)
        self._waits = waits
        return stuck
