"""The rest of the cluster for one-shot rows: a mirror of what was listed, with the server's own counts where it has them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.client.errors import CallFailed

from swarm_tui.mirror.mirror import Mirror, snapshot
from swarm_tui.mirror.tallies import NodeTally, ServiceTally

T = TypeVar("T", bound=Message)


async def view_of(cluster: Cluster, *kinds: type[Message], objects: Iterable[Any] = ()) -> Mirror:
    """A mirror of these kinds as they are now, and of `objects` that are at hand already."""
    listed: list[Any] = list(objects)
    for kind in kinds:
        listed += await cluster.control.find(kind)
    return snapshot(cluster.clock, listed)


@dataclass(frozen=True, slots=True)
class CountedView:
    """A mirror whose service sums are the server's: ten thousand tasks need not be listed to count them."""

    mirror: Mirror
    counts: dict[str, ServiceTally]

    def get(self, kind: type[T], id_: str) -> T | None:
        return self.mirror.get(kind, id_)

    def objects(self, kind: type[T]) -> Collection[T]:
        return self.mirror.objects(kind)

    def tasks_of_service(self, service_id: str) -> Collection[objects_pb2.Task]:
        return self.mirror.tasks_of_service(service_id)

    def tasks_of_node(self, node_id: str) -> Collection[objects_pb2.Task]:
        return self.mirror.tasks_of_node(node_id)

    def service_tally(self, service_id: str) -> ServiceTally:
        return self.counts.get(service_id) or self.mirror.service_tally(service_id)

    def node_tally(self, node_id: str) -> NodeTally:
        return self.mirror.node_tally(node_id)

    def running_history(self, service_id: str, now_ns: int) -> Sequence[int | None]:
        return self.mirror.running_history(service_id, now_ns)


async def counted(cluster: Cluster, services: Sequence[objects_pb2.Service]) -> CountedView:
    """Services with the server's counts; an old server that has none gives its tasks instead."""
    try:
        statuses = await cluster.control.service_statuses(service.id for service in services)
    except CallFailed as error:
        if error.code != "UNIMPLEMENTED":
            raise
        mirror = await view_of(cluster, objects_pb2.Node, objects_pb2.Task, objects=services)
        return CountedView(mirror, {})
    counts = {
        status.service_id: ServiceTally(running=status.running_tasks, wanted=status.desired_tasks)
        for status in statuses
    }
    return CountedView(snapshot(cluster.clock, services), counts)
