"""The networks as the allocator knows them: which are complete, which wait and why, and which one is the ingress network
(docs/design/allocator.md 4.7). No input, no output.

Rules: the ingress network comes first, so that it gets the first subnet; then the older before the younger. One that can get nothing
is tried again when something was freed. A second ingress network gets nothing while there is a first.
"""

from swarm_core.api.proto.objects_pb2 import Network
from swarm_core.manager.allocator.address_books import AddressBooks
from swarm_core.manager.allocator.addresses import is_allocated
from swarm_core.manager.allocator.decisions import AllocateNetwork
from swarm_core.manager.allocator.errors import CannotAllocate
from swarm_core.manager.allocator.network_books import NetworkBooks
from swarm_core.manager.allocator.subnets import Pools
from swarm_core.specs.network import is_ingress


def _age(network: Network) -> tuple[bool, int, int, str]:
    created = network.meta.created_at
    return not is_ingress(network.spec), created.seconds, created.nanos, network.id


class Networks:
    """Fed with networks as they are in the store; `addresses` are opened for those that are complete."""

    def __init__(self, pools: Pools, addresses: AddressBooks) -> None:
        self._books = NetworkBooks(pools)
        self._addresses = addresses
        self._known: dict[str, Network] = {}
        self._waiting: dict[str, str] = {}  # id -> why it has nothing; empty: not looked at, or being written
        self._unplanned: dict[str, None] = {}
        self._ingress: Network | None = None

    @property
    def ingress(self) -> Network | None:
        """The network through which ports are published."""
        return self._ingress

    def get(self, network_id: str) -> Network | None:
        return self._known.get(network_id)

    def usable(self, network_id: str) -> Network:
        """The network, if it is there and complete. Raises CannotAllocate."""
        network = self._known.get(network_id)
        if network is None:
            raise CannotAllocate(f"network {network_id} does not exist")
        if not is_allocated(network):
            reason = self._waiting[network_id]
            name = network.spec.annotations.name or network_id
            raise CannotAllocate(f"network {name} has no subnet: {reason}" if reason else "")
        return network

    def changed(self, network: Network) -> None:
        """A network is new, or something but its addresses changed, or it is complete now."""
        self._known[network.id] = network
        self._choose_ingress()
        if is_allocated(network):
            self._waiting.pop(network.id, None)
            self._unplanned.pop(network.id, None)
            self._books.hold(network)
            self._addresses.open(network)
        else:
            self._waiting[network.id] = ""
            self._unplanned[network.id] = None

    def has_other_subnets(self, network: Network) -> bool:
        """Whether the network was known with others: what is counted of it no longer holds then."""
        known = self._known.get(network.id)
        return known is not None and is_allocated(known) and known.ipam != network.ipam

    def removed(self, network_id: str) -> None:
        """A network is gone; what it had is free."""
        self._known.pop(network_id, None)
        self._waiting.pop(network_id, None)
        self._unplanned.pop(network_id, None)
        self._addresses.close(network_id)
        self._books.release(network_id)
        self._choose_ingress()
        self.look_again()

    def look_again(self) -> None:
        """Try those again that could get nothing: something is free now."""
        self._unplanned.update((id_, None) for id_, reason in self._waiting.items() if reason)

    def plan(self) -> list[AllocateNetwork]:
        """What networks get now; it is counted already."""
        unplanned, self._unplanned = self._unplanned, {}
        networks = sorted((self._known[id_] for id_ in unplanned if id_ in self._known), key=_age)
        return [decision for network in networks if (decision := self._plan(network)) is not None]

    def _plan(self, network: Network) -> AllocateNetwork | None:
        try:
            if is_ingress(network.spec) and self._ingress is not network:
                first = "" if self._ingress is None else self._ingress.spec.annotations.name
                raise CannotAllocate(f"there is an ingress network already: {first}")
            made = self._books.allocate(network)
        except CannotAllocate as error:
            self._waiting[network.id] = str(error)
            return None
        self._waiting[network.id] = ""
        return AllocateNetwork(network, made)

    def refused(self, network_id: str) -> None:
        """What was planned is not written."""
        network = self._known.get(network_id)
        if network is not None and not is_allocated(network):
            self._books.release(network_id)
            self._unplanned[network_id] = None

    def _choose_ingress(self) -> None:
        candidates = [one for one in self._known.values() if is_ingress(one.spec)]
        self._ingress = min(candidates, key=lambda one: (not is_allocated(one), _age(one)), default=None)
