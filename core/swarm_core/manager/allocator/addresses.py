"""The addresses of one network, and who holds them (docs/design/allocator.md 4.4).

Rules: addresses are given in order, each after the one given last, and from the beginning again at the end; never the
network's own, its broadcast address, its gateway, or one that is reserved. Addresses are written with their prefix length.
What somebody holds is known from the store alone, so the next leader of any make sees the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network

from swarm_core.api.proto.objects_pb2 import Network
from swarm_core.api.proto.types_pb2 import IPAMConfig
from swarm_core.manager.allocator.errors import CannotAllocate
from swarm_core.specs.network import IPAM_DRIVERS


@dataclass(slots=True)
class _Subnet:
    """`first` and `last` can be given, but for `kept`."""

    prefix_length: int
    version: int
    first: int
    last: int
    kept: set[int] = field(default_factory=set)
    cursor: int = 0

    def contains(self, version: int, number: int) -> bool:
        return version == self.version and self.first <= number <= self.last

    def next_free(self, held: dict[int, set[str]]) -> int | None:
        """The first free number after the cursor, wrapping."""
        size = self.last - self.first + 1
        start = self.cursor + 1 if self.first <= self.cursor < self.last else self.first
        # One more than what is taken suffices to find a free one.
        for step in range(min(size, len(held) + len(self.kept) + 1)):
            number = self.first + (start - self.first + step) % size
            if number not in held and number not in self.kept:
                return number
        return None

    def text(self, number: int) -> str:
        address = ip_address(number) if self.version == 4 else ip_address(number.to_bytes(16, "big"))
        return f"{address}/{self.prefix_length}"


class Addresses:
    """Of one network as it is in the store. A network whose addresses an IPAM plugin gives has none for us."""

    def __init__(self, network: Network) -> None:
        self._name = network.spec.annotations.name or network.id
        self._driver = network.ipam.driver.name
        self._subnets = [subnet for config in network.ipam.configs if (subnet := _subnet(config)) is not None]
        self._held: dict[int, set[str]] = {}
        self._of: dict[str, set[int]] = {}
        self._is_full = False  # found out by looking at all; holds until an address is free again

    def hold(self, holder: str, addresses: Iterable[str]) -> None:
        """Note that `holder` has these and no others."""
        self.release(holder)
        for text in addresses:
            if (found := _parsed(text)) is None:
                continue
            version, number = found
            self._held.setdefault(number, set()).add(holder)
            self._of.setdefault(holder, set()).add(number)
            for subnet in self._subnets:
                if subnet.contains(version, number):
                    subnet.cursor = max(subnet.cursor, number)

    def release(self, holder: str) -> bool:
        """Forget what `holder` has; whether it had anything."""
        numbers = self._of.pop(holder, set())
        for number in numbers:
            holders = self._held[number]
            holders.discard(holder)
            if not holders:
                del self._held[number]
                self._is_full = False
        return bool(numbers)

    def take(self, holder: str, wanted: Iterable[str] = ()) -> str:
        """An address that `holder` has from now on: one of `wanted` where that names any. Raises CannotAllocate."""
        if self._driver not in IPAM_DRIVERS:
            raise CannotAllocate(
                f"the addresses of network {self._name} are given by plugin {self._driver!r}, "
                "which this manager cannot ask"
            )
        subnet, number = self._requested(list(wanted)) or self._next()
        self._held.setdefault(number, set()).add(holder)
        self._of.setdefault(holder, set()).add(number)
        return subnet.text(number)

    def _requested(self, wanted: list[str]) -> tuple[_Subnet, int] | None:
        for text in wanted:
            found = _parsed(text)
            for subnet in self._subnets:
                if found is not None and subnet.contains(*found):
                    number = found[1]
                    if number not in self._held and number not in subnet.kept:
                        return subnet, number
        if wanted:
            raise CannotAllocate(f"network {self._name} cannot give the address {', '.join(wanted)}")
        return None

    def _next(self) -> tuple[_Subnet, int]:
        for subnet in self._subnets if not self._is_full else ():
            if (number := subnet.next_free(self._held)) is not None:
                subnet.cursor = number
                return subnet, number
        self._is_full = True
        raise CannotAllocate(f"network {self._name} has no free address")


def first_address(config: IPAMConfig) -> str:
    """The first one that can be given in a subnet that nobody uses yet, without its prefix length: its gateway. Raises CannotAllocate."""
    subnet = _subnet(config)
    number = None if subnet is None else subnet.next_free({})
    if subnet is None or number is None:
        raise CannotAllocate(f"subnet {config.subnet} has no address for a gateway")
    return subnet.text(number).partition("/")[0]


def needs_address(network: Network) -> bool:
    """Whether who is attached has an address of the cluster's. Networks of one machine, as `host` and `bridge`, have no
    subnet in the store."""
    return bool(network.ipam.configs)


def is_allocated(network: Network) -> bool:
    """Whether an allocator has been at work on it."""
    return network.HasField("driver_state") and network.HasField("ipam")


def _subnet(config: IPAMConfig) -> _Subnet | None:
    try:
        whole = ip_network(config.subnet, strict=False)
        part = ip_network(config.range, strict=False) if config.range else whole
    except ValueError:
        return None
    first, last = int(part.network_address), int(part.broadcast_address)
    subnet = _Subnet(whole.prefixlen, whole.version, first, last)
    subnet.kept = _never_given(whole)
    for text in (config.gateway, *config.reserved.values()):
        if (found := _parsed(text)) is not None:
            subnet.kept.add(found[1])
    return subnet


def _never_given(network: IPv4Network | IPv6Network) -> set[int]:
    if network.version == 6:
        return {int(network.network_address)}
    return (
        set() if network.prefixlen >= 31 else {int(network.network_address), int(network.broadcast_address)}
    )


@lru_cache(4096)
def _parsed(text: str) -> tuple[int, int] | None:
    """Version and number of an address with or without its prefix length."""
    try:
        address = ip_interface(text).ip
    except ValueError:
        return None
    return address.version, int(address)
