"""A cluster that managers of ours share with Docker Engines: what stands still while one of ours leads.

Rules: a service keeps the networks and ports that an engine gave it, and its tasks go on getting addresses. New networks and ports,
and changes of them, wait for an engine that leads. It is said before one of ours may lead, and as long as one does.
"""

from collections.abc import Iterable

from swarm_core.api.proto.objects_pb2 import Node, Service
from swarm_core.api.runtimes import RUNTIME_PLUGIN

from swarm_tui.resources import format as fmt


def is_ours(node: Node) -> bool:
    """Whether the node runs our daemon: it lists what it can run, which Docker Engines do not."""
    return any(plugin.type == RUNTIME_PLUGIN for plugin in node.description.engine.plugins)


def has_network_or_port(service: Service) -> bool:
    """Whether its tasks need what an engine's allocator gave."""
    spec = service.spec
    return bool(spec.task.networks or spec.networks or spec.endpoint.ports)


def subject(services: Iterable[Service]) -> str:
    """How many services it is about: "2 services with networks or ports"; empty when it is about none."""
    count = sum(map(has_network_or_port, services))
    return f"{fmt.plural(count, 'service')} with networks or ports" if count else ""


def stands_still(services: Iterable[Service]) -> str:
    """What to know before a manager of ours may lead these services; empty when nothing is to be known."""
    about = subject(services)
    return f"This swarm has {about}. {WHILE_OURS_LEAD}" if about else ""


WHILE_OURS_LEAD = (
    "While a manager of swarm-tui leads, they run on, can be scaled and are replaced; networks and published ports cannot be "
    "made or changed until a Docker Engine leads again."
)
