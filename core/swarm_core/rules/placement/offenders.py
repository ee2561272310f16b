"""Which tasks may not stay on their node (docs/design/orchestration.md 2.8). Pure.

A task has to go when its service's constraints no longer match, or when what it reserved is more than the node now has. On a
shortage the newest tasks go, so the outcome does not depend on chance.
"""

from collections.abc import Callable, Iterable, Iterator

from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import ASSIGNED, COMPLETE, REJECTED
from swarm_core.api.resources import GenericPool
from swarm_core.api.states import Actor, may_move
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.rules.placement import constraint
from swarm_core.rules.placement.constraint import Constraint


def is_subject(task: Task) -> bool:
    """Whether the rule is about this task at all: it is meant to be on its node, and its state may become REJECTED."""
    return ASSIGNED <= task.desired_state <= COMPLETE and may_move(
        task.status.state, REJECTED, Actor.ENFORCER
    )


def offenders(
    node: Node, tasks: Iterable[Task], service_of: Callable[[str], Service | None]
) -> Iterator[tuple[str, str]]:
    """The ids of `tasks` that may not stay on `node`, each with the reason."""
    if node.spec.availability != NodeSpec.Availability.ACTIVE:
        return
    room = _Room(node)
    parsed: dict[str, tuple[Constraint, ...]] = {}
    subjects = [task for task in tasks if is_subject(task)]
    for task in sorted(subjects, key=lambda task: (timestamp_ns(task.meta.created_at), task.id)):
        constraints = parsed.get(task.service_id) if task.service_id else None
        if constraints is None:
            service = service_of(task.service_id) if task.service_id else None
            spec = task.spec if service is None else service.spec.task
            constraints = constraint.parse_or_none(spec.placement.constraints)
            if service is not None:
                parsed[task.service_id] = constraints
        if not constraint.match(constraints, node):
            yield task.id, "the node does not meet the placement constraints"
        elif shortage := room.take(task):
            yield task.id, f"the node has not enough {shortage}"


class _Room:
    """What the node has left for the tasks that are looked at one after the other."""

    def __init__(self, node: Node) -> None:
        self._is_known = node.HasField("description") and node.description.HasField("resources")
        resources = node.description.resources
        self._memory, self._cpus = resources.memory_bytes, resources.nano_cpus
        self._generic = GenericPool()
        self._generic.describe(resources.generic)

    def take(self, task: Task) -> str:
        """Give `task` what it reserved; what is short, or "" when it fits."""
        if not self._is_known:
            return ""
        reserved = task.spec.resources.reservations
        if reserved.memory_bytes > self._memory:
            return "memory"
        if reserved.nano_cpus > self._cpus:
            return "CPUs"
        items = list(task.assigned_generic_resources)
        self._generic.hold(items)
        if not self._generic.is_covered():
            self._generic.give_back(items)
            return "generic resources"
        self._memory -= reserved.memory_bytes
        self._cpus -= reserved.nano_cpus
        return ""
