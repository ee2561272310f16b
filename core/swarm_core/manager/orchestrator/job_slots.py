"""Which tasks a job still needs (docs/design/orchestration.md 2.3, 2.4).

Pure: from the tasks of the present iteration to the slots or nodes that get a new one. A slot, or a node of a global job, is
taken while a task of it may still complete, when one did, and when its last task failed for good.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import COMPLETE, SHUTDOWN
from swarm_core.manager.orchestrator.restart_history import status_ns

Place = TypeVar("Place", bound=Hashable)
ShouldRestart = Callable[[Task], bool]


def is_open(task: Task) -> bool:
    """Whether the task may still complete, or be replaced by one that may."""
    return task.desired_state <= COMPLETE and task.status.state != COMPLETE


def free_slots(
    tasks: Iterable[Task], *, max_concurrent: int, completions: int, should_restart: ShouldRestart
) -> list[int]:
    """The slots of a replicated job that get a task now: the lowest free ones, as many as may still begin."""
    by_slot = _by_place(tasks, lambda task: task.slot)
    taken = {slot for slot, held in by_slot.items() if _is_taken(held, should_restart)}
    room = max_concurrent - sum(is_open(task) for held in by_slot.values() for task in held)
    free: list[int] = []
    for slot in range(completions):
        if len(free) >= room:
            break
        if slot not in taken:
            free.append(slot)
    return free


def free_nodes(tasks: Iterable[Task], candidates: Iterable[str], should_restart: ShouldRestart) -> list[str]:
    """The candidates, ids of nodes, that get a task of a global job now."""
    by_node = _by_place(tasks, lambda task: task.node_id)
    return [id_ for id_ in candidates if id_ not in by_node or not _is_taken(by_node[id_], should_restart)]


def _by_place(tasks: Iterable[Task], place: Callable[[Task], Place]) -> Mapping[Place, list[Task]]:
    places: dict[Place, list[Task]] = {}
    for task in tasks:
        places.setdefault(place(task), []).append(task)
    return places


def _is_taken(tasks: Sequence[Task], should_restart: ShouldRestart) -> bool:
    if any(is_open(task) or task.status.state == COMPLETE for task in tasks):
        return True
    newest = max(tasks, key=status_ns)
    # What was shut down, as on a drained node, has not failed: its place is free.
    return newest.status.state > SHUTDOWN and not should_restart(newest)
