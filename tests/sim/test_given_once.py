"""The checkers of networks and ports see what they are for: each rule is broken once."""

import pytest
from swarm_core.api.proto.objects_pb2 import Network, NetworkAttachment, Task
from swarm_core.api.proto.types_pb2 import IPAMConfig
from swarm_core.store.events import Created, Deleted, Event
from swarm_testkit.factories import make_service, make_task
from swarm_testkit.simulation.checkers import Findings
from swarm_testkit.simulation.given_once import GivenOnce
from swarm_testkit.simulation.trace import Trace


class Watch:
    """The checkers, fed with one entry after the other."""

    def __init__(self) -> None:
        self.findings = Findings(Trace(lambda: 0.0, keep_all=True))
        self._checkers = GivenOnce(self.findings)

    def entry(self, *events: Event) -> list[str]:
        """What was found until after this entry."""
        for event in events:
            self._checkers.take(event)
        self._checkers.entry_ends()
        return self.findings.texts


@pytest.fixture
def watch() -> Watch:
    return Watch()


def network(id_: str, subnet: str, gateway: str) -> Network:
    made = Network(id=id_)
    made.ipam.configs.append(IPAMConfig(subnet=subnet, gateway=gateway))
    return made


def attached(id_: str, address: str, state: str = "RUNNING") -> Task:
    task = make_task(id_, state=state)
    task.networks.append(NetworkAttachment(network=Network(id="n"), addresses=[address]))
    return task


def created(*items: object) -> list[Event]:
    return [Created(item, b"") for item in items]  # type: ignore[arg-type]


NETWORK = network("n", "10.0.1.0/24", "10.0.1.1")


def test_address_twice(watch: Watch) -> None:
    """Rule 1: an address has one holder at a time, and is free when its task has ended."""
    first = attached("a", "10.0.1.5/24")
    assert not watch.entry(*created(NETWORK, first))
    assert not watch.entry(Deleted(first, b""), *created(attached("b", "10.0.1.5/24")))
    assert not watch.entry(*created(attached("c", "10.0.1.6/24", "FAILED"), attached("d", "10.0.1.6/24")))
    service = make_service("s")
    service.endpoint.virtual_ips.add(network_id="n", addr="10.0.1.5/24")
    assert watch.entry(*created(service))


def test_port_twice(watch: Watch) -> None:
    """Rule 2: a port of the ingress network has one service."""
    services = [make_service(id_) for id_ in "st"]
    for service in services:
        service.endpoint.ports.add(published_port=8080)
    assert not watch.entry(*created(services[0]))
    assert watch.entry(*created(services[1]))


@pytest.mark.parametrize("subnet", ["10.0.1.0/24", "10.0.1.128/25"])
def test_subnets_in_common(watch: Watch, subnet: str) -> None:
    """Rule 3: two networks have no address in common."""
    assert not watch.entry(*created(NETWORK, network("m", "10.0.2.0/24", "10.0.2.1")))
    assert watch.entry(*created(network("o", subnet, "10.0.1.129")))


@pytest.mark.parametrize("address", ["10.0.2.5/24", "10.0.1.1/24"])
def test_address_of_another_network(watch: Watch, address: str) -> None:
    """Rule 4: an address lies in a subnet of its network and is not its gateway."""
    assert watch.entry(*created(NETWORK, attached("a", address)))
