"""Which service a published port belongs to (docs/design/control-api.md 4.3, docs/design/allocator.md 4.8).

Rules
1. A port is a protocol and a number. A port through the ingress network is one service's alone, on every node.
2. A port of single machines (mode host) is taken where a task runs: two services may have the same, on different machines; but not one
   that another service has through the ingress network.
3. A service has the numbers that its spec asks for, and those that were chosen for the ports of its spec without a number.
"""

from collections.abc import Iterable, Iterator

from swarm_core.api.proto.objects_pb2 import Service
from swarm_core.api.proto.types_pb2 import PortConfig

Key = tuple[int, int]
"""Protocol and number."""


def key_of(port: PortConfig) -> Key:
    return port.protocol, port.published_port


def is_through_ingress(port: PortConfig) -> bool:
    return port.publish_mode == PortConfig.INGRESS


def is_same_wish(one: PortConfig, other: PortConfig) -> bool:
    """Whether two ports differ in the published number at most."""
    return (one.name, one.protocol, one.target_port, one.publish_mode) == (
        other.name,
        other.protocol,
        other.target_port,
        other.publish_mode,
    )


def shown(port: PortConfig) -> str:
    """As people write it: 8080/tcp."""
    known = PortConfig.Protocol.values()
    word = PortConfig.Protocol.Name(port.protocol).lower() if port.protocol in known else str(port.protocol)
    return f"{port.published_port}/{word}"


def ports_of(service: Service) -> Iterator[PortConfig]:
    """The ports that a service has, with their numbers."""
    asked = service.spec.endpoint.ports
    yield from (port for port in asked if port.published_port)
    without_number = [port for port in asked if not port.published_port and is_through_ingress(port)]
    for port in service.endpoint.ports if without_number else ():
        if port.published_port and any(is_same_wish(port, wish) for wish in without_number):
            yield port


def conflict(service_id: str, ports: Iterable[PortConfig], services: Iterable[Service]) -> str:
    """Why the service cannot have these ports, in one sentence that names the one that has one of them; empty when it can."""
    wanted = {key_of(port): port for port in ports if port.published_port}
    for other in services if wanted else ():
        if other.id == service_id:
            continue
        for port in ports_of(other):
            wish = wanted.get(key_of(port))
            if wish is not None and (is_through_ingress(wish) or is_through_ingress(port)):
                how = "through the ingress network" if is_through_ingress(port) else "on its hosts"
                name = other.spec.annotations.name
                return f"port {shown(port)} is already in use by service {name} ({other.id}), {how}"
    return ""
