"""The numbers by which machines tell overlay networks apart (VXLAN identifiers), one for each IPv4 subnet (docs/design/allocator.md 4.7).

Rules: a number has one network. Numbers are given in order, each after the one given last, and round again; one that a spec
or another leader chose is kept. Docker's driver reads them from an option of the network's driver state.
"""

from collections.abc import Container, Mapping, Sequence

from swarm_core.api.proto.objects_pb2 import Network
from swarm_core.manager.allocator.errors import CannotAllocate

OPTION = "com.docker.network.driver.overlay.vxlanid_list"
FIRST, LAST = 4096, (1 << 24) - 1


def listed(options: Mapping[str, str]) -> list[int]:
    """The numbers that an option lists, as far as they are any. Raises CannotAllocate."""
    text = options.get(OPTION, "")
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if not (word.isascii() and word.isdecimal() and 0 < int(word) <= LAST):
            raise CannotAllocate(f"{OPTION}={text} is no list of numbers from 1 to {LAST}")
    return [int(word) for word in words]


class OverlayIds:
    """Who holds which. What is given counts as held."""

    def __init__(self) -> None:
        self._holder: dict[int, str] = {}
        self._names: dict[str, str] = {}
        self._of: dict[str, list[int]] = {}
        self._last = FIRST - 1

    def hold(self, network: Network, numbers: Sequence[int], chosen: Container[int] = ()) -> None:
        """Note that the network has these and no others. Those that a person has chosen do not move the order on."""
        self.release(network.id)
        self._names[network.id] = network.spec.annotations.name or network.id
        self._of[network.id] = list(numbers)
        for number in numbers:
            self._holder[number] = network.id
            if number not in chosen:
                self._last = max(self._last, number)

    def release(self, network_id: str) -> bool:
        """Forget what the network has; whether it had anything."""
        self._names.pop(network_id, None)
        numbers = self._of.pop(network_id, [])
        for number in numbers:
            if self._holder.get(number) == network_id:
                del self._holder[number]
        return bool(numbers)

    def choose(self, network_id: str, wanted: Sequence[int], count: int) -> list[int]:
        """`count` numbers, those that are wanted first; they are not held yet. Raises CannotAllocate."""
        chosen = list(wanted[:count])
        for number in chosen:
            holder = self._holder.get(number, network_id)
            if holder != network_id:
                raise CannotAllocate(f"overlay identifier {number} belongs to network {self._names[holder]}")
        while len(chosen) < count:
            number = self._next(chosen)
            chosen.append(number)
            self._last = number
        return chosen

    def _next(self, besides: Sequence[int]) -> int:
        size = LAST - FIRST + 1
        start = self._last + 1 - FIRST
        for step in range(min(size, len(self._holder) + len(besides) + 1)):
            number = FIRST + (start + step) % size
            if number not in self._holder and number not in besides:
                return number
        raise CannotAllocate("no overlay identifier is free")
