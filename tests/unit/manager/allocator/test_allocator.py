"""The allocator: addresses for tasks and nodes (docs/design/allocator.md)."""

from ipaddress import ip_interface, ip_network

from swarm_core.api.proto.objects_pb2 import Endpoint, Network, NetworkAttachment, Node, Service, Task
from swarm_core.api.proto.types_pb2 import NEW, PENDING, IPAMConfig, PortConfig
from swarm_core.manager.allocator.allocator import Allocator
from swarm_core.manager.orchestrator.replicated import ReplicatedOrchestrator
from swarm_testkit.factories import make_network, make_node, make_service, make_task, make_task_spec
from swarm_testkit.leader import Leader
from swarm_testkit.manual_clock import settle

WEB = PortConfig(protocol=PortConfig.TCP, target_port=80, published_port=8080)
ON_HOST = PortConfig(target_port=53, published_port=53, publish_mode=PortConfig.HOST)


def overlay(id_: str, subnet: str, *, ingress: bool = False, ipam: str = "default") -> Network:
    """A network as Docker's allocator leaves it."""
    network = make_network(id_)
    network.spec.ingress = ingress
    network.driver_state.name = "overlay"
    network.ipam.driver.name = ipam
    first = next(ip_network(subnet).hosts())
    network.ipam.configs.append(IPAMConfig(family=IPAMConfig.IPV4, subnet=subnet, gateway=str(first)))
    return network


def on_this_machine(id_: str) -> Network:
    network = make_network(id_, driver="host")
    network.ipam.driver.SetInParent()
    network.ipam.SetInParent()
    return network


def served(
    id_: str, *networks: str, replicas: int = 1, ports: tuple[PortConfig, ...] = (), **virtual: str
) -> Service:
    """A service whose endpoint is complete: an address per network."""
    service = make_service(id_, replicas=replicas, task=make_task_spec(networks=networks), ports=ports)
    service.endpoint.spec.CopyFrom(service.spec.endpoint)
    service.endpoint.ports.extend(ports)
    for network_id, addr in virtual.items():
        service.endpoint.virtual_ips.append(Endpoint.VirtualIP(network_id=network_id, addr=addr))
    return service


async def store_of(*items: Network | Service | Node | Task) -> Leader:
    leader = Leader()
    await leader.put(*items)  # type: ignore[arg-type]
    return leader


def addresses(task: Task) -> list[str]:
    return [address for one in task.networks for address in one.addresses]


def attached(leader: Leader, node_id: str) -> dict[str, list[str]]:
    node = leader.store.get(Node, node_id)
    assert node is not None
    return {one.network.id: list(one.addresses) for one in node.attachments}


async def test_new_tasks_get_addresses_that_nobody_holds() -> None:
    """4.2.1, 4.3.1, 4.4.1: with endpoint and networks of the service, in order, past the gateway, the service's and an older task's."""
    service = served("web", "net", replicas=4, net="10.0.1.2/24")
    older = make_task("older", service=service, slot=1, state="RUNNING", node_id="n")
    older.networks.append(NetworkAttachment(network=overlay("net", "10.0.1.0/24"), addresses=["10.0.1.3/24"]))
    leader = await store_of(overlay("net", "10.0.1.0/24"), service, make_node("n"), older)
    async with leader.running(ReplicatedOrchestrator, Allocator):
        fresh = [task for task in leader.tasks("web") if task.id != "older"]
        # The node got one for its tasks as well.
        (of_node,) = attached(leader, "n")["net"]
        taken = [address for task in fresh for address in addresses(task)]
        assert all(task.status.state == PENDING and task.status.err == "" for task in fresh)
        assert sorted([*taken, of_node]) == [f"10.0.1.{last}/24" for last in (4, 5, 6, 7)]
        assert all(task.endpoint == service.endpoint for task in fresh)
        assert all(task.networks[0].network.ipam == overlay("net", "10.0.1.0/24").ipam for task in fresh)


async def test_the_ingress_network_comes_first() -> None:
    """4.3, 4.5, 4.6: a service that publishes a port is attached to it before its own networks; its tasks are told the port."""
    service = served("web", "net", ports=(WEB,), net="10.0.1.2/24", ingress="10.9.0.2/24")
    leader = await store_of(
        overlay("net", "10.0.1.0/24"),
        overlay("ingress", "10.9.0.0/24", ingress=True),
        make_node("n", plugins=[("Network", "overlay")]),
        make_node("processes"),
        service,
    )
    async with leader.running(ReplicatedOrchestrator, Allocator):
        (task,) = leader.tasks("web")
        assert [one.network.id for one in task.networks] == ["ingress", "net"]
        assert task.status.state == PENDING and list(task.endpoint.ports) == [WEB]
        # Every engine is reached through it.
        assert list(attached(leader, "n")) == ["ingress"] and attached(leader, "processes") == {}


async def test_what_needs_no_address() -> None:
    """4.3: ports of single machines and networks of single machines are carried over as they are."""
    service = make_service("web", task=make_task_spec(networks=["host"]), ports=[ON_HOST])
    leader = await store_of(on_this_machine("host"), service)
    async with leader.running(ReplicatedOrchestrator, Allocator):
        (task,) = leader.tasks("web")
        assert task.status.state == PENDING and list(task.endpoint.ports) == [ON_HOST]
        assert [(one.network.id, list(one.addresses)) for one in task.networks] == [("host", [])]


async def test_a_task_that_can_get_no_address_says_why() -> None:
    """4.2.2, 4.1.3: it stays NEW; when the reason goes away it gets its address."""
    tiny = overlay("tiny", "10.0.1.0/30")
    full = served("full", "tiny", tiny="10.0.1.2/30")
    leader = await store_of(
        tiny,
        full,
        overlay("odd", "10.0.2.0/24", ipam="weave"),
        served("other-ipam", "odd", odd="10.0.2.2/24"),
        make_network("unknown", driver="weave"),
        make_service("no-subnet", task=make_task_spec(networks=["unknown"])),
        served("nowhere", "gone"),
        make_service("no-address", task=make_task_spec(networks=["tiny"])),
        make_service("no-port", ports=[WEB]),
    )
    async with leader.running(ReplicatedOrchestrator, Allocator):
        reasons = {task.service_id: task.status.err for task in leader.tasks()}
        assert {task.status.state for task in leader.tasks()} == {NEW}
        assert reasons == {
            "full": "network name-of-tiny has no free address",
            "other-ipam": "the addresses of network name-of-odd are given by plugin 'weave', which this manager cannot ask",
            "no-subnet": "network name-of-unknown has no subnet: network driver 'weave' is a plugin's, which this manager cannot ask",
            "nowhere": "network gone does not exist",
            "no-address": "network name-of-tiny has no free address",
            "no-port": "there is no ingress network to publish the service's ports",
        }
        await leader.delete(Service, "full")  # type: ignore[arg-type]
        service = leader.store.get(Service, "no-address")
        assert service is not None and [one.addr for one in service.endpoint.virtual_ips] == ["10.0.1.2/30"]
        assert leader.tasks("no-address")[0].status.err == "network name-of-tiny has no free address"
        wider = overlay("tiny", "10.0.1.0/24")
        await leader.put(wider)  # type: ignore[arg-type]
        (task,) = leader.tasks("no-address")
        assert task.status.state == PENDING and task.status.err == "" and addresses(task) == ["10.0.1.3/24"]


async def test_an_address_is_given_again_after_its_task_has_ended() -> None:
    """4.2: who waits for one gets it then, and nobody else's."""
    tiny = overlay("tiny", "10.0.1.0/29")
    service = served("web", "tiny", replicas=5, tiny="10.0.1.2/29")
    leader = await store_of(tiny, service)
    async with leader.running(ReplicatedOrchestrator, Allocator):
        lucky = [task for task in leader.tasks("web") if task.status.state == PENDING]
        (unlucky,) = (task for task in leader.tasks("web") if task.status.state == NEW)
        assert sorted(addresses(task)[0] for task in lucky) == [f"10.0.1.{n}/29" for n in (3, 4, 5, 6)]
        await leader.report(lucky[1].id, "FAILED")
        assert addresses(leader.task(unlucky.id)) == addresses(lucky[1])


async def test_a_node_is_attached_while_its_tasks_use_a_network() -> None:
    """4.6: from the first task on it to the last, with an address of its own."""
    net = overlay("net", "10.0.1.0/24")
    service = served("web", "net", net="10.0.1.2/24")
    leader = await store_of(net, service, make_node("a"), make_node("b"))
    async with leader.running(Allocator):
        assert attached(leader, "a") == {}
        for id_ in ("one", "two"):
            task = make_task(id_, service=service, state="ASSIGNED", node_id="a")
            task.networks.append(NetworkAttachment(network=net, addresses=[f"10.0.1.1{len(id_)}/24"]))
            await leader.put(task)
        (address,) = attached(leader, "a")["net"]
        assert ip_interface(address).network == ip_network("10.0.1.0/24") and attached(leader, "b") == {}
        await leader.report("one", "COMPLETE")
        assert attached(leader, "a") == {"net": [address]}
        await leader.report("two", "COMPLETE")
        assert attached(leader, "a") == {}


async def test_a_network_that_lost_its_subnet_is_not_attached_again_and_again() -> None:
    """4.6: a task may carry the network as it was; what the store has now decides, and nothing is written without need."""
    service = served("web", "net")
    task = make_task("one", service=service, state="RUNNING", node_id="a")
    task.networks.append(NetworkAttachment(network=overlay("net", "10.0.1.0/24"), addresses=["10.0.1.9/24"]))
    node = make_node("a")
    node.attachments.append(NetworkAttachment(network=overlay("net", "10.0.1.0/24")))
    leader = await store_of(on_this_machine("net"), service, node, task)
    async with leader.running(Allocator):
        assert attached(leader, "a") == {}
        before = leader.store.version
        await settle()
        await leader.put(make_node("b"))
        assert leader.store.version == before + 1


async def test_the_next_leader_goes_on_with_what_is_in_the_store() -> None:
    """4.1: it gives nothing away twice, and leaves alone what was given."""
    service = served("web", "net", replicas=3, net="10.0.1.2/24")
    leader = await store_of(overlay("net", "10.0.1.0/24"), service)
    async with leader.running(ReplicatedOrchestrator, Allocator):
        before = {task.id: addresses(task) for task in leader.tasks("web")}
    async with leader.running(ReplicatedOrchestrator, Allocator):
        await leader.scale("web", 20)
        await settle()
        after = {task.id: addresses(task) for task in leader.tasks("web")}
    assert {id_: after[id_] for id_ in before} == before
    given = [address for found in after.values() for address in found]
    assert len(given) == len(set(given)) == 20


async def test_a_wish_for_an_address_is_granted_or_explained() -> None:
    """4.3.3: addresses in a spec are asked for; two tasks cannot have the same."""
    service = served("web", "net", replicas=2, net="10.0.1.2/24")
    service.spec.task.networks[0].addresses.append("10.0.1.77")
    leader = await store_of(overlay("net", "10.0.1.0/24"), service)
    async with leader.running(ReplicatedOrchestrator, Allocator):
        first, second = sorted(leader.tasks("web"), key=lambda task: task.status.state, reverse=True)
        assert addresses(first) == ["10.0.1.77/24"]
        assert second.status.state == NEW
        assert second.status.err == "network name-of-net cannot give the address 10.0.1.77"


async def test_networks_before_services_before_tasks() -> None:
    """4.1.2: whatever comes with one change, a service waits for its network in the store, and a task for its service's endpoint."""
    service = make_service("web", task=make_task_spec(networks=["net"]))
    leader = await store_of(make_network("net"), service, make_task("t", service=service, state="NEW"))
    async with leader.running(Allocator):
        network, served_now = leader.store.get(Network, "net"), leader.store.get(Service, "web")
        assert network is not None and served_now is not None
        task = leader.task("t")
        assert task.status.state == PENDING and len(addresses(task)) == 1
        written = [item.meta.version.index for item in (network, served_now, task)]
        assert written == sorted(set(written))


async def test_which_nodes_are_on_the_ingress_network() -> None:
    """4.6.1, 4.6.2: those with Docker's overlay driver, from the moment in which they tell of it; a machine of processes alone is not."""
    docker, processes = make_node("docker", plugins=[("Network", "overlay")]), make_node("processes")
    leader = await store_of(overlay("ingress", "10.9.0.0/24", ingress=True), docker, processes)
    async with leader.running(Allocator):
        assert attached(leader, "docker").keys() == {"ingress"}
        assert attached(leader, "processes") == {}
        await leader.put(make_node("processes", plugins=[("Network", "overlay")]))
        assert attached(leader, "processes").keys() == {"ingress"}


async def test_more_nodes_than_addresses() -> None:
    """4.6.3: those without one get it when another node goes."""
    nodes = [make_node(f"n{number}", plugins=[("Network", "overlay")]) for number in range(9)]
    leader = await store_of(overlay("ingress", "10.9.0.0/29", ingress=True), *nodes)
    async with leader.running(Allocator):
        having = [node.id for node in nodes if attached(leader, node.id)]
        assert having == ["n0", "n1", "n2", "n3", "n4"]
        await leader.delete(Node, "n1")  # type: ignore[arg-type]
        having = [node.id for node in nodes if node.id != "n1" and attached(leader, node.id)]
        assert len(having) == 5 and set(having) > {"n0", "n2", "n3", "n4"}
