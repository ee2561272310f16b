"""Extensions: read. This manager keeps those that other managers made, but cannot create any yet."""

from swarm_core.api.proto import control_pb2, objects_pb2
from swarm_core.manager.control_api.requests import known, refused
from swarm_core.rpc.caller import Caller
from swarm_core.store.memory import MemoryStore


class ExtensionsApi:
    """The Control methods for extensions."""

    create_extension = refused("extensions")
    remove_extension = refused("extensions")

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def get_extension(
        self, request: control_pb2.GetExtensionRequest, caller: Caller
    ) -> control_pb2.GetExtensionResponse:
        extension = known(self._store, objects_pb2.Extension, request.extension_id)
        return control_pb2.GetExtensionResponse(extension=extension)
