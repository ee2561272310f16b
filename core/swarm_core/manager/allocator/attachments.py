"""What tasks and nodes are attached to (docs/design/allocator.md 4.2, 4.3, 4.5, 4.6). Pure.

Rules: a task is attached to the ingress network first, where its service publishes a port through it, then to the networks of its
spec. An attachment carries the whole network: agents make theirs from it. A service that its allocator has not
finished gives its tasks nothing.
"""

from collections.abc import Callable, Iterable

from swarm_core.api.proto.objects_pb2 import Endpoint, Network, NetworkAttachment, Service, Task
from swarm_core.api.proto.specs_pb2 import EndpointSpec
from swarm_core.api.proto.types_pb2 import NetworkAttachmentConfig, PortConfig
from swarm_core.manager.allocator.addresses import NoAddress, is_allocated, needs_address

INGRESS_LABEL = "com.docker.swarm.internal"
_INGRESS_NAME = "ingress"
Networks = Callable[[str], Network | None]


def is_ingress(network: Network) -> bool:
    """Whether ports are published through it."""
    annotations = network.spec.annotations
    return network.spec.ingress or (INGRESS_LABEL in annotations.labels and annotations.name == _INGRESS_NAME)


def publishes(service: Service) -> bool:
    """Whether a port of the service is published through the ingress network."""
    return any(port.publish_mode == PortConfig.INGRESS for port in service.spec.endpoint.ports)


def wanted_of(service: Service) -> list[NetworkAttachmentConfig]:
    """The networks that the service's tasks ask for."""
    return list(service.spec.task.networks or service.spec.networks)


def attachments(
    task: Task, service: Service, network: Networks, ingress: Network | None
) -> list[NetworkAttachment]:
    """The task's, still without addresses where it has none. Raises NoAddress."""
    if task.networks:
        return [_copy(attachment) for attachment in task.networks]
    made: list[NetworkAttachment] = []
    if publishes(service):
        if ingress is None:
            raise NoAddress("there is no ingress network to publish the service's ports")
        made.append(NetworkAttachment(network=_usable(ingress)))
    for config in task.spec.networks or service.spec.networks:
        found = network(config.target)
        if found is None:
            raise NoAddress(f"network {config.target} does not exist")
        attachment = NetworkAttachment(
            network=_usable(found), aliases=config.aliases, addresses=config.addresses
        )
        for key, value in config.driver_attachment_opts.items():
            attachment.driver_attachment_opts[key] = value
        made.append(attachment)
    return made


def _usable(network: Network) -> Network:
    if not is_allocated(network):
        raise NoAddress(f"network {network.spec.annotations.name or network.id} has no subnet yet")
    return network


def _copy(attachment: NetworkAttachment) -> NetworkAttachment:
    new = NetworkAttachment()
    new.CopyFrom(attachment)
    return new


def check_service(service: Service, network: Networks, ingress: Network | None) -> None:
    """Raises NoAddress unless an allocator has given the service all that its spec asks for."""
    spec, endpoint = service.spec.endpoint, service.endpoint
    given = {
        (port.protocol, port.target_port, port.publish_mode) for port in endpoint.ports if port.published_port
    }
    for port in spec.ports:
        if (
            port.publish_mode == PortConfig.INGRESS
            and (port.protocol, port.target_port, port.publish_mode) not in given
        ):
            raise NoAddress(f"the service's port {port.target_port} is not published yet")
    if spec.mode == EndpointSpec.DNSRR:
        return
    virtual = {one.network_id for one in endpoint.virtual_ips}
    asked: Iterable[Network | None] = (network(config.target) for config in wanted_of(service))
    for one in (*asked, ingress if publishes(service) else None):
        if one is not None and needs_address(one) and one.id not in virtual:
            raise NoAddress(
                f"the service has no address on network {one.spec.annotations.name or one.id} yet"
            )


def endpoint_of(service: Service) -> Endpoint:
    """What the service's tasks are told: what its allocator gave, and the ports of single machines, which nobody need give."""
    endpoint = Endpoint()
    endpoint.CopyFrom(service.endpoint)
    endpoint.spec.CopyFrom(service.spec.endpoint)
    for port in service.spec.endpoint.ports:
        if port.publish_mode == PortConfig.HOST and port not in endpoint.ports:
            endpoint.ports.append(port)
    return endpoint


def keep_in_spec(service: Service, ingress: Network | None) -> None:
    """Take from the endpoint what the spec no longer asks for: it is free for others then."""
    if not service.HasField("endpoint"):
        return
    spec, endpoint = service.spec.endpoint, service.endpoint
    asked = {(port.protocol, port.target_port, port.publish_mode) for port in spec.ports}
    ports = [p for p in endpoint.ports if (p.protocol, p.target_port, p.publish_mode) in asked]
    networks = {config.target for config in wanted_of(service)}
    if ingress is not None and publishes(service):
        networks.add(ingress.id)
    virtual = [one for one in endpoint.virtual_ips if one.network_id in networks]
    del endpoint.ports[:], endpoint.virtual_ips[:]
    endpoint.ports.extend(ports)
    endpoint.virtual_ips.extend(virtual)
    endpoint.spec.CopyFrom(spec)
