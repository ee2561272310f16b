"""The addresses of all networks, by who holds them: a task, a node, a service (docs/design/allocator.md 4.4). Pure."""

from collections.abc import Mapping, Sequence

from swarm_core.api.proto.objects_pb2 import Network
from swarm_core.manager.allocator.addresses import Addresses
from swarm_core.manager.allocator.errors import CannotAllocate


class AddressBooks:
    """Networks come first: what somebody holds of one that is not known yet is not kept."""

    def __init__(self) -> None:
        self._books: dict[str, Addresses] = {}
        self._networks_of: dict[str, set[str]] = {}  # holder -> networks

    def open(self, network: Network) -> None:
        """Begin the book of a network, unless it is open."""
        if network.id not in self._books:
            self._books[network.id] = Addresses(network)

    def close(self, network_id: str) -> None:
        """Throw the book of a network away."""
        self._books.pop(network_id, None)

    def hold(self, holder: str, held: Mapping[str, Sequence[str]]) -> bool:
        """Note that the holder has these, by network, and no others; whether that freed any."""
        freed = False
        wanted = {network_id for network_id, addresses in held.items() if addresses}
        for network_id in self._networks_of.pop(holder, set()) - wanted:
            if (book := self._books.get(network_id)) is not None:
                freed = book.release(holder) or freed
        for network_id in wanted:
            if (book := self._books.get(network_id)) is not None:
                book.hold(holder, held[network_id])
        if wanted:
            self._networks_of[holder] = wanted
        return freed

    def take(self, holder: str, network: Network, wanted: Sequence[str] = ()) -> str:
        """An address of the network that the holder has from now on: one of `wanted` where that names any. Raises CannotAllocate."""
        book = self._books.get(network.id)
        if book is None:
            raise CannotAllocate(f"network {network.spec.annotations.name or network.id} does not exist")
        self._networks_of.setdefault(holder, set()).add(network.id)
        return book.take(holder, wanted)
