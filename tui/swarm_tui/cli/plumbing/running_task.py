"""The task in which something is run, by its name or its service's."""

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.client.control import NoSuchObject, UnresolvedReference

from swarm_tui.cli.plumbing.session import Failure

Task = objects_pb2.Task


async def running_task(cluster: Cluster, name: str) -> Task:
    """The task, or the first one of a service that runs. Raises UnresolvedReference or Failure."""
    try:
        return await cluster.control.resolve(Task, name)
    except UnresolvedReference as unresolved:
        try:
            service = await cluster.control.resolve(objects_pb2.Service, name)
        except NoSuchObject:
            if not isinstance(unresolved, NoSuchObject):
                raise unresolved from None
            raise Failure(f"There is no task and no service named {name!r}.") from None
    found = await cluster.control.find(Task, service_ids=[service.id])
    runs = [one for one in found if one.status.state == types_pb2.RUNNING == one.desired_state]
    if not runs:
        raise Failure(f"No task of {name} runs.")
    return min(runs, key=lambda one: (one.slot, one.id))
