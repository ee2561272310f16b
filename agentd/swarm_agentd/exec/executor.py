"""Port: a runtime on this node, and what it may ask about a task's secrets, configs and volumes.

Rules for who implements it:
1. run encloses everything else: the agent starts it before the first other call and cancels it after the last.
2. After a restart of the daemon the agent builds controllers for the tasks that it had, then calls retain once it knows
   from a manager which tasks the node has. Work of this node that no task of the set owns is then stopped and freed.
3. Several agents may live in one process: nothing is global.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from swarm_core.api.proto.objects_pb2 import Config, Node, Secret, Task
from swarm_core.api.proto.types_pb2 import EncryptionKey, NodeDescription

from swarm_agentd.exec.controller import Controller
from swarm_agentd.exec.volumes import PublishedVolume


class Dependencies(Protocol):
    """The secrets, configs and volumes of one task, restricted to those it was given, payload templates expanded."""

    def secret(self, secret_id: str) -> Secret:
        """Raises NotAuthorized, Missing, InvalidTask for a template that fails, or Temporary before a manager has told."""

    def config(self, config_id: str) -> Config:
        """Raises NotAuthorized, Missing, InvalidTask for a template that fails, or Temporary before a manager has told."""

    async def volume(self, volume_id: str) -> PublishedVolume:
        """Where a cluster volume is, once it is published here. Raises NotAuthorized, or Temporary while it is not."""


class Executor(Protocol):
    async def run(self) -> None:
        """Background work shared by all controllers, until cancelled; may return at once when there is none."""

    async def describe(self) -> NodeDescription:
        """The node as it is now: hostname, platform, resources, engine with labels and plugins. Called often."""

    async def configure(self, node: Node) -> None:
        """Adopt the node object (attachments, labels). Called when anything but its status or version changed."""

    def controller(self, task: Task, dependencies: Dependencies) -> Controller:
        """The controller of `task`, whose templates are expanded already. Makes nothing yet, does no I/O.

        Raises UnsupportedRuntime or InvalidTask.
        """

    async def retain(self, task_ids: Collection[str]) -> None:
        """Stop and free what earlier daemons of this node left behind for tasks not in `task_ids`."""

    async def set_network_bootstrap_keys(self, keys: Sequence[EncryptionKey]) -> None:
        """Adopt the network keys; an executor without encrypted networks ignores them."""
