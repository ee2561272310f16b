"""Port: the storage plugins as the leader uses them. `swarm_core.csi.controller.Controllers` is the real one.

Each call raises `csi.errors.PluginFailed`, and may be made again after that or after success.
"""

from collections.abc import Mapping
from typing import Protocol

from swarm_core.api.proto.objects_pb2 import Volume
from swarm_core.api.proto.types_pb2 import VolumeInfo


class Plugin(Protocol):
    async def create(self, volume: Volume, secrets: Mapping[str, str]) -> VolumeInfo:
        """Make the storage, or find what an earlier call with the volume's name made."""

    async def delete(self, volume: Volume, secrets: Mapping[str, str]) -> None:
        """Delete the storage; none is fine."""

    async def publish(
        self, volume: Volume, csi_node_id: str, secrets: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Make the volume ready to be used on a node; what the node must be told."""

    async def unpublish(self, volume: Volume, csi_node_id: str, secrets: Mapping[str, str]) -> None:
        """Take that back; an empty id means every node."""


class Plugins(Protocol):
    def get(self, name: str) -> Plugin | None:
        """The plugin of that name; None where this manager was told of none."""


class NoPlugins:
    """A manager that was told of no plugin."""

    def get(self, name: str) -> Plugin | None:
        return None
