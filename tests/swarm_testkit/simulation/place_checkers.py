"""What must hold of nodes and volumes after every entry, of the tasks that count there: assigned, and not ended as far as the store knows.

Rules
1. What they reserve of a node, CPUs and memory, is within what it has.
2. A port of a node, published in mode host, has one task.
3. A task comes to a node that meets its constraints, and where its service has fewer active tasks than it may have on one node. Tasks of two specs, with
   two limits, may come with one entry: there is an order in which each came to fewer than it may.
4. A volume for one node has tasks on one; one that is not shared has one task; one for one writer has one that may write.
"""

from collections import Counter
from collections.abc import Collection, Iterator

from swarm_core.api.proto.objects_pb2 import Node, Task, Volume
from swarm_core.api.proto.types_pb2 import (
    ASSIGNED,
    COMPLETE,
    RUNNING,
    PortConfig,
    VolumeAccessMode,
)
from swarm_core.rules.placement import constraint
from swarm_core.store.events import Deleted, Event

from swarm_testkit.simulation.checkers import Findings


class PlaceLedger:
    """Fed with every event and with the end of every entry."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._nodes: dict[str, Node] = {}
        self._volumes: dict[str, Volume] = {}
        self._tasks: dict[str, Task] = {}
        self._on_node: dict[str, dict[str, None]] = {}
        self._using: dict[str, dict[str, None]] = {}  # volume -> tasks
        self._touched_nodes: dict[str, None] = {}
        self._touched_volumes: dict[str, None] = {}
        self._came: dict[str, None] = {}  # tasks that came to their node with this entry

    def take(self, event: Event) -> None:
        """See Ledger.watchers."""
        item, is_gone = event.object, isinstance(event, Deleted)
        if isinstance(item, Node):
            self._nodes.pop(item.id, None)
            if not is_gone:
                self._nodes[item.id] = item
                self._touched_nodes[item.id] = None
        elif isinstance(item, Volume):
            self._volumes.pop(item.id, None)
            if not is_gone:
                self._volumes[item.id] = item
        elif isinstance(item, Task):
            self._take_task(item, is_gone=is_gone)

    def entry_ends(self) -> None:
        """See Ledger.entry_watchers."""
        for task_id in self._came:
            if task_id in self._tasks:
                self._check_arrival(self._tasks[task_id])
        for node_id in self._touched_nodes:
            if (node := self._nodes.get(node_id)) is not None:
                self._check_node(node)
        for volume_id in self._touched_volumes:
            if (volume := self._volumes.get(volume_id)) is not None:
                self._check_volume(volume)
        for touched in (self._came, self._touched_nodes, self._touched_volumes):
            touched.clear()

    def has_volume(self, volume_id: str) -> bool:
        """Whether the cluster has this volume."""
        return volume_id in self._volumes

    def has_node(self, node_id: str) -> bool:
        """Whether the cluster has this node."""
        return node_id in self._nodes

    def users(self, volume_id: str) -> Collection[str]:
        """The tasks that count and have the volume."""
        return list(self._using.get(volume_id, ()))

    def _take_task(self, task: Task, *, is_gone: bool) -> None:
        old = self._tasks.pop(task.id, None)
        if old is not None:
            self._on_node[old.node_id].pop(task.id)
            for volume_id in _volumes_of(old):
                self._using[volume_id].pop(task.id)
        if is_gone or not task.node_id or not ASSIGNED <= task.status.state <= RUNNING:
            return
        self._tasks[task.id] = task
        self._on_node.setdefault(task.node_id, {})[task.id] = None
        self._touched_nodes[task.node_id] = None
        for volume_id in _volumes_of(task):
            self._using.setdefault(volume_id, {})[task.id] = None
            self._touched_volumes[volume_id] = None
        if old is None and task.status.state == ASSIGNED:
            self._came[task.id] = None

    def _check_node(self, node: Node) -> None:
        tasks = [self._tasks[task_id] for task_id in self._on_node.get(node.id, ())]
        has = node.description.resources
        reserved = [task.spec.resources.reservations for task in tasks]
        cpus, memory = sum(one.nano_cpus for one in reserved), sum(one.memory_bytes for one in reserved)
        if cpus > has.nano_cpus or memory > has.memory_bytes:
            self._findings.add(
                f"node {node.id} has {has.nano_cpus} nano CPUs and {has.memory_bytes} bytes; {cpus} and {memory} are reserved"
            )
        ports = Counter(port for task in tasks for port in _host_ports(task))
        for port, count in ports.items():
            if count > 1:
                self._findings.add(f"port {port} of node {node.id} has {count} tasks")

    def _check_arrival(self, task: Task) -> None:
        node = self._nodes.get(task.node_id)
        if node is None:
            return
        placement = task.spec.placement
        if not constraint.match(constraint.parse(placement.constraints), node):
            self._findings.add(
                f"task {task.id} comes to {node.id}: {list(placement.constraints)} do not hold"
            )
        limit = placement.max_replicas
        active = sum(
            other.service_id == task.service_id
            and other.desired_state <= COMPLETE
            and not (other.id in self._came and _came_after(other, limit))
            for other in map(self._tasks.__getitem__, self._on_node[node.id])
        )
        if limit and active > limit:
            self._findings.add(f"task {task.id} is one of {active} on {node.id}, where {limit} may be")

    def _check_volume(self, volume: Volume) -> None:
        tasks = [self._tasks[task_id] for task_id in self._using[volume.id]]
        mode = volume.spec.access_mode
        nodes = {task.node_id for task in tasks if task.node_id in self._nodes}
        writers = [task.id for task in tasks if _writes(task, volume.id)]
        if mode.scope == VolumeAccessMode.SINGLE_NODE and len(nodes) > 1:
            self._findings.add(f"volume {volume.id} is for one node, and used on {sorted(nodes)}")
        tasks = [task for task in tasks if task.node_id in self._nodes]
        if mode.sharing == VolumeAccessMode.NONE and len(tasks) > 1:
            self._findings.add(f"volume {volume.id} is for one task, and {len(tasks)} have it")
        if mode.sharing == VolumeAccessMode.ONE_WRITER and len(writers) > 1:
            self._findings.add(f"volume {volume.id} is for one writer, and {writers} write")


def _came_after(other: Task, limit: int) -> bool:
    """Whether a task that came with the same entry may have come later: those of lower limits find their places first."""
    its_limit = other.spec.placement.max_replicas
    return its_limit == 0 or its_limit > limit


def _volumes_of(task: Task) -> set[str]:
    return {attachment.id for attachment in task.volumes}


def _writes(task: Task, volume_id: str) -> bool:
    readonly = {mount.target for mount in task.spec.container.mounts if mount.readonly}
    return any(one.id == volume_id and one.target not in readonly for one in task.volumes)


def _host_ports(task: Task) -> Iterator[str]:
    for port in task.endpoint.ports:
        if port.publish_mode == PortConfig.HOST and port.published_port:
            yield f"{port.published_port}/{PortConfig.Protocol.Name(port.protocol)}"
