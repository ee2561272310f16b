"""The rest of the cluster for one-shot rows: what was listed, with the server's own counts where it has them."""

from collections.abc import Iterable, Sequence
from typing import Any

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.client.errors import CallFailed

from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.resources.model import ServiceSums


async def view_of(cluster: Cluster, *kinds: type[Message], objects: Iterable[Any] = ()) -> Snapshot:
    """These kinds as they are now, and `objects` that are at hand already; with volumes why plugins could not make them."""
    listed: list[Any] = list(objects)
    for kind in kinds:
        listed += await _all_of(cluster, kind)
    listed += await cluster.control.volume_failures(
        one for one in listed if isinstance(one, objects_pb2.Volume)
    )
    if objects_pb2.Node not in kinds:
        return Snapshot(listed)
    from swarm_core.client.managers import raft_now

    return Snapshot(listed, raft=await raft_now(cluster.control))


async def _all_of(cluster: Cluster, kind: type[Message]) -> list[Any]:
    """Every object of a kind. Volumes came late: a server that does not know them has none."""
    try:
        return list(await cluster.control.find(kind))
    except CallFailed as error:
        if error.code != "UNIMPLEMENTED" or kind is not objects_pb2.Volume:
            raise
        return []


async def counted(cluster: Cluster, services: Sequence[objects_pb2.Service]) -> Snapshot:
    """Services with the server's counts: ten thousand tasks need not be listed to count them. An old server that counts
    nothing gives its tasks instead."""
    try:
        statuses = await cluster.control.service_statuses(service.id for service in services)
    except CallFailed as error:
        if error.code != "UNIMPLEMENTED":
            raise
        return await view_of(cluster, objects_pb2.Node, objects_pb2.Task, objects=services)
    iterations = {service.id: service.job_status.job_iteration.index for service in services}
    counts = {
        status.service_id: ServiceSums(
            running=status.running_tasks,
            wanted=status.desired_tasks,
            completed={iterations[status.service_id]: status.completed_tasks},
        )
        for status in statuses
    }
    return Snapshot(services, counts)
