"""The networks and ports of a service, held against the cluster (docs/design/control-api.md 4.3, rules 8, 11 to 13).

What is said here is said at once, to who asked. The allocator decides in the end, since two may ask at the same time.
"""

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.manager.allocator.endpoints import wanted_of, wants_ingress
from swarm_core.rpc.errors import FailedPrecondition, InvalidArgument
from swarm_core.rules.published_ports import conflict
from swarm_core.specs.network import is_ingress
from swarm_core.store.transactions import Transaction


def check_attached(
    tx: Transaction, service: objects_pb2.Service, before: specs_pb2.ServiceSpec | None = None
) -> None:
    """What of the service's spec is other than `before`. Raises InvalidArgument, FailedPrecondition."""
    spec = service.spec
    if before is None or (spec.task.networks, spec.networks) != (before.task.networks, before.networks):
        _check_networks(tx, service)
    if before is None or spec.endpoint != before.endpoint:
        _check_ports(tx, service)


def _check_networks(tx: Transaction, service: objects_pb2.Service) -> None:
    for config in wanted_of(service):
        network = tx.get(objects_pb2.Network, config.target)
        if network is None:
            raise InvalidArgument(f"no such network: {config.target}")
        if is_ingress(network.spec):
            name = network.spec.annotations.name
            raise InvalidArgument(
                f"a service cannot be attached to the ingress network {name}; it is when it publishes a port"
            )


def _check_ports(tx: Transaction, service: objects_pb2.Service) -> None:
    ports = service.spec.endpoint.ports
    if not ports:
        return
    if sentence := conflict(service.id, ports, tx.find(objects_pb2.Service)):
        raise InvalidArgument(sentence)
    if wants_ingress(service) and not any(is_ingress(one.spec) for one in tx.find(objects_pb2.Network)):
        raise FailedPrecondition(
            "there is no ingress network to publish ports through; make one with 'network create --ingress', "
            "or publish in mode host"
        )
