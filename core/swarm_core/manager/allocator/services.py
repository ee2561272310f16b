"""The services as the allocator knows them: which have all that their specs ask for, and which wait and why
(docs/design/allocator.md 4.5). No input, no output.

Rules: a service gets its endpoint as a whole or stays as it is: what it had before an update stays its own until it can have the new.
One that can not is tried again when something was freed, or when a network changed. What it gives back is free once that is in the store: a
write may be refused, and what it rests on holds on then.
"""

from swarm_core.api.proto.objects_pb2 import Endpoint, Network, Service
from swarm_core.manager.allocator.address_books import AddressBooks
from swarm_core.manager.allocator.decisions import Serve
from swarm_core.manager.allocator.endpoints import (
    endpoint_for,
    networks_of,
    says_the_same,
    wanted_of,
)
from swarm_core.manager.allocator.errors import CannotAllocate
from swarm_core.manager.allocator.networks import Networks
from swarm_core.manager.allocator.ports import Ports
from swarm_core.rules.published_ports import is_through_ingress


class Services:
    """Fed with services as they are in the store."""

    def __init__(self, networks: Networks, addresses: AddressBooks) -> None:
        self._networks = networks
        self._addresses = addresses
        self._ports = Ports()
        self._known: dict[str, Service] = {}
        self._waiting: dict[
            str, str
        ] = {}  # id -> why it is not complete; empty: not looked at, or being written
        self._unplanned: dict[str, None] = {}

    def get(self, service_id: str) -> Service | None:
        return self._known.get(service_id)

    def waits_for(self, service_id: str) -> str | None:
        """Why the service is not complete; empty while it is being made so, None when it is."""
        return self._waiting.get(service_id)

    def changed(self, service: Service) -> bool:
        """A service is new or has a new object; whether that freed anything."""
        self._known[service.id] = service
        freed = self._hold(service, service.endpoint)
        spec = service.spec
        if spec.endpoint.ports or wanted_of(service) or service.HasField("endpoint"):
            self._waiting[service.id] = ""
            self._unplanned[service.id] = None
        else:
            self._stop_waiting(service.id)
        return freed

    def removed(self, service_id: str) -> bool:
        """A service is gone; whether that freed anything."""
        self._known.pop(service_id, None)
        self._stop_waiting(service_id)
        freed = self._ports.release(service_id)
        return self._addresses.hold(_holder(service_id), {}) or freed

    def look_again(self) -> None:
        """Try those again that could not be completed."""
        self._unplanned.update((id_, None) for id_, reason in self._waiting.items() if reason)

    def look_at_all(self) -> None:
        """A network changed: look at every service that may be on it."""
        for service in self._known.values():
            if service.spec.endpoint.ports or wanted_of(service):
                self._waiting.setdefault(service.id, "")
                self._unplanned[service.id] = None

    def plan(self) -> list[Serve]:
        """What services get now; it is counted already, but for what is given back."""
        unplanned, self._unplanned = self._unplanned, {}
        services = [self._known[service_id] for service_id in unplanned if service_id in self._known]
        # Who says a number comes before those who take any.
        services.sort(key=_takes_any_port)
        decisions = []
        for service in services:
            endpoint = self._endpoint(service)
            if endpoint is not None:
                self._hold(service, service.endpoint, endpoint)
                self._waiting[service.id] = ""
                decisions.append(Serve(service, endpoint))
        return decisions

    def _endpoint(self, service: Service) -> Endpoint | None:
        """What the service is to have in place of what it has; None where that stays as it is."""

        def take(network: Network) -> str:
            return self._addresses.take(_holder(service.id), network)

        try:
            networks = networks_of(service, self._networks)
            endpoint = endpoint_for(service, self._ports.choose(service), networks, take)
        except CannotAllocate as error:
            self._hold(service, service.endpoint)
            self._waiting[service.id] = str(error)
            return None
        if endpoint is None or (service.HasField("endpoint") and says_the_same(endpoint, service.endpoint)):
            self._stop_waiting(service.id)
            return None
        return endpoint

    def refused(self, service_id: str) -> bool:
        """What was planned is not written; whether that freed anything."""
        service = self._known.get(service_id)
        return service is not None and self.changed(service)

    def _stop_waiting(self, service_id: str) -> None:
        self._waiting.pop(service_id, None)
        self._unplanned.pop(service_id, None)

    def _hold(self, service: Service, *endpoints: Endpoint) -> bool:
        held: dict[str, list[str]] = {}
        for one in (one for endpoint in endpoints for one in endpoint.virtual_ips if one.addr):
            held.setdefault(one.network_id, []).append(one.addr)
        freed = self._addresses.hold(_holder(service.id), held)
        return self._ports.hold(service, [port for endpoint in endpoints for port in endpoint.ports]) or freed


def _holder(service_id: str) -> str:
    return f"service {service_id}"


def _takes_any_port(service: Service) -> bool:
    return any(is_through_ingress(port) and not port.published_port for port in service.spec.endpoint.ports)
