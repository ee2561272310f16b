"""What a node asks of storage plugins: who it is for them, and to bring volumes to this machine and take them away.

Each call may be made again, after success too: staging and publishing what is there already is fine for a plugin, as is taking
away what is not.
"""

import errno
from collections.abc import Iterable, Mapping
from pathlib import Path

from swarm_core.api.proto import csi_pb2
from swarm_core.api.proto.types_pb2 import NodeCSIInfo, VolumeAccessMode, VolumeAssignment
from swarm_core.csi import convert
from swarm_core.csi.connection import CALL_S, PluginConnection
from swarm_core.csi.errors import PluginFailed
from swarm_core.csi.sockets import PluginSocket

_Rpc = csi_pb2.NodeServiceCapability.RPC
# Where a plugin with files of its own stages and publishes, as a Docker Engine tells its plugins.
_INSIDE = Path("/data")


class NodePlugin:
    """One plugin on this node. `directory` is its place in the node's state."""

    def __init__(self, connection: PluginConnection, directory: Path) -> None:
        self._connection = connection
        self._sees_our_files = connection.socket.published is None
        told = directory if self._sees_our_files else _INSIDE
        self._staged, self._published = told / "staged", told / "published"
        self._found = connection.socket.published or self._published

    async def info(self) -> NodeCSIInfo:
        """Who this node is for the plugin, and from where it reaches volumes. Raises PluginFailed."""
        answer = await self._connection.call("Node", "NodeGetInfo", csi_pb2.NodeGetInfoRequest())
        info = NodeCSIInfo(
            plugin_name=self._connection.name,
            node_id=answer.node_id,
            max_volumes_per_node=answer.max_volumes_per_node,
        )
        if answer.accessible_topology.segments:
            info.accessible_topology.segments.update(answer.accessible_topology.segments)
        return info

    def path(self, volume_id: str) -> Path:
        """Where a published volume is on this machine."""
        return self._found / volume_id

    async def publish(self, volume: VolumeAssignment, secrets: Mapping[str, str]) -> None:
        """Bring a volume here. Raises PluginFailed."""
        capability = convert.capability(volume.access_mode)
        staging = ""
        if await self._stages():
            staging = str(self._staged / volume.id)
            self._make(self._staged / volume.id)
            request = csi_pb2.NodeStageVolumeRequest(
                volume_id=volume.volume_id,
                publish_context=volume.publish_context,
                staging_target_path=staging,
                volume_capability=capability,
                secrets=secrets,
                volume_context=volume.volume_context,
            )
            await self._connection.call("Node", "NodeStageVolume", request)
        self._make(self._published)
        await self._connection.call(
            "Node",
            "NodePublishVolume",
            csi_pb2.NodePublishVolumeRequest(
                volume_id=volume.volume_id,
                publish_context=volume.publish_context,
                staging_target_path=staging,
                target_path=str(self._published / volume.id),
                volume_capability=capability,
                readonly=volume.access_mode.sharing == VolumeAccessMode.READ_ONLY,
                secrets=secrets,
                volume_context=volume.volume_context,
            ),
        )

    async def unpublish(self, volume: VolumeAssignment) -> None:
        """Take a volume away. Raises PluginFailed."""
        target = self._published / volume.id
        request = csi_pb2.NodeUnpublishVolumeRequest(volume_id=volume.volume_id, target_path=str(target))
        await self._connection.call("Node", "NodeUnpublishVolume", request)
        if not await self._stages():
            return
        staging = self._staged / volume.id
        unstage = csi_pb2.NodeUnstageVolumeRequest(
            volume_id=volume.volume_id, staging_target_path=str(staging)
        )
        await self._connection.call("Node", "NodeUnstageVolume", unstage)
        if self._sees_our_files:
            _remove_empty(staging)

    def _make(self, path: Path) -> None:
        if self._sees_our_files:
            try:
                path.mkdir(mode=0o711, parents=True, exist_ok=True)
            except OSError as error:
                raise PluginFailed(f"cannot make {path}: {error.strerror}") from None

    async def _stages(self) -> bool:
        return bool(await self._connection.capabilities("node", self._ask))

    async def _ask(self) -> bool:
        answer = await self._connection.call(
            "Node", "NodeGetCapabilities", csi_pb2.NodeGetCapabilitiesRequest()
        )
        return _Rpc.STAGE_UNSTAGE_VOLUME in {each.rpc.type for each in answer.capabilities}


class NodePlugins:
    """The plugins of a node, each with a directory below `directory`."""

    def __init__(self, sockets: Iterable[PluginSocket], directory: Path, *, call_s: float = CALL_S) -> None:
        self._connections = [PluginConnection(socket, call_s=call_s) for socket in sockets]
        self._plugins = {
            each.name: NodePlugin(each, directory / each.name.replace("/", "_")) for each in self._connections
        }

    def names(self) -> list[str]:
        """Of all of them."""
        return list(self._plugins)

    def get(self, name: str) -> NodePlugin | None:
        """The plugin of that name."""
        return self._plugins.get(name)

    async def close(self) -> None:
        """End every connection."""
        for connection in self._connections:
            await connection.close()


def _remove_empty(path: Path) -> None:
    """Remove a directory of ours, unless the plugin has left something there."""
    try:
        path.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EBUSY):
            raise PluginFailed(f"cannot remove {path}: {error.strerror}") from None
