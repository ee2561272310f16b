"""One node as placement sees it: the object and running sums over the tasks counted on it.

Rules
1. A task counts from ASSIGNED until its observed state passes RUNNING; its resources and ports stay taken
   that long, whatever is desired of it (docs/design/scheduling.md 3.3).
2. A task is active while its desired state is at most COMPLETE; only active tasks weigh in the spread (3.2).
3. Sums change by one task at a time; nothing here scans the tasks of a node.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from swarm_core.api.proto.objects_pb2 import Node, Task, Volume
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import (
    ASSIGNED,
    COMPLETE,
    RUNNING,
    GenericResource,
    Mount,
    NodeStatus,
    PortConfig,
    VolumeAttachment,
)
from swarm_core.api.resources import GenericPool, Wanted, wanted_of
from swarm_core.api.volumes import cluster_mounts
from swarm_core.rules.placement.volumes import VolumeSet

FAILURE_WINDOW_S = 5 * 60.0
FAILURES_MAX = 5  # this many in the window make a node the last choice for that service version (3.1)

Port = tuple["PortConfig.Protocol.ValueType", int]  # and the published port
Release = tuple[str, int]  # service id, spec version (0 when there is none)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a task takes from a node. All tasks of one service version share one."""

    service_id: str
    version: int
    nano_cpus: int
    memory_bytes: int
    generic: Wanted
    ports: tuple[Port, ...]
    mounts: tuple[Mount, ...] = ()
    """Those that ask for a cluster volume."""

    @classmethod
    def of(cls, task: Task) -> Self:
        """The demand of `task`."""
        nano_cpus = memory = 0
        generic: Wanted = ()
        if task.spec.HasField("resources"):
            reservations = task.spec.resources.reservations
            nano_cpus, memory = reservations.nano_cpus, reservations.memory_bytes
            generic = wanted_of(reservations)
        # Reading a process's mounts costs: a task that has a node and no volumes wants none.
        wants_none = task.status.state >= ASSIGNED and not task.volumes
        ports, mounts = host_ports(task), () if wants_none else cluster_mounts(task.spec)
        return cls(task.service_id, task.spec_version.index, nano_cpus, memory, generic, ports, mounts)

    @property
    def release(self) -> Release:
        return (self.service_id, self.version)


def host_ports(task: Task) -> tuple[Port, ...]:
    """The ports that a task takes of its node."""
    if not task.HasField("endpoint"):
        return ()
    # Until an allocator has copied the ports, what the spec asks for is what will be published.
    ports = task.endpoint.ports or task.endpoint.spec.ports
    return tuple(
        (port.protocol, port.published_port)
        for port in ports
        if port.publish_mode == PortConfig.HOST and port.published_port
    )


@dataclass(slots=True)
class _Use:
    """What one counted task holds here."""

    demand: Demand
    is_active: bool
    items: tuple[GenericResource, ...]


class NodeInfo:
    """A node with its sums. Only the owner of the set of nodes changes it."""

    __slots__ = (
        "_failures",
        "_reserved_cpus",
        "_reserved_memory",
        "_uses",
        "active",
        "active_of",
        "cpus_free",
        "generic",
        "id",
        "is_ready",
        "memory_free",
        "node",
        "ports",
        "version",
        "volumes",
    )

    def __init__(self, node: Node, volumes: VolumeSet | None = None) -> None:
        """`volumes` are the cluster's, which all its nodes share."""
        self.id = node.id
        self.volumes = VolumeSet() if volumes is None else volumes
        self.active = 0
        self.active_of: dict[str, int] = {}  # service id -> active tasks; no zeros
        self.ports: Counter[Port] = Counter()  # no zeros
        self.generic = GenericPool()
        self._uses: dict[str, _Use] = {}
        self._reserved_cpus = self._reserved_memory = 0
        self._failures: dict[Release, deque[float]] = {}
        self.describe(node)

    def describe(self, node: Node) -> None:
        """Replace the object; what tasks hold stays held."""
        self.node = node
        self.version = node.meta.version.index
        self.is_ready = (
            node.status.state == NodeStatus.READY and node.spec.availability == NodeSpec.Availability.ACTIVE
        )
        resources = node.description.resources
        self.cpus_free = resources.nano_cpus - self._reserved_cpus
        self.memory_free = resources.memory_bytes - self._reserved_memory
        self.generic.describe(resources.generic)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._uses

    @property
    def task_ids(self) -> Iterable[str]:
        """The tasks counted here."""
        return self._uses.keys()

    def holders(self, port: Port) -> list[str]:
        """The ids of the tasks that have `port` here; for people, so a scan may find them."""
        return [task_id for task_id, use in self._uses.items() if port in use.demand.ports]

    def add(self, task: Task, demand: Demand | None = None) -> bool:
        """Count `task`, or follow its desired state when it is counted already. True when the node has more room for it now:
        a task that is no longer active does not count against the most per node."""
        use = self._uses.get(task.id)
        is_active = task.desired_state <= COMPLETE
        if use is None:
            demand = demand or Demand.of(task)
            items = tuple(task.assigned_generic_resources)
            self.take(task.id, demand, items, is_active=is_active, volumes=task.volumes)
            return False
        if use.is_active == is_active:
            return False
        use.is_active = is_active
        self._count(use.demand.service_id, +1 if is_active else -1)
        return not is_active

    def take(
        self,
        task_id: str,
        demand: Demand,
        items: tuple[GenericResource, ...],
        *,
        is_active: bool = True,
        volumes: Sequence[VolumeAttachment] = (),
    ) -> None:
        """Count a task that is not counted yet; `items` are the generic resources it holds, `volumes` what it mounts."""
        assert task_id not in self._uses
        self._uses[task_id] = _Use(demand, is_active, items)
        self._reserve(demand, items, +1)
        if demand.ports:
            self.ports.update(demand.ports)
        if volumes:
            self.volumes.use(task_id, self.id, volumes, demand.mounts)
        if is_active:
            self._count(demand.service_id, +1)

    def remove(self, task_id: str) -> bool:
        """Stop counting a task; False when it was not counted."""
        use = self._uses.pop(task_id, None)
        if use is None:
            return False
        self._reserve(use.demand, use.items, -1)
        if use.demand.ports:
            self.ports = +(self.ports - Counter(use.demand.ports))
        if use.demand.mounts:
            self.volumes.release(task_id)
        if use.is_active:
            self._count(use.demand.service_id, -1)
        return True

    def record_failure(self, release: Release, now: float) -> None:
        """Remember that a task of `release` failed or was rejected here."""
        self._forget_failures(now)
        self._failures.setdefault(release, deque(maxlen=FAILURES_MAX)).append(now)

    def failures(self, release: Release, now: float) -> int:
        """How many recent failures weigh against this node: none below FAILURES_MAX (3.6)."""
        times = self._failures.get(release)
        if times is None or len(times) < FAILURES_MAX or times[0] <= now - FAILURE_WINDOW_S:
            return 0
        return len(times)

    def _forget_failures(self, now: float) -> None:
        old = [release for release, times in self._failures.items() if times[-1] <= now - FAILURE_WINDOW_S]
        for release in old:
            del self._failures[release]

    def _reserve(self, demand: Demand, items: tuple[GenericResource, ...], sign: int) -> None:
        if demand.nano_cpus:
            self._reserved_cpus += sign * demand.nano_cpus
            self.cpus_free -= sign * demand.nano_cpus
        if demand.memory_bytes:
            self._reserved_memory += sign * demand.memory_bytes
            self.memory_free -= sign * demand.memory_bytes
        if items:
            (self.generic.hold if sign > 0 else self.generic.give_back)(items)

    def _count(self, service_id: str, step: int) -> None:
        self.active += step
        left = self.active_of.get(service_id, 0) + step
        if left:
            self.active_of[service_id] = left
        else:
            del self.active_of[service_id]


def survey(
    nodes: Iterable[Node], tasks: Iterable[Task], volumes: Iterable[Volume] = ()
) -> dict[str, NodeInfo]:
    """All of `nodes` by id, with those of `tasks` counted that are on one of them."""
    shared = VolumeSet(volumes)
    infos = {node.id: NodeInfo(node, shared) for node in nodes}
    demands: dict[Release, Demand] = {}
    for task in tasks:
        info = infos.get(task.node_id)
        if info is not None and ASSIGNED <= task.status.state <= RUNNING:
            release = (task.service_id, task.spec_version.index)
            demand = demands.get(release)
            if demand is None or task.volumes:
                demand = Demand.of(task)
                # Without a version tasks of one service may be of several specs.
                if release[1]:
                    demands[release] = demand
            info.add(task, demand)
    return infos
