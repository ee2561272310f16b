"""What a manager asks of storage plugins: make, publish, unpublish and delete volumes.

A plugin need not have a controller, nor each of its parts (docs/design/volumes.md 12.4): what it lacks is nothing to be done.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from swarm_core.api.proto import csi_pb2
from swarm_core.api.proto.objects_pb2 import Volume
from swarm_core.api.proto.types_pb2 import VolumeAccessMode, VolumeInfo
from swarm_core.csi import convert
from swarm_core.csi.connection import CALL_S, PluginConnection
from swarm_core.csi.errors import PluginFailed, PluginRefused
from swarm_core.csi.sockets import PluginSocket

_Service = csi_pb2.PluginCapability.Service
_Rpc = csi_pb2.ControllerServiceCapability.RPC


@dataclass(frozen=True, slots=True)
class _Abilities:
    creates: bool = False
    publishes: bool = False
    publishes_readonly: bool = False
    has_topologies: bool = False


class Controller:
    """The controller of one plugin. Every call may be made again; each raises PluginFailed."""

    def __init__(self, connection: PluginConnection) -> None:
        self._connection = connection

    async def create(self, volume: Volume, secrets: Mapping[str, str]) -> VolumeInfo:
        """Make the storage, or find what an earlier call with the volume's name made."""
        spec, can = volume.spec, await self._abilities()
        if not can.creates:
            return VolumeInfo(volume_id=spec.annotations.name)
        wanted = convert.requirement(spec.AccessibilityRequirements)
        if wanted is not None and not can.has_topologies:
            raise PluginRefused(f"CSI plugin {self._connection.name} knows no topologies")
        request = csi_pb2.CreateVolumeRequest(
            name=spec.annotations.name,
            parameters=spec.driver.options,
            volume_capabilities=[convert.capability(spec.access_mode)],
            secrets=secrets,
            capacity_range=convert.capacity(spec.capacity_range),
            accessibility_requirements=wanted,
        )
        made = (await self._connection.call("Controller", "CreateVolume", request)).volume
        if not made.volume_id:
            raise PluginFailed(f"CSI plugin {self._connection.name} made a volume and gave it no id")
        return convert.volume_info(made)

    async def delete(self, volume: Volume, secrets: Mapping[str, str]) -> None:
        """Delete the storage; none is fine."""
        if not (await self._abilities()).creates:
            return
        request = csi_pb2.DeleteVolumeRequest(volume_id=volume.volume_info.volume_id, secrets=secrets)
        await self._connection.call("Controller", "DeleteVolume", request)

    async def publish(
        self, volume: Volume, csi_node_id: str, secrets: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Make the volume ready to be used on a node; what the node must be told. `csi_node_id` is the plugin's name of it."""
        can = await self._abilities()
        if not can.publishes:
            return {}
        if not csi_node_id:
            raise PluginFailed(f"the node has not told its id in CSI plugin {self._connection.name}")
        request = csi_pb2.ControllerPublishVolumeRequest(
            volume_id=volume.volume_info.volume_id,
            node_id=csi_node_id,
            volume_capability=convert.capability(volume.spec.access_mode),
            readonly=can.publishes_readonly and volume.spec.access_mode.sharing == VolumeAccessMode.READ_ONLY,
            secrets=secrets,
            volume_context=volume.volume_info.volume_context,
        )
        answer = await self._connection.call("Controller", "ControllerPublishVolume", request)
        return dict(answer.publish_context)

    async def unpublish(self, volume: Volume, csi_node_id: str, secrets: Mapping[str, str]) -> None:
        """Take that back; an empty id means every node."""
        if not (await self._abilities()).publishes:
            return
        request = csi_pb2.ControllerUnpublishVolumeRequest(
            volume_id=volume.volume_info.volume_id, node_id=csi_node_id, secrets=secrets
        )
        await self._connection.call("Controller", "ControllerUnpublishVolume", request)

    async def _abilities(self) -> _Abilities:
        found: _Abilities = await self._connection.capabilities("controller", self._ask)
        return found

    async def _ask(self) -> _Abilities:
        call = self._connection.call
        answer = await call("Identity", "GetPluginCapabilities", csi_pb2.GetPluginCapabilitiesRequest())
        services = {each.service.type for each in answer.capabilities}
        if _Service.CONTROLLER_SERVICE not in services:
            return _Abilities()
        answer = await call(
            "Controller", "ControllerGetCapabilities", csi_pb2.ControllerGetCapabilitiesRequest()
        )
        rpcs = {each.rpc.type for each in answer.capabilities}
        return _Abilities(
            creates=_Rpc.CREATE_DELETE_VOLUME in rpcs,
            publishes=_Rpc.PUBLISH_UNPUBLISH_VOLUME in rpcs,
            publishes_readonly=_Rpc.PUBLISH_READONLY in rpcs,
            has_topologies=_Service.VOLUME_ACCESSIBILITY_CONSTRAINTS in services,
        )


class Controllers:
    """The controllers of all plugins that a manager was told of."""

    def __init__(self, sockets: Iterable[PluginSocket] = (), *, call_s: float = CALL_S) -> None:
        self._connections = [PluginConnection(socket, call_s=call_s) for socket in sockets]
        self._controllers = {each.name: Controller(each) for each in self._connections}

    def get(self, name: str) -> Controller | None:
        """The controller of the plugin of that name."""
        return self._controllers.get(name)

    async def close(self) -> None:
        """End every connection."""
        for connection in self._connections:
            await connection.close()
