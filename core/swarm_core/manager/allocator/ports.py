"""The ports that services publish through the ingress network: who has which, and which are free (docs/design/allocator.md 4.8). Pure.

Rules
1. A port is a number and a protocol. It has one service on the whole cluster. Ports of single machines (mode host) are nobody's here:
   the scheduler finds a machine where they are free.
2. A service that asks for a number gets it, or is told who has it. One that asks for any number gets one from 30000 to 32767, in order,
   each after the one given last, and round again.
3. A number that a service got without asking stays with it while its spec asks for a port of that name, protocol and target.
"""

from collections.abc import Iterable, Sequence

from swarm_core.api.proto.objects_pb2 import Service
from swarm_core.api.proto.types_pb2 import PortConfig
from swarm_core.manager.allocator.errors import CannotAllocate
from swarm_core.rules.published_ports import Key, is_same_wish, is_through_ingress, key_of, shown

DYNAMIC_FIRST, DYNAMIC_LAST = 30_000, 32_767


class Ports:
    """Who holds which. What is given counts as held."""

    def __init__(self) -> None:
        self._holder: dict[Key, str] = {}
        self._names: dict[str, str] = {}
        self._of: dict[str, set[Key]] = {}
        self._last: dict[int, int] = {}  # protocol -> number

    def hold(self, service: Service, ports: Iterable[PortConfig]) -> bool:
        """Note that the service has these and no others; whether any became free."""
        before = self._take_back(service.id)
        self._names[service.id] = service.spec.annotations.name or service.id
        keys = {key_of(port) for port in ports if is_through_ingress(port) and port.published_port}
        # Who came first keeps a port that two have by a fault of the store.
        self._of[service.id] = {key for key in keys if self._holder.setdefault(key, service.id) == service.id}
        asked = {key_of(port) for port in service.spec.endpoint.ports}
        for protocol, number in self._of[service.id] - asked:
            if DYNAMIC_FIRST <= number <= DYNAMIC_LAST:
                self._last[protocol] = max(self._last.get(protocol, 0), number)
        return bool(before - self._of[service.id])

    def release(self, service_id: str) -> bool:
        """Forget what the service has; whether it had anything."""
        self._names.pop(service_id, None)
        return bool(self._take_back(service_id))

    def _take_back(self, service_id: str) -> set[Key]:
        keys = self._of.pop(service_id, set())
        for key in keys:
            del self._holder[key]
        return keys

    def choose(self, service: Service) -> list[PortConfig]:
        """The ports of the service's spec, each with its number, in the order of the spec; they are not held yet.
        Raises CannotAllocate."""
        asked = service.spec.endpoint.ports
        chosen: list[PortConfig | None] = [None] * len(asked)
        taken: set[Key] = set()
        for place, port in enumerate(asked):
            if not is_through_ingress(port):
                chosen[place] = port
            elif port.published_port:
                self._check(service.id, port)
                chosen[place] = port
                taken.add(key_of(port))
        self._keep(service, asked, chosen, taken)
        return [port if port is not None else self._next(asked[at], taken) for at, port in enumerate(chosen)]

    def _check(self, service_id: str, port: PortConfig) -> None:
        holder = self._holder.get(key_of(port), service_id)
        if holder != service_id:
            raise CannotAllocate(f"port {shown(port)} is published by service {self._names[holder]}")

    def _keep(
        self, service: Service, asked: Sequence[PortConfig], chosen: list[PortConfig | None], taken: set[Key]
    ) -> None:
        """Choose again what the service has for the ports of which it did not say the number."""
        own = self._of.get(service.id, set())
        kept = [port for port in service.endpoint.ports if is_through_ingress(port) and key_of(port) in own]
        for place, port in enumerate(asked):
            if chosen[place] is not None:
                continue
            same = [one for one in kept if is_same_wish(one, port) and key_of(one) not in taken]
            if same:
                chosen[place] = same[0]
                taken.add(key_of(same[0]))

    def _next(self, port: PortConfig, taken: set[Key]) -> PortConfig:
        size = DYNAMIC_LAST - DYNAMIC_FIRST + 1
        start = self._last.get(port.protocol, DYNAMIC_FIRST - 1) + 1 - DYNAMIC_FIRST
        for step in range(size):
            number = DYNAMIC_FIRST + (start + step) % size
            key = (int(port.protocol), number)
            if key not in self._holder and key not in taken:
                made = PortConfig()
                made.CopyFrom(port)
                made.published_port = number
                taken.add(key)
                self._last[port.protocol] = number
                return made
        raise CannotAllocate(f"none of the ports {DYNAMIC_FIRST} to {DYNAMIC_LAST} is free")
