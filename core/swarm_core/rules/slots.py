"""The tasks of a service by slot, and which slots to keep, fill and give up (docs/design/tasks.md 1.5; docs/design/orchestration.md 2.1).

Pure: from tasks to lists. A slot is live when the restart rules leave it a task that may be updated, dead when
they do not. Tasks that are desired REMOVE belong to the reaper and make no slot: neither live nor dead.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import REMOVE, RUNNING

Slots = dict[int, list[Task]]
_LAST = float("inf")


@dataclass(slots=True)
class SlotChanges:
    """What brings a replicated service to its count."""

    create: list[int] = field(default_factory=list)  # slot numbers to fill
    remove: list[Task] = field(default_factory=list)  # desired REMOVE: surplus slots
    clear: list[Task] = field(default_factory=list)  # leftovers of dead slots
    update: list[list[Task]] = field(
        default_factory=list
    )  # of each slot that stays, the tasks that stand for it


def by_slot(tasks: Iterable[Task]) -> Slots:
    """The slots that `tasks` make; those on their way out make none."""
    slots: Slots = {}
    for task in tasks:
        if task.desired_state < REMOVE:
            slots.setdefault(task.slot, []).append(task)
    return slots


def reconcile(slots: Slots, replicas: int, updatable: Callable[[list[Task]], list[Task]]) -> SlotChanges:
    """The changes that leave `replicas` live slots (2.1)."""
    standing = {slot: wanted for slot, tasks in slots.items() if (wanted := updatable(tasks))}
    live = {slot: slots[slot] for slot in standing}
    dead = [slot for slot in slots if slot not in live]
    changes = SlotChanges()
    if replicas > len(live):
        changes.create = _free_slots(live, replicas - len(live))
        # A dead slot that is filled again keeps its history.
        dead = sorted(set(dead).difference(changes.create))
    elif replicas < len(live):
        surplus = rank(live)[replicas:]
        changes.remove = [task for slot in surplus for task in live[slot]]
        for slot in surplus:
            del standing[slot]
    changes.update = [standing[slot] for slot in sorted(standing)]
    changes.clear = [task for slot in dead for task in slots[slot]]
    return changes


def _free_slots(live: Mapping[int, object], count: int) -> list[int]:
    free: list[int] = []
    slot = 1
    while len(free) < count:
        if slot not in live:
            free.append(slot)
        slot += 1
    return free


def rank(live: Slots) -> list[int]:
    """Slots in the order in which a scale-down keeps them (2.1).

    Running ones in the order of their numbers get the ordinal they have on their node, so that the crowded
    nodes lose tasks first; a slot with several tasks, or with one that has no node, goes before all others.
    """
    ordered = sorted(live, key=lambda slot: (not _is_running(live[slot]), slot))
    on_node: dict[str, int] = {}
    ordinals: dict[int, float] = {}
    for slot in ordered:
        tasks = live[slot]
        if len(tasks) == 1 and tasks[0].node_id:
            node_id = tasks[0].node_id
            ordinals[slot] = on_node[node_id] = on_node.get(node_id, 0) + 1
    return sorted(ordered, key=lambda slot: ordinals.get(slot, _LAST))


def _is_running(tasks: list[Task]) -> bool:
    return any(task.status.state == RUNNING for task in tasks)
