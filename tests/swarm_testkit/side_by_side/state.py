"""What two clusters are compared by: services with how their update stands, and tasks by place, without what is chance.

Chance are ids, which of two equal nodes has a task, how often something was tried, and when.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

from swarm_core.api.proto import objects_pb2, types_pb2

from swarm_testkit.side_by_side.sides import Held, Side

_RUNNING, _COMPLETE = types_pb2.RUNNING, types_pb2.COMPLETE
SAME_WORDS = (
    ("constraints not met by", "scheduling constraints not satisfied on"),
    ("not enough resources on", "insufficient resources on"),
    ("limit of replicas per node reached", "max replicas per node limit exceed"),
    ("host port taken on", "host-mode port already in use on"),
    ("plugin missing on", "missing plugin on"),
    ("platform not supported by", "unsupported platform on"),
    ("do not accept new tasks", "not available for new tasks"),
    ("does not accept new tasks", "not available for new tasks"),
)
"""Ours and docker's words for one thing."""
_NOT_ACCEPTING = re.compile(r"(?P<before>(?:; )?)(?P<count>\d+) nodes? (?:does|do) not accept new tasks")
_ID = re.compile(r"\b[a-z0-9]{25}\b")
_HEX = re.compile(r"\b[0-9a-f]{12,64}\b")
_MOVING = (
    types_pb2.UpdateStatus.UPDATING,
    types_pb2.UpdateStatus.ROLLBACK_STARTED,
)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A slot, or a node of a global service, with its newest task. Which slot it is, is chance."""

    node: str
    """Of a global service; empty otherwise."""

    desired: str
    state: str
    runs: str
    error: str


@dataclass(slots=True)
class ServiceState:
    """One service."""

    update: str
    message: str
    replicas: int
    places: list[Place] = field(default_factory=list)
    per_node: dict[str, int] = field(default_factory=dict)
    """Live tasks on each node."""


def state_of(held: Held, side: Side) -> dict[str, ServiceState]:
    """The services by name."""
    names = {id_: name for name, id_ in side.ids.items()}
    found = {}
    for service in held.services:
        tasks = [task for task in held.tasks if task.service_id == service.id]
        found[service.spec.annotations.name] = _service(service, tasks, names, side.drained)
    return found


def is_moving(held: Held) -> bool:
    """Whether something is under way that will come to an end."""
    if any(service.update_status.state in _MOVING for service in held.services):
        return True
    for task in held.tasks:
        state, desired = task.status.state, task.desired_state
        if desired <= _COMPLETE and types_pb2.ASSIGNED <= state < _RUNNING:
            return True
        if desired > _COMPLETE and types_pb2.ASSIGNED <= state <= _RUNNING and task.node_id:
            return True
    return False


def _service(
    service: objects_pb2.Service, tasks: list[objects_pb2.Task], names: dict[str, str], drained: int
) -> ServiceState:
    status = service.update_status
    mode = service.spec.WhichOneof("mode")
    state = ServiceState(
        types_pb2.UpdateStatus.UpdateState.Name(status.state) if service.HasField("update_status") else "",
        normal(status.message),
        service.spec.replicated.replicas if mode == "replicated" else 0,
    )
    newest: dict[str, objects_pb2.Task] = {}
    for task in sorted(tasks, key=_age):
        newest[str(task.slot) if task.slot else names.get(task.node_id, task.node_id)] = task
    state.places = sorted(_place(task, "" if task.slot else key, drained) for key, task in newest.items())
    live = [task for task in tasks if task.desired_state <= _COMPLETE and task.status.state <= _RUNNING]
    state.per_node = dict(Counter(names.get(task.node_id, task.node_id) for task in live))
    return state


def _age(task: objects_pb2.Task) -> tuple[int, int, int]:
    """Newest last; of a slot's tasks one that is still wanted counts as newer."""
    made = task.meta.created_at
    return (task.desired_state <= _COMPLETE, made.seconds, made.nanos)


def _place(task: objects_pb2.Task, node: str, drained: int) -> Place:
    container = task.spec.container
    runs = " ".join((container.image, *container.command, *container.args, *container.env))
    return Place(
        node,
        types_pb2.TaskState.Name(task.desired_state),
        types_pb2.TaskState.Name(task.status.state),
        runs,
        normal(without_drained(task.status.err, drained)),
    )


def without_drained(text: str, drained: int) -> str:
    """A sentence in which so many of the nodes that take no new tasks are not counted."""

    def fewer(match: re.Match[str]) -> str:
        left = int(match["count"]) - drained
        return (
            f"{match['before']}{left} node{'s do' if left > 1 else ' does'} not accept new tasks"
            if left > 0
            else ""
        )

    return _NOT_ACCEPTING.sub(fewer, text) if drained else text


def normal(text: str) -> str:
    """A sentence without ids, in docker's words where ours say the same."""
    for ours, dockers in SAME_WORDS:
        text = text.replace(ours, dockers)
    return _HEX.sub("<hex>", _ID.sub("<id>", text)).strip()
