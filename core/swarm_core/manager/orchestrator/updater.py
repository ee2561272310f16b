"""Carries rollouts out: replaces the tasks of slots and writes the status (docs/design/orchestration.md 2.6).

One per orchestrator, part of its loop. The rules are in `swarm_core.rules.rollout`. Here they meet the store: a slot is looked at
again in the transaction that changes it, so what the restart supervisor or a person did meanwhile is respected.
"""

import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.types_pb2 import REMOVE, RUNNING, SHUTDOWN, UpdateConfig
from swarm_core.manager.orchestrator import changes
from swarm_core.manager.orchestrator.replacement import Replacement
from swarm_core.manager.orchestrator.restart import RestartSupervisor, tasks_of_slot
from swarm_core.manager.orchestrator.restart_history import slot_tuple
from swarm_core.manager.service_history import ServiceHistory
from swarm_core.rules import rollout
from swarm_core.rules.rollout import Rollout, SlotKey, Verdict
from swarm_core.runtime.clock import Clock
from swarm_core.store.by import ByService
from swarm_core.store.errors import StoreError
from swarm_core.store.events import Deleted, Event
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Step, Transaction

Write = Callable[[list[Step]], Awaitable[list[StoreError | None]]]


class Updater:
    """The rollouts of one orchestrator's services."""

    def __init__(
        self, store: MemoryStore, clock: Clock, supervisor: RestartSupervisor, rng: random.Random
    ) -> None:
        self._store = store
        self._clock = clock
        self._supervisor = supervisor
        self._history = ServiceHistory(rng)
        self._rollouts: dict[str, Rollout] = {}
        self._steps: list[Step] = []

    def update(self, service: Service, slots: Iterable[Sequence[Task]]) -> None:
        """Bring the slots, each the tasks that stand for it, to what the service says. A rollout that does so goes on."""
        going = self._rollouts.get(service.id)
        if going is not None and going.goes_on_with(service):
            going.service = service
            return
        self._rollouts.pop(service.id, None)
        if rollout.is_paused(service):
            return
        dirty = [slot_tuple(service, tasks[0]) for tasks in slots if self._is_dirty(service, tasks)]
        if dirty:
            self._rollouts[service.id] = Rollout(service, dirty)
        elif rollout.is_going(service):
            self._steps.append(self._complete(service))

    def include(self, service: Service, tasks: Sequence[Task]) -> None:
        """A slot whose node takes tasks only now: what is under way takes it in, where it needs work."""
        if self._is_dirty(service, tasks):
            self._look_at(service, tasks, Rollout.include)

    def runs(self, service: Service, task: Task) -> None:
        """A task of the service runs now. One of START_FIRST that ended early has left an old one behind, which its successor makes superfluous."""
        orders = (service.spec.update.order, service.spec.rollback.order)
        if UpdateConfig.START_FIRST not in orders or task.desired_state != RUNNING:
            return
        slot = tasks_of_slot(self._store, service, slot_tuple(service, task))
        wanted = [one for one in slot if one.desired_state <= RUNNING]
        if len(wanted) > 1 and not self._is_dirty(service, [task]):
            self._look_at(service, wanted, Rollout.look_again)

    def _look_at(
        self, service: Service, tasks: Sequence[Task], tell: Callable[[Rollout, SlotKey], None]
    ) -> None:
        going = self._rollouts.get(service.id)
        if going is not None and going.goes_on_with(service):
            going.service = service
            tell(going, slot_tuple(service, tasks[0]))
        else:
            self.update(service, [tasks])

    def _is_dirty(self, service: Service, tasks: Sequence[Task]) -> bool:
        node = self._store.get(Node, tasks[0].node_id) if tasks[0].node_id else None
        return rollout.is_slot_dirty(service, tasks, node)

    def observe(self, event: Event) -> None:
        """Note what a change of a task or service means for its rollout."""
        item = event.object
        if isinstance(item, Service):
            if isinstance(event, Deleted):
                self._rollouts.pop(item.id, None)
        elif isinstance(item, Task) and (going := self._rollouts.get(item.service_id)) is not None:
            if isinstance(event, Deleted):
                going.task_removed(item.id)
            else:
                going.task_changed(item, self._clock.monotonic())

    def next_at(self) -> float | None:
        """When the next thing happens by itself."""
        return min((at for one in self._rollouts.values() if (at := one.next_at()) is not None), default=None)

    async def work(self, write: Write) -> None:
        """Write what can be done now."""
        while await self._step(write):
            pass

    async def _step(self, write: Write) -> bool:
        """One batch; whether it may have made room for more."""
        now = self._clock.monotonic()
        self._rollouts = {id_: one for id_, one in self._rollouts.items() if not one.is_over}
        steps, self._steps = self._steps, []
        replacements: list[Replacement] = []
        decided: list[Rollout] = []
        for going in self._rollouts.values():
            if not going.service.HasField("update_status"):
                steps.append(self._begin(going.service))
            replacements += self._replacements(going, steps, now)
            if (verdict := going.decide(now)) is not None:
                steps.append(self._verdict(going, verdict))
                decided.append(going)
        if not steps and not replacements:
            return False
        errors = await write([*steps, *(one.write for one in replacements)])
        for going in decided:
            going.verdict = None
        now = self._clock.monotonic()
        settled = [
            one.settle(now, is_written=error is None)
            for one, error in zip(replacements, errors[len(steps) :], strict=True)
        ]
        return any(settled)

    def _replacements(self, going: Rollout, steps: list[Step], now: float) -> list[Replacement]:
        """What to do in slots now; the shutting down of old tasks whose successors run goes to `steps`."""
        finish, taken = going.take_to_finish(), going.take(now)
        if not finish and not taken:
            return []
        slots = self._slots(going.service, {key for key, _ in finish}.union(taken))
        for key, new_id in finish:
            others = (task for task in slots.get(key, ()) if task.id != new_id)
            steps += (changes.desire(task.id, SHUTDOWN) for task in others if task.desired_state <= RUNNING)
        return [
            Replacement(self._supervisor, going, key, [task.id for task in slots.get(key, ())])
            for key in taken
        ]

    def _slots(self, service: Service, keys: Collection[SlotKey]) -> dict[SlotKey, list[Task]]:
        """The tasks of these slots; a small step must not look at every task of a large service."""
        if not service.spec.HasField("global"):
            found = {key: tasks_of_slot(self._store, service, key) for key in keys}
            return {key: [one for one in tasks if one.desired_state < REMOVE] for key, tasks in found.items()}
        slots: dict[SlotKey, list[Task]] = {}
        for task in self._store.find(Task, ByService(service.id)):
            if task.desired_state < REMOVE:
                slots.setdefault(slot_tuple(service, task), []).append(task)
        return slots

    # the status

    def _begin(self, service: Service) -> Step:
        def change(stored: Service) -> None:
            if not stored.HasField("update_status"):
                rollout.begin(stored, self._clock.wall_ns())

        return self._on(service, change)

    def _complete(self, service: Service) -> Step:
        def change(stored: Service) -> None:
            if rollout.is_going(stored):
                rollout.complete(stored, self._clock.wall_ns())

        return self._on(service, change)

    def _verdict(self, going: Rollout, verdict: Verdict) -> Step:
        if verdict is Verdict.COMPLETE:
            return self._complete(going.service)
        message = going.message()

        def change(stored: Service) -> None:
            if not stored.HasField("update_status"):
                return  # of a newer update
            if rollout.is_paused(stored):
                return  # a person held it meanwhile
            if verdict is Verdict.PAUSE:
                rollout.pause(stored, message)
            elif not stored.HasField("previous_spec"):
                rollout.pause(stored, f"{message}; there is no spec before it to go back to")
            else:
                rollout.roll_back(stored, message)

        return self._on(going.service, change)

    def _on(self, service: Service, change: Callable[[Service], None]) -> Step:
        """A change of the service, unless it was updated since. A spec that is given up is kept, with why."""

        def step(transaction: Transaction) -> None:
            old = transaction.get(Service, service.id)
            if old is None or old.spec_version.index != service.spec_version.index:
                return
            new = Service()
            new.CopyFrom(old)
            change(new)
            if new == old:
                return
            now_ns = self._clock.wall_ns()
            self._history.keep(transaction, old, new.spec, outcome=new.update_status, now_ns=now_ns)
            transaction.update(new)

        return step
