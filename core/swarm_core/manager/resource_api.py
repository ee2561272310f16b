"""A container that somebody started by hand joins a network of the cluster (docs/design/manager.md 5.7).

Its engine asks for it as a node. The attachment is a task without a service, on that node: the allocator gives it its address, and it goes
the way of every task to the node, whose engine connects the container.
"""

import random

from swarm_core.api.ids import new_id
from swarm_core.api.proto import objects_pb2, resource_pb2, types_pb2
from swarm_core.api.timestamps import timestamp
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import InvalidArgument, NotFound, PermissionDenied
from swarm_core.runtime.clock import Clock
from swarm_core.store.by import Name
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction


class ResourceApi:
    """The ResourceAllocator service."""

    def __init__(self, store: MemoryStore, clock: Clock, rng: random.Random) -> None:
        self._store, self._clock, self._rng = store, clock, rng

    async def attach_network(
        self, request: resource_pb2.AttachNetworkRequest, caller: Caller
    ) -> resource_pb2.AttachNetworkResponse:
        task = objects_pb2.Task(id=new_id(self._rng), node_id=caller.node_id)
        task.desired_state, task.status.state = types_pb2.RUNNING, types_pb2.NEW
        task.status.message = "created"
        task.status.timestamp.CopyFrom(timestamp(self._clock.wall_ns()))
        task.spec.attachment.container_id = request.container_id

        def attach(tx: Transaction) -> None:
            network = _network(tx, request.config.target)
            if not network.spec.attachable:
                raise PermissionDenied(f"network {network.spec.annotations.name} cannot be joined by hand")
            del task.spec.networks[:]
            task.spec.networks.add(target=network.id, addresses=request.config.addresses)
            tx.create(task)

        await self._store.update(attach)
        return resource_pb2.AttachNetworkResponse(attachment_id=task.id)

    async def detach_network(
        self, request: resource_pb2.DetachNetworkRequest, caller: Caller
    ) -> resource_pb2.DetachNetworkResponse:
        def detach(tx: Transaction) -> None:
            if not request.attachment_id:
                raise InvalidArgument("the attachment's id is required")
            task = tx.get(objects_pb2.Task, request.attachment_id)
            if task is None or not task.spec.HasField("attachment"):
                raise NotFound(f"attachment {request.attachment_id} not found")
            if task.node_id != caller.node_id:
                raise PermissionDenied(f"attachment {task.id} is another node's")
            tx.delete(objects_pb2.Task, task.id)

        await self._store.update(detach)
        return resource_pb2.DetachNetworkResponse()


def _network(tx: Transaction, reference: str) -> objects_pb2.Network:
    """By id, else by name. Raises NotFound."""
    found = tx.get(objects_pb2.Network, reference)
    if found is None:
        found = next(iter(tx.find(objects_pb2.Network, Name(reference))), None)
    if found is None:
        raise NotFound(f"network {reference} not found")
    return found
