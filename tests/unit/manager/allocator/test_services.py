"""What services get: ports and virtual addresses (docs/design/allocator.md 4.5, 4.8)."""

from collections.abc import Iterable

from swarm_core.api.proto.objects_pb2 import Network, Service
from swarm_core.api.proto.specs_pb2 import EndpointSpec
from swarm_core.api.proto.types_pb2 import NEW, PENDING, IPAMConfig, PortConfig
from swarm_core.manager.allocator.allocator import Allocator
from swarm_core.manager.allocator.board import Board
from swarm_core.manager.allocator.decisions import AllocateNetwork, Decision, Serve
from swarm_core.manager.allocator.subnets import Pools
from swarm_core.manager.orchestrator.replicated import ReplicatedOrchestrator
from swarm_testkit.factories import make_host_port, make_node, make_service, make_task_spec
from swarm_testkit.leader import Leader

TCP, UDP, SCTP = PortConfig.TCP, PortConfig.UDP, PortConfig.SCTP


def network(id_: str, *, driver: str = "", ingress: bool = False) -> Network:
    made = Network(id=id_)
    made.spec.annotations.name = id_
    made.spec.driver_config.name = driver
    made.spec.ingress = ingress
    return made


def port(target: int, published: int = 0, protocol: int = TCP, name: str = "") -> PortConfig:
    return PortConfig(target_port=target, published_port=published, protocol=protocol, name=name)  # type: ignore[arg-type]


def service(id_: str, *networks: str, ports: Iterable[PortConfig] = (), **more: object) -> Service:
    made = make_service(id_, name=id_, task=make_task_spec(networks=networks), ports=ports)
    if more.get("dnsrr"):
        made.spec.endpoint.mode = EndpointSpec.DNSRR
    return made


def stored(leader: Leader, id_: str) -> Service:
    found = leader.store.get(Service, id_)
    assert found is not None
    return found


def published(leader: Leader, id_: str) -> list[tuple[int, int]]:
    return [(one.target_port, one.published_port) for one in stored(leader, id_).endpoint.ports]


def virtual(leader: Leader, id_: str) -> dict[str, str]:
    return {one.network_id: one.addr for one in stored(leader, id_).endpoint.virtual_ips}


def changed(leader: Leader, id_: str, *ports: PortConfig) -> Service:
    """The service with other ports, as an update leaves it."""
    made = Service()
    made.CopyFrom(stored(leader, id_))
    del made.spec.endpoint.ports[:]
    made.spec.endpoint.ports.extend(ports)
    return made


async def leader_with(*items: Network | Service) -> Leader:
    leader = Leader()
    await leader.put(network("in", ingress=True), network("net"), network("host", driver="host"), *items)
    return leader


async def test_a_service_gets_an_address_on_each_of_its_networks() -> None:
    """4.5.1, 4.3.1, 4.3.2: on the ingress network where it publishes a port; an empty one on a network of one machine; its tasks have
    their own, and are told the endpoint."""
    leader = await leader_with(service("web", "net", "host", ports=[port(80, 8080), make_host_port(53)]))
    async with leader.running(ReplicatedOrchestrator, Allocator):
        assert virtual(leader, "web") == {"in": "10.0.0.2/24", "net": "10.0.1.2/24", "host": ""}
        (task,) = leader.tasks("web")
        assert task.status.state == PENDING and task.endpoint == stored(leader, "web").endpoint
        given = [(one.network.id, list(one.addresses)) for one in task.networks]
        assert given == [("in", ["10.0.0.3/24"]), ("net", ["10.0.1.3/24"]), ("host", [])]
        assert list(stored(leader, "web").endpoint.ports) == [port(80, 8080), make_host_port(53)]
        assert stored(leader, "web").endpoint.spec == stored(leader, "web").spec.endpoint


async def test_dns_round_robin_needs_no_address() -> None:
    """4.5.1, 4.5.2: only the tasks have some; what the service had before is free."""
    leader = await leader_with(service("a", "net"), service("b", "net", dnsrr=True))
    async with leader.running(ReplicatedOrchestrator, Allocator):
        assert virtual(leader, "b") == {} and not stored(leader, "b").HasField("endpoint")
        assert [list(one.addresses) for one in leader.tasks("b")[0].networks] != [[]]
        assert virtual(leader, "a") == {"net": "10.0.0.2/24"} or virtual(leader, "a") == {
            "net": "10.0.1.2/24"
        }
        before = virtual(leader, "a")["net"]
        update = changed(leader, "a")
        update.spec.endpoint.mode = EndpointSpec.DNSRR
        await leader.put(update)
        assert virtual(leader, "a") == {} and stored(leader, "a").endpoint.spec.mode == EndpointSpec.DNSRR
        fixed = service("fixed", "net")
        fixed.spec.task.networks[0].addresses.append(before.partition("/")[0])
        fixed.spec.endpoint.mode = EndpointSpec.DNSRR
        await leader.put(fixed)
        assert leader.tasks("fixed")[0].networks[0].addresses == [before]


async def test_a_service_that_asks_for_nothing_is_left_alone() -> None:
    """4.5.4: nothing is written for it."""
    leader = await leader_with()
    async with leader.running(Allocator):
        before = leader.store.version
        await leader.put(make_service("plain"))
        assert leader.store.version == before + 1 and not stored(leader, "plain").HasField("endpoint")


async def test_ports_without_a_number_get_one() -> None:
    """4.8.1, 4.8.2: from 30000 on, each protocol for itself, past those that somebody asked for."""
    leader = await leader_with(
        service("fixed", ports=[port(1, 30_001)]),
        service("any", ports=[port(80), port(81), port(82, protocol=UDP), port(83, protocol=SCTP)]),
    )
    async with leader.running(Allocator):
        assert published(leader, "any") == [(80, 30_000), (81, 30_002), (82, 30_000), (83, 30_000)]
        await leader.put(service("more", ports=[port(80)]))
        assert published(leader, "more") == [(80, 30_003)]


async def test_a_number_stays_with_its_service() -> None:
    """4.8.3, 4.5.2, 4.8.4: over updates that keep name, protocol and target; the others are free, and given again last of all."""
    leader = await leader_with(service("web", ports=[port(80), port(81)]))
    async with leader.running(Allocator):
        assert published(leader, "web") == [(80, 30_000), (81, 30_001)]
        await leader.put(changed(leader, "web", port(82), port(81), port(443, 8443)))
        assert published(leader, "web") == [(82, 30_002), (81, 30_001), (443, 8443)]
        # Now it asks for the number that it has, and the next one for the one that it gave up.
        await leader.put(changed(leader, "web", port(81, 30_001)))
        await leader.put(service("other", ports=[port(1, 30_000)]), service("third", ports=[port(1)]))
        assert published(leader, "web") == [(81, 30_001)] and published(leader, "other") == [(1, 30_000)]
        assert published(leader, "third") == [(1, 30_003)]
    async with leader.running(Allocator):
        await leader.put(changed(leader, "third", port(1), port(2)))
        assert published(leader, "third")[0] == (1, 30_003)


async def test_a_taken_port_is_told_with_its_owner() -> None:
    """4.8.2, 4.5.3, 4.8.4: a service keeps what it has until it can have what it asks for, and gets it when the other goes."""
    leader = await leader_with(
        service("first", ports=[port(80, 8080)]), service("second", ports=[port(80, 9090)])
    )
    async with leader.running(ReplicatedOrchestrator, Allocator):
        await leader.put(changed(leader, "second", port(80, 8080)))
        assert published(leader, "second") == [(80, 9090)]
        await leader.scale("second", 2)
        (waiting,) = (task for task in leader.tasks("second") if task.status.state == NEW)
        assert waiting.status.err == "port 8080/tcp is published by service first"
        # The protocol makes it another port.
        await leader.put(service("udp", ports=[port(80, 8080, UDP)]))
        assert published(leader, "udp") == [(80, 8080)]
        await leader.delete(Service, "first")
        assert published(leader, "second") == [(80, 8080)]
        assert leader.task(waiting.id).status.state == PENDING
        assert leader.task(waiting.id).endpoint.ports[0].published_port == 8080


async def test_two_services_change_their_ports_for_each_other_s() -> None:
    """4.8.4: what one gives up the other gets, in the same decision."""
    leader = await leader_with(service("a", ports=[port(80, 8080)]), service("b", ports=[port(80, 9090)]))
    async with leader.running(Allocator):
        await leader.put(changed(leader, "a", port(80, 7070)), changed(leader, "b", port(80, 8080)))
        assert published(leader, "a") == [(80, 7070)] and published(leader, "b") == [(80, 8080)]


async def test_no_port_is_left() -> None:
    """4.8.2: the sentence says among which."""
    leader = await leader_with(service("all", ports=[port(1, number) for number in range(30_000, 32_768)]))
    async with leader.running(ReplicatedOrchestrator, Allocator):
        await leader.put(service("late", ports=[port(80)]))
        assert leader.tasks("late")[0].status.err == "none of the ports 30000 to 32767 is free"
        await leader.put(changed(leader, "all", port(1, 30_007)))
        assert len(published(leader, "late")) == 1 and leader.tasks("late")[0].status.state == PENDING


async def test_processes_have_ports_and_no_addresses() -> None:
    """4.3.4, 4.8.5: on the ingress network or any other; without an ingress network too."""
    leader = Leader()
    process = make_service("web", task=make_task_spec(command=["serve"]), ports=[port(80), port(81, 8081)])
    await leader.put(process, make_node("n"))
    async with leader.running(ReplicatedOrchestrator, Allocator):
        assert published(leader, "web") == [(80, 30_000), (81, 8081)] and virtual(leader, "web") == {}
        (task,) = leader.tasks("web")
        assert task.status.state == PENDING and not task.networks
        assert [one.published_port for one in task.endpoint.ports] == [30_000, 8081]


async def test_ports_and_addresses_outlive_the_leader() -> None:
    """4.1.1: the next one changes nothing and gives nothing away twice, whichever order of ports Docker wrote."""
    leader = await leader_with(service("web", "net", ports=[port(80), port(81, 8081)]))
    async with leader.running(Allocator):
        pass
    turned = Service()
    turned.CopyFrom(stored(leader, "web"))
    turned.endpoint.ports.reverse()
    await leader.put(turned)
    before = leader.store.version
    async with leader.running(Allocator):
        assert leader.store.version == before
        await leader.put(service("next", "net", ports=[port(80)]))
        assert published(leader, "next") == [(80, 30_001)]
        assert virtual(leader, "next")["net"] not in virtual(leader, "web").values()


async def test_what_a_failed_attempt_took_is_free_again() -> None:
    """4.5.3: a service that gets an address on one of two networks gets none, and nobody has to wait for that one."""
    leader = await leader_with(service("both", "net", "gone"))
    async with leader.running(ReplicatedOrchestrator, Allocator):
        assert leader.tasks("both")[0].status.err == "network gone does not exist"
        full = network("gone")
        full.spec.ipam.configs.add(subnet="10.77.0.0/32")
        await leader.put(full)
        assert leader.tasks("both")[0].status.err == "network gone has no free address"
        fixed = service("fixed", "net", dnsrr=True)
        fixed.spec.task.networks[0].addresses.append("10.0.1.2")
        await leader.put(fixed)
        assert leader.tasks("fixed")[0].networks[0].addresses == ["10.0.1.2/24"]


def test_what_is_given_back_is_free_once_that_is_written() -> None:
    """4.5.5: an address and a port that a service no longer asks for are nobody else's while the write that takes them from it may be refused."""
    board = Board(Pools.of(None))
    small = network("net")
    small.spec.ipam.configs.append(IPAMConfig(subnet="10.9.0.0/30"))  # one address besides the gateway
    board.network_changed(network("in", ingress=True))
    board.network_changed(small)
    for decision in board.plan():
        assert isinstance(decision, AllocateNetwork)
        board.network_changed(decision.made)
    first, second = service("a", "net", ports=[port(80, 8080)]), service("b", "net", ports=[port(80, 8080)])
    board.service_changed(first)
    first = written(board.plan())["a"]
    board.service_changed(first)
    board.service_changed(second)
    assert written(board.plan()) == {}
    asks_for_less = service("a", "net", dnsrr=True)
    asks_for_less.endpoint.CopyFrom(first.endpoint)
    board.service_changed(asks_for_less)
    (decision,) = board.plan()
    assert isinstance(decision, Serve) and decision.service is asks_for_less
    # Somebody was faster with another change, which is seen later; the address and the port are still the first one's in the store.
    board.refused(decision)
    (decision,) = board.plan()
    assert isinstance(decision, Serve) and decision.service is asks_for_less
    board.service_changed(written([decision])["a"])
    given = written(board.plan())["b"].endpoint
    assert [one.addr for one in given.virtual_ips if one.network_id == "net"] == ["10.9.0.2/30"]
    assert [one.published_port for one in given.ports] == [8080]


def written(decisions: Iterable[Decision]) -> dict[str, Service]:
    """The services as these decisions leave them."""
    made = {}
    for decision in decisions:
        assert isinstance(decision, Serve)
        made[decision.service.id] = changed_service = Service()
        changed_service.CopyFrom(decision.service)
        changed_service.endpoint.CopyFrom(decision.endpoint)
    return made
