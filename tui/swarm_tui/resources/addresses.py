"""How many addresses of a network are taken: by its gateway, its reserved ones, the nodes on it, and the services on it.

A service takes one for itself, where it has a virtual address, and one for each task that runs, is about to, or is meant to.
That is counted from sums, not from tasks, so it may be a few off while tasks come and go.
"""

from ipaddress import ip_network
from typing import Final

from swarm_core.api.proto import objects_pb2

from swarm_tui.resources import services
from swarm_tui.resources.model import DASH, Cell, ClusterView, Role, cell
from swarm_tui.resources.uses import NETWORK, network_called

Network = objects_pb2.Network
WARNING: Final = 0.75
ERROR: Final = 0.95
_COUNTED: Final = 4
_UNUSABLE: Final = 2
"""The first and the last address of a subnet name the subnet and everybody in it."""


def total(network: Network) -> int | None:
    """Usable addresses of its IPv4 subnets, which are what runs out; None while it has none."""
    found = 0
    for config in network.ipam.configs:
        try:
            subnet = ip_network(config.range or config.subnet, strict=False)
        except ValueError:
            continue
        if subnet.version != _COUNTED:
            continue
        found += max(subnet.num_addresses - (0 if config.range else _UNUSABLE), 1)
    return found or None


def taken(network: Network, view: ClusterView) -> int:
    """Addresses that are in use."""
    own = sum(bool(config.gateway) + len(config.reserved) for config in network.ipam.configs)
    found = own + sum(
        one.network.id == network.id for node in view.objects(objects_pb2.Node) for one in node.attachments
    )
    for id_ in view.users(NETWORK, (network.id,)):
        sums, service = view.service_sums(id_), view.get(objects_pb2.Service, id_)
        goal = services.wanted(service, view) if service is not None else 0
        found += max(sums.running + len(sums.rising), goal)
    for id_ in view.users(NETWORK, network_called(network)):
        service = view.get(objects_pb2.Service, id_)
        if service is not None:
            found += sum(one.network_id == network.id for one in service.endpoint.virtual_ips)
    return found


def share(network: Network, view: ClusterView) -> float | None:
    """The taken share of all; None while it has no addresses."""
    count = total(network)
    return None if count is None else min(taken(network, view) / count, 1.0)


def free(network: Network, view: ClusterView) -> float | None:
    """How many are left; None while it has none."""
    count = total(network)
    return None if count is None else float(max(count - taken(network, view), 0))


def role(part: float) -> Role:
    """How a gauge looks."""
    return Role.ERROR if part >= ERROR else Role.WARNING if part >= WARNING else Role.DATA


def cells(network: Network, view: ClusterView) -> tuple[Cell, Cell]:
    """The gauge, and what is left in a number."""
    part, left = share(network, view), free(network, view)
    if part is None or left is None:
        return DASH, DASH
    look = role(part)
    return Cell(bar=part, role=look), cell(f"{left:.0f}", Role.MUTED if look is Role.DATA else look)


def lines(network: Network, view: ClusterView) -> list[tuple[str, Cell]]:
    """The same for the description."""
    part, count = share(network, view), total(network)
    if part is None or count is None:
        return []
    used = min(taken(network, view), count)
    return [("Taken", Cell(bar=part, role=role(part))), ("", cell(f"{used} of {count}, {count - used} free"))]
