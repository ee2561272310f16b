"""Ending single tasks: each is removed, and its service decides what takes its place (docs/design/plans.md 13.7). Pure."""

from collections.abc import Sequence

from swarm_core.api.jobs import is_job
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.states import is_terminal

from swarm_tui.operations import changes
from swarm_tui.operations.model import Done, Plan, Remove, Step
from swarm_tui.operations.sentences import refusal
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.tasks import KIND, node_name

Service = objects_pb2.Service
Task = objects_pb2.Task


def plan(view: ClusterView, ids: Sequence[str]) -> Plan:
    """Kill these tasks; refused where one of them is over already."""
    found: list[Task] = changes.found(view, KIND, ids)
    refusals = [
        refusal("it is over already", f"kill {KIND.name(task, view)}")
        for task in found
        if is_terminal(task.status.state)
        or (task.desired_state > types_pb2.RUNNING and not _is_of_job(task, view))
    ]
    steps = tuple(_step(task, view) for task in found)
    notes = tuple(dict.fromkeys(_successor(task, view) for task in found))
    if len(found) > 1:
        notes = tuple(dict.fromkeys(f"{KIND.name(task, view)}: {_successor(task, view)}" for task in found))
    return Plan(
        f"Kill {changes.subject(view, KIND, ids)}",
        () if refusals else steps,
        refusals=tuple(refusals),
        notes=notes,
    )


def _step(task: Task, view: ClusterView) -> Step:
    name = KIND.name(task, view)
    return Step(
        name,
        f"kill {name}",
        Remove(Task, task.id),
        Done(f"task {name} killed"),
        (f"stopped{_where(task, view)}",),
    )


def _where(task: Task, view: ClusterView) -> str:
    return f" on {node_name(task, view)}" if task.node_id else ""


def _is_of_job(task: Task, view: ClusterView) -> bool:
    service = view.get(Service, task.service_id)
    return service is not None and is_job(service)


def _successor(task: Task, view: ClusterView) -> str:
    """What its orchestrator does when the task is gone (docs/design/orchestration.md 2.1, 2.2, 2.3.6): the restart policy has no say."""
    service = view.get(Service, task.service_id)
    if service is None:
        return "Nothing takes its place: it is of no service."
    if service.spec.HasField("global"):
        return "Its service starts another on the same node, while that takes tasks."
    if is_job(service):
        return "Its job begins another attempt in its place."
    if task.slot and task.slot > service.spec.replicated.replicas:
        return "Its service decides by its number of tasks whether another takes its place."
    return (
        "Its service starts another in its slot, on the node that fits best, while the old one still stops."
    )
