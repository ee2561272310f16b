"""The subnets of the cluster's networks: who has which, and the next free one (docs/design/allocator.md 4.7). Pure.

Rules: no two networks have addresses in common. A network that asks for no subnet gets one of the cluster's default size from its
default pools, in order, each after the one given last, and from the beginning again at the end: so the subnet of a removed
network, which a node may still be clearing away, is the last to be given again.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network

from swarm_core.api.proto.objects_pb2 import Cluster, Network
from swarm_core.manager.allocator.errors import CannotAllocate
from swarm_core.specs.defaults import ADDRESS_POOL, SUBNET_SIZE
from swarm_core.specs.network import Subnet, overlap

_BITS = 32


@dataclass(frozen=True, slots=True)
class Pools:
    """Where subnets come from that nobody chose: each pool is cut into subnets of `size` (a prefix length)."""

    pools: tuple[IPv4Network, ...]
    size: int

    @classmethod
    def of(cls, cluster: Cluster | None) -> "Pools":
        """The cluster's, or those of a cluster for which none were chosen."""
        given = [] if cluster is None else cluster.defaultAddressPool
        found = [pool for text in given if isinstance(pool := parsed(text), IPv4Network)]
        # A size that no subnet can have is of another make, or a mistake.
        size = cluster.subnetSize if cluster is not None and 0 < cluster.subnetSize <= _BITS else SUBNET_SIZE
        return cls(tuple(found) or (IPv4Network(ADDRESS_POOL),), size)

    def __str__(self) -> str:
        return ", ".join(map(str, self.pools))


def parsed(text: str) -> Subnet | None:
    """A subnet as it is written in a spec, host bits or not; None for what is none."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def subnets_of(network: Network) -> list[Subnet]:
    """Those that the network has, or else asks for by number."""
    configs = network.ipam.configs if network.ipam.configs else network.spec.ipam.configs
    found = (parsed(config.subnet) for config in configs)
    return [subnet for subnet in found if subnet is not None and not asks_for_size(subnet)]


def asks_for_size(subnet: Subnet) -> bool:
    """Whether a spec's subnet is 0.0.0.0 with a length: any subnet of that length."""
    return isinstance(subnet, IPv4Network) and int(subnet.network_address) == 0 and subnet.prefixlen > 0


def overlapping(subnet: Subnet, networks: Iterable[Network]) -> str:
    """Why a new network cannot have the subnet, in a clause that names the network that has it; empty when it can."""
    for network in networks:
        for other in subnets_of(network):
            if overlap(subnet, other):
                return _clause(subnet, other, network.spec.annotations.name or network.id)
    return ""


def _clause(subnet: Subnet, other: Subnet, name: str) -> str:
    return f"subnet {subnet} overlaps {other} of network {name}"


class Subnets:
    """Who holds which. What is given counts as held."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self._of: dict[str, list[Subnet]] = {}
        self._names: dict[str, str] = {}
        # The numbers that are taken in the order of their first ones, none within another; made when needed.
        self._taken: list[tuple[int, int]] | None = None
        self._last = -1

    @property
    def pools(self) -> Pools:
        return self._pools

    def hold(self, network: Network, subnets: Sequence[Subnet]) -> None:
        """Note that the network has these and no others. Those that its spec asks for by number do not move the order on."""
        chosen = {parsed(config.subnet) for config in network.spec.ipam.configs}
        self._of[network.id] = list(subnets)
        self._names[network.id] = network.spec.annotations.name or network.id
        self._taken = None
        ends = [
            int(one.broadcast_address) for one in subnets if one not in chosen and self._is_of_a_pool(one)
        ]
        self._last = max([self._last, *ends])

    def release(self, network_id: str) -> bool:
        """Forget what the network has; whether it had anything."""
        self._taken = None
        self._names.pop(network_id, None)
        return bool(self._of.pop(network_id, None))

    def check(self, network_id: str, subnet: Subnet) -> None:
        """Raises CannotAllocate when another network has addresses of the subnet."""
        for other_id, others in self._of.items():
            for other in others:
                if other_id != network_id and overlap(subnet, other):
                    raise CannotAllocate(_clause(subnet, other, self._names[other_id]))

    def next_free(self, size: int | None = None, *, besides: Sequence[Subnet] = ()) -> IPv4Network:
        """A subnet that nobody has, and that has nothing in common with `besides`. Raises CannotAllocate."""
        size = size or self._pools.size
        taken = _merged([*self._all_taken(), *_spans(besides)])
        step = 1 << (_BITS - size)
        for first, last in self._spans_from_last():
            if (number := _gap(first, last, step, taken)) is not None:
                self._last = number + step - 1
                return IPv4Network((number, size))
        raise CannotAllocate(f"the cluster's address pools ({self._pools}) have no free subnet /{size} left")

    def _all_taken(self) -> list[tuple[int, int]]:
        if self._taken is None:
            self._taken = _merged(_spans(one for held in self._of.values() for one in held))
        return self._taken

    def _spans_from_last(self) -> Iterator[tuple[int, int]]:
        """The pools' numbers, beginning after the last subnet that was given, and round to it."""
        spans = _spans(self._pools.pools)
        yield from ((max(first, self._last + 1), last) for first, last in spans if last > self._last)
        yield from ((first, min(last, self._last)) for first, last in spans if first <= self._last)

    def _is_of_a_pool(self, subnet: Subnet) -> bool:
        return any(overlap(subnet, pool) for pool in self._pools.pools)


def _spans(subnets: Iterable[Subnet]) -> list[tuple[int, int]]:
    return [(int(one.network_address), int(one.broadcast_address)) for one in subnets if one.version == 4]


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order, with none inside another."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _gap(first: int, last: int, step: int, taken: list[tuple[int, int]]) -> int | None:
    """The first number, a multiple of `step`, from which `step` numbers lie within the span and are not taken."""
    number = -(-first // step) * step
    while number + step - 1 <= last:
        place = bisect_right(taken, (number + step - 1, 1 << _BITS)) - 1
        if place < 0 or taken[place][1] < number:
            return number
        number = -(-(taken[place][1] + 1) // step) * step
    return None
