"""Tasks that wait for a node, in groups that are decided together (docs/design/scheduling.md 3.4).

Tasks of one version of a service are equal for placement, if they publish the same ports of their nodes: an allocator gives a task the endpoint that its
service has at that moment, which may be of another version. A task without a spec version is grouped with those
that ask for exactly the same. A group that found no node for all its tasks remembers which filter refuses each
node: only a node that changed can help it, so only such nodes are asked again.
"""

from collections.abc import Hashable

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.rules.placement.explain import Refusals, no_suitable_node
from swarm_core.rules.placement.filters import Pipeline
from swarm_core.rules.placement.node_info import NodeInfo, host_ports
from swarm_core.rules.placement.spread import spread_descriptors

GroupKey = Hashable


def group_key(task: Task) -> GroupKey:
    """Equal for tasks that any node treats alike."""
    if task.service_id and task.HasField("spec_version"):
        return (task.service_id, task.spec_version.index, host_ports(task))
    networks = tuple(attachment.network.driver_state.name for attachment in task.networks)
    parts = (
        task.spec.SerializeToString(deterministic=True),
        task.endpoint.SerializeToString(deterministic=True),
    )
    return (task.service_id, networks, *parts)


class Group:
    """Waiting tasks of one key."""

    __slots__ = ("descriptors", "key", "pipeline", "refusals", "tasks", "unexplained")

    def __init__(self, key: GroupKey, task: Task) -> None:
        self.key = key
        self.pipeline = Pipeline(task)
        self.descriptors = spread_descriptors(task.spec.placement.preferences)
        self.tasks: dict[str, Task] = {}
        self.refusals: Refusals | None = None  # None: not tried since something helpful happened
        self.unexplained: set[str] = set()  # tasks that may not carry the present explanation

    def add(self, task: Task) -> None:
        """Let a task wait here, or replace the object of one that does."""
        self.unexplained.add(task.id)
        self.tasks[task.id] = task

    def discard(self, task_id: str) -> None:
        """Stop waiting for a task."""
        self.tasks.pop(task_id, None)
        self.unexplained.discard(task_id)

    def look_again(self, changed: dict[str, NodeInfo | None]) -> bool:
        """Whether to try to place: never tried, or one of the nodes in `changed` has become good."""
        if self.refusals is None:
            return True
        if not changed:
            return False
        before = str(self.refusals)
        for node_id, info in changed.items():
            if info is None:
                self.refusals.forget(node_id)
            else:
                self.refusals.look_at(info)
        if str(self.refusals) != before:
            self.unexplained.update(self.tasks)
        return bool(self.refusals.admitted)

    def refused(self, refusals: Refusals) -> None:
        """Note that the remaining tasks found no node."""
        self.refusals = refusals
        self.unexplained.update(self.tasks)

    def explain(self) -> tuple[str, list[Task]]:
        """The explanation, and the waiting tasks that do not carry it yet."""
        assert self.refusals is not None
        text = no_suitable_node(self.refusals)
        tasks = [self.tasks[task_id] for task_id in sorted(self.unexplained)]
        self.unexplained.clear()
        return text, [task for task in tasks if task.status.err != text]
