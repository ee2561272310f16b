"""Cluster volumes: read. This manager lists those that other managers made, but cannot create any yet."""

from swarm_core.api.proto import control_pb2, objects_pb2
from swarm_core.manager.control_api.requests import known, refused
from swarm_core.manager.control_api.selection import BY_SPEC_LABELS, BY_SPEC_NAME, Criterion, Selection
from swarm_core.rpc.caller import Caller
from swarm_core.store.by import Driver, Group
from swarm_core.store.memory import MemoryStore

_SELECTION = Selection(
    objects_pb2.Volume,
    BY_SPEC_NAME,
    (
        Criterion("groups", Group, lambda volume, group: volume.spec.group == group),
        Criterion("drivers", Driver, lambda volume, name: volume.spec.driver.name == name),
        BY_SPEC_LABELS,
    ),
)


class VolumesApi:
    """The Control methods for cluster volumes."""

    create_volume = refused("cluster volumes")
    update_volume = refused("cluster volumes")
    remove_volume = refused("cluster volumes")

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def get_volume(
        self, request: control_pb2.GetVolumeRequest, caller: Caller
    ) -> control_pb2.GetVolumeResponse:
        volume = known(self._store, objects_pb2.Volume, request.volume_id)
        return control_pb2.GetVolumeResponse(volume=volume)

    async def list_volumes(
        self, request: control_pb2.ListVolumesRequest, caller: Caller
    ) -> control_pb2.ListVolumesResponse:
        return control_pb2.ListVolumesResponse(volumes=_SELECTION.found(self._store, request.filters))
