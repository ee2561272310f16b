"""One decision of the allocator, and how it is written. It rests on the object it was made from: when another is stored, the write
refuses, and the allocator decides anew."""

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp

from swarm_core.api.proto.objects_pb2 import Endpoint, Network, NetworkAttachment, Node, Service, Task
from swarm_core.api.proto.types_pb2 import PENDING
from swarm_core.store.errors import OutOfSequence
from swarm_core.store.transactions import Transaction


@dataclass(frozen=True, slots=True)
class AllocateNetwork:
    """`network` becomes `made`: it has its subnets."""

    network: Network
    made: Network

    def write(self, transaction: Transaction, now: Timestamp) -> None:
        """Write it. Raises OutOfSequence."""
        if transaction.get(Network, self.network.id) is not self.network:
            raise OutOfSequence
        transaction.update(self.made)


@dataclass(frozen=True, slots=True)
class Serve:
    """`service` has this endpoint."""

    service: Service
    endpoint: Endpoint

    def write(self, transaction: Transaction, now: Timestamp) -> None:
        """Write it. Raises OutOfSequence."""
        if transaction.get(Service, self.service.id) is not self.service:
            raise OutOfSequence
        service = Service()
        service.CopyFrom(self.service)
        service.endpoint.CopyFrom(self.endpoint)
        service.endpoint.SetInParent()
        transaction.update(service)


@dataclass(frozen=True, slots=True)
class Allocate:
    """`task` has all it needs and may be placed."""

    task: Task
    networks: Sequence[NetworkAttachment]
    endpoint: Endpoint

    def write(self, transaction: Transaction, now: Timestamp) -> None:
        """Write it. Raises OutOfSequence."""
        task = _copy(transaction, self.task)
        del task.networks[:]
        task.networks.extend(self.networks)
        task.endpoint.CopyFrom(self.endpoint)
        task.status.state = PENDING
        task.status.message = "has its addresses and waits for a node"
        task.status.ClearField("err")
        task.status.timestamp.CopyFrom(now)
        transaction.update(task)


@dataclass(frozen=True, slots=True)
class Explain:
    """Say in `task` why it stays NEW."""

    task: Task
    reason: str

    def write(self, transaction: Transaction, now: Timestamp) -> None:
        """Write it. Raises OutOfSequence."""
        task = _copy(transaction, self.task)
        task.status.err = self.reason
        task.status.timestamp.CopyFrom(now)
        transaction.update(task)


@dataclass(frozen=True, slots=True)
class Attach:
    """`node` has these attachments and no others."""

    node: Node
    attachments: Sequence[NetworkAttachment]

    def write(self, transaction: Transaction, now: Timestamp) -> None:
        """Write it. Raises OutOfSequence."""
        if transaction.get(Node, self.node.id) is not self.node:
            raise OutOfSequence
        node = Node()
        node.CopyFrom(self.node)
        del node.attachments[:]
        node.attachments.extend(self.attachments)
        transaction.update(node)


Decision = AllocateNetwork | Serve | Allocate | Explain | Attach


def _copy(transaction: Transaction, task: Task) -> Task:
    if transaction.get(Task, task.id) is not task:
        raise OutOfSequence
    new = Task()
    new.CopyFrom(task)
    return new
