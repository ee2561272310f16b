"""The endpoint of a service: its published ports, and an address on each of its networks (docs/design/allocator.md 4.5). Pure.

Rules
1. The endpoint holds the spec that it was made for, the ports with their numbers, and, unless the service is found by its tasks'
   addresses (DNS round-robin), a virtual address on the ingress network, if it publishes a port there, and on each network of its tasks.
2. What the service has is kept as long as its spec asks for it. What it no longer asks for is free.
3. A process has no network of its own, but its node's: a service of processes has ports and no addresses.
4. A service that asks for nothing, and has nothing, has no endpoint: nothing is written for it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from swarm_core.api.proto.objects_pb2 import Endpoint, Network, Service
from swarm_core.api.proto.specs_pb2 import EndpointSpec, TaskSpec
from swarm_core.api.proto.types_pb2 import NetworkAttachmentConfig, PortConfig
from swarm_core.api.runtimes import PROCESS, runtime_of
from swarm_core.manager.allocator.addresses import needs_address
from swarm_core.manager.allocator.errors import CannotAllocate
from swarm_core.rules.published_ports import is_through_ingress

TakeAddress = Callable[[Network], str]


class Networks(Protocol):
    """What endpoints and attachments need to know of the networks."""

    @property
    def ingress(self) -> Network | None: ...
    def usable(self, network_id: str) -> Network:
        """The network, if it is there and has all it needs. Raises CannotAllocate."""


def publishes(service: Service) -> bool:
    """Whether a port of the service is published through the ingress network."""
    return any(map(is_through_ingress, service.spec.endpoint.ports))


def has_networks(spec: TaskSpec) -> bool:
    """Whether tasks of this spec are attached to networks. Processes are not."""
    return runtime_of(spec) != PROCESS


def wanted_of(service: Service) -> Sequence[NetworkAttachmentConfig]:
    """The networks that the service's tasks ask for."""
    if not has_networks(service.spec.task):
        return ()
    return service.spec.task.networks or service.spec.networks


def wants_ingress(service: Service) -> bool:
    """Whether the service's tasks are attached to the ingress network."""
    return publishes(service) and has_networks(service.spec.task)


def networks_of(service: Service, networks: Networks) -> list[Network]:
    """All that the service's tasks are attached to, the ingress network first, each once. Raises CannotAllocate."""
    found: list[Network] = []
    if wants_ingress(service):
        if (ingress := networks.ingress) is None:
            raise CannotAllocate("there is no ingress network to publish the service's ports")
        found.append(networks.usable(ingress.id))
    found.extend(networks.usable(config.target) for config in wanted_of(service))
    return list({one.id: one for one in found}.values())


def endpoint_for(
    service: Service, ports: Iterable[PortConfig], networks: Iterable[Network], take: TakeAddress
) -> Endpoint | None:
    """What the service is to have; None for nothing. `take` gives an address of a network, or raises CannotAllocate."""
    endpoint = Endpoint(ports=ports)
    if service.spec.endpoint.mode != EndpointSpec.DNSRR:
        held = {one.network_id: one.addr for one in service.endpoint.virtual_ips}
        for network in networks:
            addr = held.get(network.id, "")
            if needs_address(network):
                addr = addr or take(network)
            endpoint.virtual_ips.append(Endpoint.VirtualIP(network_id=network.id, addr=addr))
    if not endpoint.ports and not endpoint.virtual_ips and not service.HasField("endpoint"):
        return None
    if service.spec.HasField("endpoint"):
        endpoint.spec.CopyFrom(service.spec.endpoint)
        endpoint.spec.SetInParent()
    return endpoint


def says_the_same(one: Endpoint, other: Endpoint) -> bool:
    """Whether two endpoints differ in the order of their parts at most: Docker's allocator has an order of its own."""
    if len(one.ports) != len(other.ports) or len(one.virtual_ips) != len(other.virtual_ips):
        return False
    return (
        one.spec == other.spec
        and all(port in other.ports for port in one.ports)
        and all(virtual in other.virtual_ips for virtual in one.virtual_ips)
    )


def endpoint_of_task(service: Service) -> Endpoint:
    """What the tasks of a service that is complete are told."""
    endpoint = Endpoint()
    endpoint.CopyFrom(service.endpoint)
    endpoint.spec.CopyFrom(service.spec.endpoint)
    return endpoint
