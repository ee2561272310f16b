"""Networks: create, read and remove (docs/design/control-api.md 4.4). There is no update: a network stays as it was made."""

import random
from collections.abc import Iterable

from swarm_core.api.ids import new_id
from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2, types_pb2
from swarm_core.manager.allocator.subnets import overlapping, subnets_of
from swarm_core.manager.control_api.requests import check_has_spec, known
from swarm_core.manager.control_api.selection import BY_SPEC_LABELS, BY_SPEC_NAME, Selection
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import AlreadyExists, FailedPrecondition, InvalidArgument, PermissionDenied
from swarm_core.rules.published_ports import is_through_ingress
from swarm_core.specs.errors import InvalidSpec
from swarm_core.specs.network import PREDEFINED_LABEL, check, is_ingress, is_predefined
from swarm_core.store.by import ReferencedNetwork
from swarm_core.store.errors import NameConflict
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction

_SELECTION = Selection(objects_pb2.Network, BY_SPEC_NAME, (BY_SPEC_LABELS,))
_USERS_SHOWN_MAX = 5


class NetworksApi:
    """The Control methods for networks."""

    def __init__(self, store: MemoryStore, rng: random.Random) -> None:
        self._store = store
        self._rng = rng

    async def create_network(
        self, request: control_pb2.CreateNetworkRequest, caller: Caller
    ) -> control_pb2.CreateNetworkResponse:
        check_has_spec(request, "network")
        spec = request.spec
        try:
            check(spec)
        except InvalidSpec as error:
            raise InvalidArgument(str(error)) from None
        if PREDEFINED_LABEL in spec.annotations.labels:
            raise PermissionDenied(f"the label {PREDEFINED_LABEL} is for the networks that every node has")
        network = objects_pb2.Network(id=new_id(self._rng), spec=spec)

        def create(tx: Transaction) -> None:
            _check_new(network, tx.find(objects_pb2.Network))
            tx.create(network)

        try:
            await self._store.update(create)
        except NameConflict as error:
            raise AlreadyExists(f"network {spec.annotations.name} already exists: {error}") from None
        return control_pb2.CreateNetworkResponse(network=network)

    async def get_network(
        self, request: control_pb2.GetNetworkRequest, caller: Caller
    ) -> control_pb2.GetNetworkResponse:
        network = known(self._store, objects_pb2.Network, request.network_id)
        return control_pb2.GetNetworkResponse(network=network)

    async def list_networks(
        self, request: control_pb2.ListNetworksRequest, caller: Caller
    ) -> control_pb2.ListNetworksResponse:
        return control_pb2.ListNetworksResponse(networks=_SELECTION.found(self._store, request.filters))

    async def remove_network(
        self, request: control_pb2.RemoveNetworkRequest, caller: Caller
    ) -> control_pb2.RemoveNetworkResponse:
        def remove(tx: Transaction) -> None:
            network = known(tx, objects_pb2.Network, request.network_id)
            _check_removable(tx, network)
            tx.delete(objects_pb2.Network, network.id)

        await self._store.update(remove)
        return control_pb2.RemoveNetworkResponse()


def _check_new(network: objects_pb2.Network, others: Iterable[objects_pb2.Network]) -> None:
    """Raises AlreadyExists for a second ingress network, InvalidArgument for addresses that another network has."""
    others = list(others)
    if is_ingress(network.spec):
        for other in others:
            if is_ingress(other.spec):
                raise AlreadyExists(f"ingress network ({other.id}) is already present")
    for subnet in subnets_of(network):
        if clause := overlapping(subnet, others):
            raise InvalidArgument(clause)


def _check_removable(tx: Transaction, network: objects_pb2.Network) -> None:
    """Raises FailedPrecondition, naming who uses it."""
    name = network.spec.annotations.name
    if is_predefined(network.spec):
        raise FailedPrecondition(f"network {name} is on every node by itself and cannot be removed")
    if is_ingress(network.spec):
        users = [one for one in tx.find(objects_pb2.Service) if _publishes(one.spec)]
        if users:
            raise FailedPrecondition(f"network {name} is in use: ports are published by {_named(users)}")
        return
    if services := tx.find(objects_pb2.Service, ReferencedNetwork(network.id)):
        raise FailedPrecondition(f"network {name} is in use by {_named(services)}")
    if tasks := [task for task in tx.find(objects_pb2.Task, ReferencedNetwork(network.id)) if _is_live(task)]:
        owner = tasks[0].service_annotations.name or tasks[0].id
        raise FailedPrecondition(
            f"network {name} is in use by tasks that have not ended, one of them of {owner}"
        )


def _publishes(spec: specs_pb2.ServiceSpec) -> bool:
    return any(map(is_through_ingress, spec.endpoint.ports))


def _is_live(task: objects_pb2.Task) -> bool:
    return task.desired_state <= types_pb2.RUNNING and task.status.state <= types_pb2.RUNNING


def _named(services: list[objects_pb2.Service]) -> str:
    names = sorted(service.spec.annotations.name for service in services)
    more = len(names) - _USERS_SHOWN_MAX
    shown = ", ".join(names[:_USERS_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")
    return f"{'service' if len(names) == 1 else 'services'} {shown}"
