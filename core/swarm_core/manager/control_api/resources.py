"""Resources, the objects of extensions: read. This manager lists those that other managers made, but cannot create any yet."""

from swarm_core.api.proto import control_pb2, objects_pb2
from swarm_core.manager.control_api.requests import known, refused
from swarm_core.manager.control_api.selection import Criterion, Selection, by_labels, by_name
from swarm_core.rpc.caller import Caller
from swarm_core.store.by import Kind
from swarm_core.store.memory import MemoryStore

_SELECTION = Selection(
    objects_pb2.Resource,
    by_name(lambda resource: resource.annotations.name),
    (
        Criterion("kind", lambda kind: Kind(kind.lower()), lambda resource, kind: resource.kind == kind),
        by_labels("labels", lambda resource: resource.annotations.labels),
    ),
    names_add_up=True,
)


class ResourcesApi:
    """The Control methods for the resources of extensions."""

    create_resource = refused("extension resources")
    update_resource = refused("extension resources")
    remove_resource = refused("extension resources")

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def get_resource(
        self, request: control_pb2.GetResourceRequest, caller: Caller
    ) -> control_pb2.GetResourceResponse:
        resource = known(self._store, objects_pb2.Resource, request.resource_id)
        return control_pb2.GetResourceResponse(resource=resource)

    async def list_resources(
        self, request: control_pb2.ListResourcesRequest, caller: Caller
    ) -> control_pb2.ListResourcesResponse:
        return control_pb2.ListResourcesResponse(resources=_SELECTION.found(self._store, request.filters))
