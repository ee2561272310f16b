"""Spreading running tasks anew: which would move where and why, and each move as a step (docs/design/scheduling.md 3.13).

A move removes one task; its service makes another in its slot, and the scheduler gives it the better node. No other task is
touched, where a forced update would replace all of them.
"""

from collections.abc import Iterable, Sequence

from swarm_core.api.jobs import is_job
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.rules.placement.balance import Balancer, Movable, Move, Uneven
from swarm_core.rules.placement.node_info import survey
from swarm_core.rules.placement.summaries import node_name

from swarm_tui.operations.model import Done, Plan, Remove, Step
from swarm_tui.resources import format as fmt
from swarm_tui.resources import services, tasks
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.why.placement import probe

Node = objects_pb2.Node
Service = objects_pb2.Service
Task = objects_pb2.Task
Volume = objects_pb2.Volume
_UPDATING = (
    types_pb2.UpdateStatus.UPDATING,
    types_pb2.UpdateStatus.PAUSED,
    types_pb2.UpdateStatus.ROLLBACK_STARTED,
    types_pb2.UpdateStatus.ROLLBACK_PAUSED,
)


def moves(view: ClusterView, found: Iterable[Service], moves_max: int) -> list[Move]:
    """What would move, in order. Services whose tasks are bound to nodes, that are updated just now, or that are not at their
    goal are left alone: their tasks are about to be placed anyway. So are those with cluster volumes, which would have to move too."""
    movable = [
        Movable(probe(service, view), _running(service, view))
        for service in found
        if service.spec.WhichOneof("mode") == "replicated"
        and not is_job(service)
        and service.update_status.state not in _UPDATING
        and services.running(service, view) >= services.wanted(service, view)
        and not any(mount.type == types_pb2.Mount.CLUSTER for mount in service.spec.task.container.mounts)
    ]
    balancer = Balancer(survey(view.objects(Node), view.objects(Task), view.objects(Volume)))
    return balancer.moves(movable, moves_max)


def _running(service: Service, view: ClusterView) -> Sequence[Task]:
    return [
        task
        for task in view.tasks_of_service(service.id)
        if task.status.state == types_pb2.RUNNING and task.desired_state == types_pb2.RUNNING
    ]


def plan(view: ClusterView, found: Sequence[Move]) -> Plan:
    """A step for each move. They are to be carried out one after the other, each once the one before it runs again."""
    steps = tuple(
        Step(
            tasks.name(move.task, view),
            f"move {tasks.name(move.task, view)}",
            Remove(Task, move.task.id),
            Done(f"{node_name(move.source)} → {node_name(move.target)}", why(move, view)),
            (f"{node_name(move.source)} → {node_name(move.target)}",),
        )
        for move in found
    )
    return Plan(f"Move {fmt.plural(len(found), 'task')}", steps)


def why(move: Move, view: ClusterView) -> str:
    """Why, in half a sentence with the numbers."""
    uneven = move.why
    here, there = _sides(uneven, move)
    whose = "tasks in all" if uneven.is_in_all else f"tasks of {move.task.service_annotations.name}"
    return f"{uneven.source_tasks} {whose} {here}, {uneven.target_tasks} {there}"


def _sides(uneven: Uneven, move: Move) -> tuple[str, str]:
    if not uneven.of:
        return f"on {node_name(move.source)}", f"on {node_name(move.target)}"
    label = uneven.of.partition("labels.")[2]
    return _with(label, uneven.source), _with(label, uneven.target)


def _with(label: str, value: str) -> str:
    return f"where {label}={value}" if value else f"where {label} is not set"
