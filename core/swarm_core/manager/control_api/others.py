"""Kinds that this manager stores and lists but cannot create yet: networks, volumes, extensions, resources.

Their lists and reads are real: a cluster taken over from other managers may hold such objects.
"""

from typing import Any, NoReturn

from swarm_core.api.proto import control_pb2, objects_pb2
from swarm_core.manager.control_api.select import Criterion, by_name, labels, select, spec_labels, spec_name
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import InvalidArgument, NotFound, Unimplemented
from swarm_core.store.by import Driver, Group, IdPrefix, Kind, Name, NamePrefix
from swarm_core.store.memory import MemoryStore
from swarm_core.store.tables import T


def _refuse(what: str) -> NoReturn:
    raise Unimplemented(f"{what} are not supported yet")


class OtherRpcs:
    """The Control methods for networks, volumes, extensions and resources."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def _get(self, kind: type[T], noun: str, id_: str) -> T:
        if not id_:
            raise InvalidArgument(f"the {noun}'s id is required")
        item = self._store.get(kind, id_)
        if item is None:
            raise NotFound(f"{noun} {id_} not found")
        return item

    async def get_network(
        self, request: control_pb2.GetNetworkRequest, caller: Caller
    ) -> control_pb2.GetNetworkResponse:
        found = self._get(objects_pb2.Network, "network", request.network_id)
        return control_pb2.GetNetworkResponse(network=found)

    async def list_networks(
        self, request: control_pb2.ListNetworksRequest, caller: Caller
    ) -> control_pb2.ListNetworksResponse:
        criteria = [*by_name(request.filters, spec_name), labels(request.filters.labels, spec_labels)]
        return control_pb2.ListNetworksResponse(networks=select(self._store, objects_pb2.Network, criteria))

    async def create_network(self, request: Any, caller: Caller) -> control_pb2.CreateNetworkResponse:
        _refuse("networks")

    async def remove_network(self, request: Any, caller: Caller) -> control_pb2.RemoveNetworkResponse:
        _refuse("networks")

    async def get_volume(
        self, request: control_pb2.GetVolumeRequest, caller: Caller
    ) -> control_pb2.GetVolumeResponse:
        found = self._get(objects_pb2.Volume, "volume", request.volume_id)
        return control_pb2.GetVolumeResponse(volume=found)

    async def list_volumes(
        self, request: control_pb2.ListVolumesRequest, caller: Caller
    ) -> control_pb2.ListVolumesResponse:
        filters = request.filters
        criteria = [
            *by_name(filters, spec_name),
            Criterion(filters.groups, Group, lambda volume, group: volume.spec.group == group),
            Criterion(filters.drivers, Driver, lambda volume, name: volume.spec.driver.name == name),
            labels(filters.labels, spec_labels),
        ]
        return control_pb2.ListVolumesResponse(volumes=select(self._store, objects_pb2.Volume, criteria))

    async def create_volume(self, request: Any, caller: Caller) -> control_pb2.CreateVolumeResponse:
        _refuse("cluster volumes")

    async def update_volume(self, request: Any, caller: Caller) -> control_pb2.UpdateVolumeResponse:
        _refuse("cluster volumes")

    async def remove_volume(self, request: Any, caller: Caller) -> control_pb2.RemoveVolumeResponse:
        _refuse("cluster volumes")

    async def get_extension(
        self, request: control_pb2.GetExtensionRequest, caller: Caller
    ) -> control_pb2.GetExtensionResponse:
        found = self._get(objects_pb2.Extension, "extension", request.extension_id)
        return control_pb2.GetExtensionResponse(extension=found)

    async def create_extension(self, request: Any, caller: Caller) -> control_pb2.CreateExtensionResponse:
        _refuse("extensions")

    async def remove_extension(self, request: Any, caller: Caller) -> control_pb2.RemoveExtensionResponse:
        _refuse("extensions")

    async def get_resource(
        self, request: control_pb2.GetResourceRequest, caller: Caller
    ) -> control_pb2.GetResourceResponse:
        found = self._get(objects_pb2.Resource, "resource", request.resource_id)
        return control_pb2.GetResourceResponse(resource=found)

    async def list_resources(
        self, request: control_pb2.ListResourcesRequest, caller: Caller
    ) -> control_pb2.ListResourcesResponse:
        filters = request.filters
        terms = (
            [Name(name) for name in filters.names]
            + [NamePrefix(prefix) for prefix in filters.name_prefixes]
            + [IdPrefix(prefix) for prefix in filters.id_prefixes]
        )
        if not terms and filters.kind:
            terms = [Kind(filters.kind.lower())]  # type: ignore[list-item]
        wanted = labels(filters.labels, lambda item: item.annotations.labels)
        found = [
            item
            for item in self._store.find(objects_pb2.Resource, *terms)
            if filters.kind in ("", item.kind) and all(wanted.holds(item, value) for value in wanted.values)
        ]
        return control_pb2.ListResourcesResponse(resources=found)

    async def create_resource(self, request: Any, caller: Caller) -> control_pb2.CreateResourceResponse:
        _refuse("extension resources")

    async def update_resource(self, request: Any, caller: Caller) -> control_pb2.UpdateResourceResponse:
        _refuse("extension resources")

    async def remove_resource(self, request: Any, caller: Caller) -> control_pb2.RemoveResourceResponse:
        _refuse("extension resources")
