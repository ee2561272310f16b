"""The step that brings one slot to its service's spec (docs/design/orchestration.md 2.6).

Like a restart it goes into a batch; once that is committed `settle` tells the rollout and begins the wait of the new task. A clean
task that is there is used. Else one is made: it waits until the others of its slot stopped, or they wait until it runs.
"""

from collections.abc import Iterable

from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import READY, REMOVE, RUNNING, SHUTDOWN
from swarm_core.api.states import is_node_invalid
from swarm_core.manager.orchestrator import changes
from swarm_core.manager.orchestrator.restart import RestartSupervisor, still_runs
from swarm_core.rules.dirty import is_dirty
from swarm_core.rules.rollout import Rollout, SlotKey
from swarm_core.store.transactions import Transaction


class Replacement:
    """`task_ids` are all tasks of the slot."""

    def __init__(
        self, supervisor: RestartSupervisor, rollout: Rollout, slot: SlotKey, task_ids: list[str]
    ) -> None:
        self._supervisor = supervisor
        self._rollout = rollout
        self._slot = slot
        self._task_ids = task_ids
        self._clear()

    def _clear(self) -> None:
        self._is_outdated = self._is_done = self._is_new = False
        self._chosen: Task | None = None  # the task that stands for the slot from now on
        self._waits_for: list[Task] = []

    def write(self, transaction: Transaction) -> None:
        """Change the slot."""
        self._clear()
        service = transaction.get(Service, self._rollout.service.id)
        if service is None or service.spec_version.index != self._rollout.service.spec_version.index:
            self._is_outdated = True
            return
        found = (transaction.get(Task, id_) for id_ in self._task_ids)
        tasks = [task for task in found if task is not None and task.desired_state < REMOVE]
        wanted = self._supervisor.updatable(service, tasks) if tasks else []
        if not wanted or not self._may_run_here(transaction):
            return
        clean = [task for task in wanted if not _is_dirty(transaction, service, task)]
        if clean and len(wanted) == 1:
            if clean[0].desired_state <= RUNNING and clean[0].status.state < RUNNING:
                self._chosen = clean[0]
            return
        self._chosen = chosen = _best(clean)
        others = [task for task in wanted if chosen is None or task.id != chosen.id]
        self._replace(transaction, tasks, others)

    def _may_run_here(self, transaction: Transaction) -> bool:
        """A slot of a global service is a node, which may have left meanwhile."""
        if not self._slot[1]:
            return True
        node = transaction.get(Node, self._slot[1])
        return (
            node is not None
            and not is_node_invalid(node)
            and node.spec.availability != NodeSpec.Availability.PAUSE
        )

    def _replace(self, transaction: Transaction, tasks: list[Task], others: list[Task]) -> None:
        chosen = self._chosen
        self._is_done = chosen is not None and chosen.status.state == RUNNING
        is_start_first = self._rollout.settings.is_start_first
        if is_start_first and not self._is_done:
            # One old task bridges the gap; what an interrupted update left beside it has no use.
            others.remove(max(others, key=_is_further))
        for task in others:
            changes.desire(task.id, SHUTDOWN)(transaction)
        if self._is_done or not is_start_first:
            leaving = (task for task in tasks if chosen is None or task.id != chosen.id)
            self._waits_for = [task for task in leaving if still_runs(transaction, task)]
        if chosen is None:
            slot, node_id = self._slot
            make = self._supervisor.maker(self._rollout.service).make
            self._chosen = make(slot=slot, node_id=node_id, waits=bool(self._waits_for))
            self._is_new = True
            transaction.create(self._chosen)

    def settle(self, now: float, *, is_written: bool) -> bool:
        """Tell the rollout, after the commit; whether the slot needs no more time."""
        chosen = self._chosen
        if is_written and self._is_outdated:
            self._rollout.put_back(self._slot)
            return False
        if not is_written or chosen is None:
            self._rollout.left(self._slot)
            return True
        if self._is_done:
            self._rollout.finished(self._slot, now)
        else:
            self._rollout.works(self._slot, chosen.id, is_new=self._is_new)
        starts = self._supervisor.starts
        if chosen.desired_state == READY and (self._waits_for or chosen.id not in starts):
            starts.begin(chosen.id, delay_s=0, old=self._waits_for, now=now)
        return self._is_done


def _is_dirty(transaction: Transaction, service: Service, task: Task) -> bool:
    return is_dirty(service, task, transaction.get(Node, task.node_id) if task.node_id else None)


def _best(clean: Iterable[Task]) -> Task | None:
    """The clean task to keep: one that is to run before one that waits, and of those the one that is furthest."""
    return max((task for task in clean if task.desired_state <= RUNNING), key=_is_further, default=None)


def _is_further(task: Task) -> tuple[int, int]:
    """The order of tasks by what they do: those that ended do nothing."""
    state = task.status.state
    return (min(task.desired_state, RUNNING), state if state <= RUNNING else -1)
