"""Port: the ports of this node's tasks, as the agent sees them. `ports.published.PublishedPorts` is the real part."""

from collections.abc import Callable, Sequence
from typing import Protocol

from swarm_core.api.proto.endpoints_pb2 import EndpointsMessage
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import EncryptionKey, NodeDescription, TaskStatus


class TaskPorts(Protocol):
    @property
    def is_served(self) -> bool:
        """Whether the node wants to be told where tasks are."""

    def describe(self, description: NodeDescription) -> None:
        """Add what other nodes must know of this one."""

    def give(self, task: Task) -> None:
        """Write the ports of a task that is new here into its status."""

    def resume(self, task: Task) -> None:
        """A task of this node is begun, or goes on after a restart."""

    def observe(self, task: Task, status: TaskStatus) -> None:
        """A task of this node reached a status."""

    def forget(self, task_id: str) -> None:
        """The work of a task is removed."""

    def set_keys(self, keys: Sequence[EncryptionKey]) -> None:
        """Adopt the cluster's network keys."""

    def apply(self, message: EndpointsMessage) -> None:
        """Adopt what the leader tells of the tasks of all nodes."""

    async def run(self, node_id: str, renumbered: Callable[[], None]) -> None:
        """Serve until cancelled; `renumbered` is called when `describe` adds something else than before."""


class NoPorts:
    """Of a node whose tasks have none: a simulated one."""

    is_served = False

    def describe(self, description: NodeDescription) -> None:
        """Nothing to add."""

    def give(self, task: Task) -> None:
        """Tasks get none."""

    def resume(self, task: Task) -> None:
        """Nothing to know."""

    def observe(self, task: Task, status: TaskStatus) -> None:
        """Nothing to know."""

    def forget(self, task_id: str) -> None:
        """Nothing to free."""

    def set_keys(self, keys: Sequence[EncryptionKey]) -> None:
        """Nothing to prove."""

    def apply(self, message: EndpointsMessage) -> None:
        """Nobody asks."""

    async def run(self, node_id: str, renumbered: Callable[[], None]) -> None:
        """Nothing to do."""
