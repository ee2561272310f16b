"""The restart supervisor: stops a task that has to go and makes its replacement (docs/design/orchestration.md 2.5).

One per orchestrator. `Restart` is the step that goes into a batch; once that is committed `settle` counts the
replacement and begins its wait. A replacement with nothing to wait for is made to run at once, one write less.
"""

import random
from collections.abc import Sequence

from swarm_core.api.jobs import is_job, is_of_iteration
from swarm_core.api.proto.objects_pb2 import Cluster, Node, Service, Task
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import (
    ASSIGNED,
    COMPLETE,
    READY,
    RUNNING,
    SHUTDOWN,
    NodeStatus,
    UpdateStatus,
)
from swarm_core.api.states import is_terminal
from swarm_core.manager.orchestrator import changes
from swarm_core.manager.orchestrator.delayed_starts import DelayedStarts
from swarm_core.manager.orchestrator.new_task import TaskMaker
from swarm_core.manager.orchestrator.restart_history import (
    RestartHistory,
    SlotTuple,
    restart_delay_s,
    slot_tuple,
    status_ns,
)
from swarm_core.rules.dirty import is_dirty
from swarm_core.runtime.clock import Clock
from swarm_core.store.by import ByNode, Slot
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Step, Transaction


class Restart:
    """The step that restarts one task; afterwards it holds what was done."""

    def __init__(self, supervisor: "RestartSupervisor", task_id: str, *, is_alone: bool) -> None:
        self._supervisor = supervisor
        self._task_id = task_id
        self._is_alone = is_alone
        self.service: Service | None = None
        self.new: Task | None = None
        self.delay_s = 0.0
        self.waits_for: list[Task] = []

    def write(self, transaction: Transaction) -> None:
        """Set the old task to SHUTDOWN and, if its policy wants one, create the replacement."""
        self.new, self.waits_for = None, []
        old = transaction.get(Task, self._task_id)
        if old is None or old.desired_state > COMPLETE:
            return
        self.service = service = transaction.get(Service, old.service_id)
        if service is None:
            return
        changes.desire(old.id, SHUTDOWN)(transaction)
        if is_job(service) and not is_of_iteration(service, old):
            return
        if not self._supervisor.history.should_restart(service, old):
            return
        if not self._is_alone and _has_successor(transaction, service, old):
            return
        self.delay_s = 0.0 if _is_moved(transaction, old) else restart_delay_s(old)
        if still_runs(transaction, old):
            self.waits_for = [old]
        is_free = self.delay_s <= 0 and not self.waits_for
        slot, node_id = slot_tuple(service, old)
        self.new = self._supervisor.maker(service).make(slot=slot, node_id=node_id, waits=not is_free)
        transaction.create(self.new)

    def settle(self, now: float, now_ns: int) -> None:
        """Count the replacement and begin its wait. Only after the commit."""
        if self.new is None or self.service is None:
            return
        self._supervisor.history.record(self.service, self.new, now_ns)
        if self.new.desired_state == READY:
            self._supervisor.starts.begin(self.new.id, delay_s=self.delay_s, old=self.waits_for, now=now)


class RestartSupervisor:
    """History, waiting replacements and the rules that need both."""

    def __init__(self, *, clock: Clock, rng: random.Random) -> None:
        self.history = RestartHistory()
        self.starts = DelayedStarts()
        self.cluster: Cluster | None = None  # for the default of the log driver
        self._clock = clock
        self._rng = rng
        self._makers: dict[str, tuple[Service, Cluster | None, TaskMaker]] = {}

    def maker(self, service: Service) -> TaskMaker:
        """What makes tasks of `service` as it is in that object."""
        known = self._makers.get(service.id)
        if known is not None and known[0] is service and known[1] is self.cluster:
            return known[2]
        maker = TaskMaker(service, self.cluster, clock=self._clock, rng=self._rng)
        self._makers[service.id] = (service, self.cluster, maker)
        return maker

    def forget(self, service_id: str) -> None:
        """A service is gone."""
        self.history.forget(service_id)
        self._makers.pop(service_id, None)

    def restart(self, task_id: str, *, is_alone: bool) -> Restart | None:
        """The restart of a task; None while it waits itself: then it is restarted when its wait ends. `is_alone` says that no
        other task of its slot is to run."""
        if task_id in self.starts:
            self.starts.restart_after(task_id)
            return None
        return Restart(self, task_id, is_alone=is_alone)

    def updatable(self, service: Service, tasks: list[Task]) -> list[Task]:
        """The tasks of a slot that stand for it; none means that the slot is dead."""
        wanted = [task for task in tasks if task.desired_state <= RUNNING]
        if wanted or service.update_status.state == UpdateStatus.ROLLBACK_STARTED:
            return wanted
        newest = max(tasks, key=status_ns)
        return [] if self.history.should_restart(service, newest) else [newest]

    def resume(self, task: Task, old: Sequence[Task]) -> Step | None:
        """Take up the wait of a replacement made under an earlier leader (2.7), for its delay and the `old` tasks that still
        run; the step that starts it if the wait is over."""
        delay_s = restart_delay_s(task)
        passed_s = (self._clock.wall_ns() - status_ns(task)) / 1e9
        remaining_s = min(delay_s, delay_s - passed_s)
        if remaining_s <= 0 and not old:
            return start(task.id)
        self.starts.begin(task.id, delay_s=max(0.0, remaining_s), old=old, now=self._clock.monotonic())
        return None


def tasks_of_slot(reader: MemoryStore | Transaction, service: Service, slot: SlotTuple) -> list[Task]:
    """The tasks in the slot of a service, or on its node."""
    number, node_id = slot
    if not node_id:
        return reader.find(Task, Slot(service.id, number))
    return [task for task in reader.find(Task, ByNode(node_id)) if task.service_id == service.id]


def _has_successor(transaction: Transaction, service: Service, old: Task) -> bool:
    """Whether an update has put a task beside `old` that stands for the slot from now on (2.6.5)."""
    return any(
        task.id != old.id
        and task.desired_state <= RUNNING
        and task.status.state <= RUNNING
        and not is_dirty(service, task, transaction.get(Node, task.node_id) if task.node_id else None)
        for task in tasks_of_slot(transaction, service, slot_tuple(service, old))
    )


def _is_moved(transaction: Transaction, old: Task) -> bool:
    """Whether `old` is replaced for its node's sake, not for its own: the node is drained, or was lost with a task that ran."""
    if not old.node_id:
        return False
    node = transaction.get(Node, old.node_id)
    if node is not None and node.spec.availability == NodeSpec.Availability.DRAIN:
        return True
    is_lost = node is None or node.status.state == NodeStatus.DOWN
    return is_lost and not is_terminal(old.status.state)


def still_runs(reader: MemoryStore | Transaction, task: Task) -> bool:
    """Whether an agent is still to report that `task` stopped: not where none has heard of it, or where its node is lost."""
    if is_terminal(task.status.state) or task.status.state < ASSIGNED or not task.node_id:
        return False
    node = reader.get(Node, task.node_id)
    return node is not None and node.status.state != NodeStatus.DOWN


def start(task_id: str) -> Step:
    """Let a waiting replacement run."""

    def step(transaction: Transaction) -> None:
        task = transaction.get(Task, task_id)
        if task is not None:
            changes.desire(task_id, COMPLETE if task.HasField("job_iteration") else RUNNING)(transaction)

    return step
