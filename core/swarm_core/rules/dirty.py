"""Does a task still say what its service says? (docs/design/tasks.md 1.6)

A task is clean when its spec version is the service's, or when what changed cannot concern it. Placement alone
does not: a task that already sits on a node that satisfies the new constraints stays.
"""

from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.specs_pb2 import TaskSpec
from swarm_core.api.proto.types_pb2 import READY, RUNNING
from swarm_core.rules.placement import constraint


def is_dirty(service: Service, task: Task, node: Node | None) -> bool:
    """Whether `task` must be replaced to follow `service`; `node` is where it is, if that is known."""
    if (
        service.HasField("spec_version")
        and task.HasField("spec_version")
        and service.spec_version.index == task.spec_version.index
    ):
        return False
    if task.HasField("endpoint") and task.endpoint.spec != service.spec.endpoint:
        return True
    wanted = _comparable(service, task)
    if wanted == task.spec:
        return False
    return not _differs_in_placement_only(wanted, task.spec) or not _satisfies(service, node)


def _comparable(service: Service, task: Task) -> TaskSpec:
    """The service's task spec; a task that is prepared already does not care about pull credentials."""
    spec = service.spec.task
    is_prepared = READY <= task.status.state <= RUNNING and task.desired_state <= RUNNING
    if is_prepared and spec.HasField("container") and task.spec.HasField("container"):
        spec = TaskSpec()
        spec.CopyFrom(service.spec.task)
        spec.container.ClearField("pull_options")
        if task.spec.container.HasField("pull_options"):
            spec.container.pull_options.CopyFrom(task.spec.container.pull_options)
    return spec


def _differs_in_placement_only(wanted: TaskSpec, actual: TaskSpec) -> bool:
    moved = TaskSpec()
    moved.CopyFrom(wanted)
    moved.ClearField("placement")
    if actual.HasField("placement"):
        moved.placement.CopyFrom(actual.placement)
        moved.placement.SetInParent()
    return moved == actual


def _satisfies(service: Service, node: Node | None) -> bool:
    constraints = constraint.parse_or_none(service.spec.task.placement.constraints)
    return node is not None and constraint.match(constraints, node)
