"""How far an update is, slot by slot: which slots have their new task, which are being worked at, and which still wait.

Told while an update or a rollback is on its way or paused. Which task is of an older spec is decided by the leader's own rule.
"""

from collections.abc import Sequence
from typing import Final

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.rules.dirty import is_dirty
from swarm_core.rules.rollout import is_going, is_paused

from swarm_tui.resources import format as fmt
from swarm_tui.resources.model import Cell, ClusterView, Role, Section, cell, spans
from swarm_tui.resources.states import cause, state_word

Service = objects_pb2.Service
Task = objects_pb2.Task
_SLOTS_SHOWN: Final = 40
ADVANCE_TASKS_MAX: Final = 500


def update_section(service: Service, view: ClusterView) -> tuple[Section, ...]:
    """The section of a service's page; none when nothing is on its way."""
    if not (is_going(service) or is_paused(service)):
        return ()
    slots = _slots(service, view)
    done = sum(_is_done(service, tasks, view) for _, tasks in slots)
    bar = spans(*(((f"{done}", Role.OK), (f" of {fmt.plural(len(slots), 'slot')} done", Role.TEXT))))
    lines: list[tuple[str, Cell]] = [("Slots", bar)]
    # Those that are worked at first: there are few of them, and they are what is waited for.
    ordered = sorted(slots, key=lambda one: _rank(service, one[1], view))
    lines += [(name, _line(service, tasks, view)) for name, tasks in ordered[:_SLOTS_SHOWN]]
    if len(slots) > _SLOTS_SHOWN:
        lines.append(("", cell(f"and {len(slots) - _SLOTS_SHOWN} more", Role.MUTED)))
    return (Section("Update", tuple(lines)),)


def advance(service: Service, view: ClusterView) -> tuple[int, int] | None:
    """How many slots of a rollout that is on its way have their new task running, of how many; None where there is none,
    or where its tasks are too many to be looked through with each change."""
    if not is_going(service) or view.service_sums(service.id).wanted > ADVANCE_TASKS_MAX:
        return None
    slots = _slots(service, view)
    return sum(_is_done(service, tasks, view) for _, tasks in slots), len(slots)


def left(service: Service, done: int, slots: int, now_ns: int) -> str:
    """The time until the other slots are done if they take as long as those; empty while none is done."""
    begun_ns = timestamp_ns(service.update_status.started_at)
    if not begun_ns or not 0 < done < slots:
        return ""
    seconds = (now_ns - begun_ns) / 1e9 / done * (slots - done)
    return f"about {fmt.short_duration(seconds)} left"


def _slots(service: Service, view: ClusterView) -> list[tuple[str, list[Task]]]:
    """The tasks that are to run or still run, by slot or node, in the order of slots."""
    found: dict[tuple[int, str], list[Task]] = {}
    for task in view.tasks_of_service(service.id):
        if task.desired_state <= types_pb2.RUNNING or task.status.state <= types_pb2.RUNNING:
            found.setdefault((task.slot, "" if task.slot else task.node_id), []).append(task)
    return [(_slot_name(key, view), tasks) for key, tasks in sorted(found.items())]


def _slot_name(key: tuple[int, str], view: ClusterView) -> str:
    slot, node_id = key
    if slot:
        return f"slot {slot}"
    node = view.get(objects_pb2.Node, node_id)
    return (
        node.description.hostname if node is not None and node.description.hostname else fmt.short_id(node_id)
    )


def _is_old(service: Service, task: Task, view: ClusterView) -> bool:
    return is_dirty(service, task, view.get(objects_pb2.Node, task.node_id) if task.node_id else None)


def _is_done(service: Service, tasks: Sequence[Task], view: ClusterView) -> bool:
    wanted = [task for task in tasks if task.desired_state <= types_pb2.RUNNING]
    is_running = len(wanted) == 1 and wanted[0].status.state == types_pb2.RUNNING
    return is_running and not _is_old(service, wanted[0], view)


def _rank(service: Service, tasks: Sequence[Task], view: ClusterView) -> int:
    """0 while it is worked at, 1 when it is done, 2 while it waits."""
    if _is_done(service, tasks, view):
        return 1
    return 0 if any(not _is_old(service, task, view) for task in tasks) else 2


def _line(service: Service, tasks: Sequence[Task], view: ClusterView) -> Cell:
    parts: list[tuple[str, Role]] = []
    for task in sorted(tasks, key=lambda one: (_is_old(service, one, view), one.id)):
        word = state_word(task.status.state)
        is_leaving = task.desired_state > types_pb2.RUNNING
        if _is_old(service, task, view):
            parts.append((f"old {'stopping' if is_leaving else word}  ", Role.MUTED))
            continue
        role = Role.OK if task.status.state == types_pb2.RUNNING else Role.MOTION
        if task.status.state > types_pb2.RUNNING:
            role = Role.ERROR
        parts.append((f"new {'stopping' if is_leaving else word}  ", role))
        if why := cause(task):
            parts.append((f"{why}  ", Role.ERROR if role is Role.ERROR else Role.MUTED))
    return spans(*parts)
