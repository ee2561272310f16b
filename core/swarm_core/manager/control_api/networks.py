"""Networks: read. This manager lists those that other managers made, but cannot create any yet."""

from swarm_core.api.proto import control_pb2, objects_pb2
from swarm_core.manager.control_api.requests import known, refused
from swarm_core.manager.control_api.selection import BY_SPEC_LABELS, BY_SPEC_NAME, Selection
from swarm_core.rpc.caller import Caller
from swarm_core.store.memory import MemoryStore

_SELECTION = Selection(objects_pb2.Network, BY_SPEC_NAME, (BY_SPEC_LABELS,))


class NetworksApi:
    """The Control methods for networks."""

    create_network = refused("networks")
    remove_network = refused("networks")

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def get_network(
        self, request: control_pb2.GetNetworkRequest, caller: Caller
    ) -> control_pb2.GetNetworkResponse:
        network = known(self._store, objects_pb2.Network, request.network_id)
        return control_pb2.GetNetworkResponse(network=network)

    async def list_networks(
        self, request: control_pb2.ListNetworksRequest, caller: Caller
    ) -> control_pb2.ListNetworksResponse:
        return control_pb2.ListNetworksResponse(networks=_SELECTION.found(self._store, request.filters))
