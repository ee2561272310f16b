"""What must hold of networks and ports after every entry (docs/design/allocator.md 4.4, 4.7, 4.8).

Rules
1. An address of a network has one holder: a service, a task that has not ended, or a node.
2. A port that is published through the ingress network has one service.
3. A subnet belongs to one network, and so does an overlay identifier. Subnets of two networks have nothing in common.
4. An address lies in a subnet of its network, and is not its gateway.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network

from swarm_core.api.proto.objects_pb2 import Network, NetworkAttachment, Node, Service, Task
from swarm_core.api.proto.types_pb2 import RUNNING
from swarm_core.manager.allocator.overlay_ids import OPTION
from swarm_core.rules.published_ports import is_through_ingress
from swarm_core.store.events import Deleted, Event

from swarm_testkit.simulation.checkers import Findings


class GivenOnce:
    """Fed with every event and with the end of every entry."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._held: dict[str, set[str]] = {}  # holder -> what it has
        self._holders: dict[str, set[str]] = {}
        self._touched: dict[str, None] = {}
        self._networks: dict[str, Network] = {}
        self.given = 0

    def take(self, event: Event) -> None:
        """See Ledger.watchers."""
        item = event.object
        if not isinstance(item, Network | Node | Service | Task):
            return
        if isinstance(item, Network):
            self._networks[item.id] = item
        holder = f"{type(item).__name__.lower()} {item.id}"
        now = set() if isinstance(event, Deleted) else set(_things(item))
        before = self._held.pop(holder, set())
        if now:
            self._held[holder] = now
        for thing in before - now:
            self._holders[thing].discard(holder)
        for thing in now - before:
            self._holders.setdefault(thing, set()).add(holder)
            self._touched[thing] = None
            self.given += 1

    def entry_ends(self) -> None:
        """See Ledger.entry_watchers."""
        for thing in self._touched:
            holders = self._holders[thing]
            if len(holders) > 1:
                self._findings.add(f"{thing} is given to {', '.join(sorted(holders))}")
            if holders:
                self._check(thing)
        self._touched.clear()

    def _check(self, thing: str) -> None:
        kind, separator, network_id = thing.partition(" of ")
        if separator and not _can_be_given(kind, self._networks[network_id]):
            self._findings.add(f"{thing} lies outside its network, or is its gateway")
        if thing.startswith("subnet "):
            subnet = _network(thing.removeprefix("subnet "))
            for other, holders in self._holders.items():
                is_other = bool(holders) and other != thing and other.startswith("subnet ")
                if is_other and subnet.overlaps(_network(other.removeprefix("subnet "))):
                    self._findings.add(f"{thing} has addresses of {other}")


@lru_cache(1024)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


def _can_be_given(address: str, network: Network) -> bool:
    ip = ip_interface(address).ip
    return any(ip in _network(config.subnet) and str(ip) != config.gateway for config in network.ipam.configs)


def _things(item: Network | Node | Service | Task) -> Iterator[str]:
    match item:
        case Network():
            yield from (f"subnet {config.subnet}" for config in item.ipam.configs)
            numbers = item.driver_state.options.get(OPTION, "")
            yield from (f"overlay identifier {number}" for number in numbers.split(",") if number)
        case Service():
            addresses = item.endpoint.virtual_ips
            yield from (f"{one.addr} of {one.network_id}" for one in addresses if one.addr)
            ports = filter(is_through_ingress, item.endpoint.ports)
            yield from (f"port {port.published_port}/{port.protocol}" for port in ports)
        case Node():
            yield from _addresses(item.attachments)
        case Task() if item.status.state <= RUNNING:
            yield from _addresses(item.networks)


def _addresses(attached: Iterable[NetworkAttachment]) -> Iterator[str]:
    return (f"{address} of {one.network.id}" for one in attached for address in one.addresses)
