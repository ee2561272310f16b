"""Whatever happens in whatever order, nothing is given twice, and everything comes back (docs/design/allocator.md)."""

import random
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_interface, ip_network
from itertools import combinations

import pytest
from swarm_core.api.proto.objects_pb2 import Network, NetworkAttachment, Node, Service, Task
from swarm_core.api.proto.specs_pb2 import EndpointSpec
from swarm_core.api.proto.types_pb2 import NEW, RUNNING, IPAMConfig, NetworkAttachmentConfig, PortConfig
from swarm_core.manager.allocator.allocator import Allocator
from swarm_core.manager.allocator.overlay_ids import OPTION
from swarm_core.manager.orchestrator.replicated import ReplicatedOrchestrator
from swarm_core.manager.orchestrator.task_reaper import TaskReaper
from swarm_core.store.errors import StoreError
from swarm_testkit.factories import make_cluster, make_node, make_service, make_task_spec
from swarm_testkit.leader import Leader
from swarm_testkit.manual_clock import settle

STEPS, LIVES = 12, 5
PORTS = (0, 0, 0, 8080, 8081, 30_000, 30_001)


class Game:
    """Random changes of a small cluster, in which everything is short: addresses, subnets, ports that people ask for."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.leader = Leader(seed=seed, turns=self.rng.choice((0, 1, 3)))
        self.number = 0

    async def begin(self) -> None:
        cluster = make_cluster()
        cluster.defaultAddressPool.append("10.0.0.0/26")
        cluster.subnetSize = 29
        ingress = Network(id="in")
        ingress.spec.annotations.name, ingress.spec.ingress = "in", True
        nodes = [make_node(f"n{number}", plugins=[("Network", "overlay")]) for number in range(3)]
        await self.leader.put(cluster, ingress, *nodes)

    async def step(self) -> None:
        """One thing happens. Where the cluster is not so, nothing does."""
        happens = self.rng.choice(
            (self.add_network, self.remove_network, self.add_service, self.change_service, self.remove_service,
             self.move_task, self.move_task, self.move_task)
        )  # fmt: skip
        try:
            await happens()
        except StoreError:
            pass  # somebody was faster: as any client, it may try again

    def pick(self, kind: type) -> object | None:
        found = self.leader.store.find(kind)
        return self.rng.choice(found) if found else None

    async def add_network(self) -> None:
        self.number += 1
        network = Network(id=f"net{self.number}")
        network.spec.annotations.name = network.id
        if self.rng.random() < 0.4:
            # Half of them inside the default pool.
            subnet = self.rng.choice(("10.0.0.16/28", "10.0.0.0/29", "10.1.0.0/29", "10.1.0.0/28"))
            network.spec.ipam.configs.append(IPAMConfig(subnet=subnet))
        await self.leader.put(network)

    async def remove_network(self) -> None:
        network = self.pick(Network)
        assert isinstance(network, Network)
        used = {config.target for one in self.leader.store.find(Service) for config in one.spec.task.networks}
        held = {one.network.id for task in self.leader.tasks() for one in task.networks}
        if network.id not in used | held and network.id != "in":
            await self.leader.delete(Network, network.id)

    async def add_service(self) -> None:
        self.number += 1
        service = make_service(f"s{self.number}", replicas=self.rng.randint(0, 3), task=make_task_spec())
        self._ask(service)
        await self.leader.put(service)

    async def change_service(self) -> None:
        old = self.pick(Service)
        if not isinstance(old, Service):
            return
        service = Service()
        service.CopyFrom(old)
        service.spec.replicated.replicas = self.rng.randint(0, 3)
        self._ask(service)
        await self.leader.put(service)

    def _ask(self, service: Service) -> None:
        networks = [one.id for one in self.leader.store.find(Network) if one.id != "in"]
        wanted = self.rng.sample(networks, min(len(networks), self.rng.randint(0, 2)))
        del service.spec.task.networks[:], service.spec.endpoint.ports[:]
        service.spec.task.networks.extend(NetworkAttachmentConfig(target=id_) for id_ in wanted)
        is_dnsrr = self.rng.random() < 0.3
        service.spec.endpoint.mode = EndpointSpec.DNSRR if is_dnsrr else EndpointSpec.VIP
        for target in range(0 if is_dnsrr else self.rng.randint(0, 2)):
            service.spec.endpoint.ports.append(
                PortConfig(
                    target_port=80 + target, published_port=self.rng.choice(PORTS[: 3 + 4 * (target == 0)])
                )
            )

    async def remove_service(self) -> None:
        service = self.pick(Service)
        if isinstance(service, Service):
            await self.leader.delete(Service, service.id)

    async def move_task(self) -> None:
        """A task is placed, runs, or ends."""
        task = self.pick(Task)
        if not isinstance(task, Task) or task.status.state in (NEW,) or task.status.state > RUNNING:
            return
        made = Task()
        made.CopyFrom(task)
        made.node_id = made.node_id or self.rng.choice(("n0", "n1", "n2"))
        made.status.state = self.rng.choice((192, RUNNING, 576, 704))  # type: ignore[assignment]
        await self.leader.put(made)


def held(leader: Leader) -> Iterator[tuple[str, str]]:
    """Every address that somebody has, with its network."""
    store = leader.store
    for service in store.find(Service):
        yield from ((one.network_id, one.addr) for one in service.endpoint.virtual_ips if one.addr)
    attached: list[NetworkAttachment] = []
    for task in store.find(Task):
        if task.status.state <= RUNNING:
            attached += task.networks
    for node in store.find(Node):
        attached += node.attachments
    yield from ((one.network.id, address) for one in attached for address in one.addresses)


def check(leader: Leader) -> None:
    """Nothing is had by two, and everything lies where it belongs."""
    networks = {one.id: one for one in leader.store.find(Network)}
    subnets = [ip_network(config.subnet) for one in networks.values() for config in one.ipam.configs]
    assert not [pair for pair in combinations(subnets, 2) if pair[0].overlaps(pair[1])]
    identifiers = [one.driver_state.options[OPTION] for one in networks.values() if one.driver_state.options]
    assert len(identifiers) == len(set(identifiers))
    addresses = Counter(held(leader))
    assert max(addresses.values(), default=1) == 1, addresses.most_common(3)
    for network_id, address in addresses:
        config = networks[network_id].ipam.configs[0]
        place = ip_interface(address)
        assert str(place.network) == config.subnet and str(place.ip) != config.gateway
        assert place.ip not in (place.network.network_address, place.network.broadcast_address)
    ports = Counter(
        (port.protocol, port.published_port)
        for service in leader.store.find(Service)
        for port in service.endpoint.ports
        if port.publish_mode == PortConfig.INGRESS
    )
    assert max(ports.values(), default=1) == 1 and (0, 0) not in ports


def check_settled(leader: Leader) -> None:
    """Who waits says why; who has its endpoint has what its spec asks for."""
    services = {one.id: one for one in leader.store.find(Service)}
    for task in leader.tasks():
        if task.status.state == NEW and task.desired_state <= RUNNING and task.service_id in services:
            assert task.status.err, task


@pytest.mark.parametrize("seed", range(12))
async def test_nothing_is_given_twice_and_everything_comes_back(seed: int) -> None:
    """4.1.1, 4.1.4, 4.4.1, 4.7.5, 4.7.8, 4.8.1, 4.8.4: over many changes, leaders that stop at any moment, and writes that are late. When everybody
    has gone, everything can be given again."""
    game = Game(seed)
    leader = game.leader
    for life in range(LIVES):
        async with leader.running(ReplicatedOrchestrator, TaskReaper, Allocator):
            if life == 0:
                await game.begin()
            for _ in range(STEPS):
                await game.step()
                check(leader)
            if game.rng.random() < 0.5:
                await settle()
                check_settled(leader)
    async with leader.running(ReplicatedOrchestrator, TaskReaper, Allocator):
        for service in leader.store.find(Service):
            await leader.delete(Service, service.id)
        for task in leader.tasks():
            if task.status.state <= RUNNING:
                await leader.report(task.id, "SHUTDOWN")
        for network in leader.store.find(Network):
            await leader.delete(Network, network.id)
        assert not list(held(leader))
        # The whole pool, and every address of a network, can be had again.
        await leader.put(*(_plain(f"again{number}") for number in range(8)))
        assert all(one.ipam.configs for one in leader.store.find(Network))
        await leader.put(make_service("last", replicas=4, task=make_task_spec(networks=["again0"])))
        assert all(task.status.state > NEW for task in leader.tasks("last"))
        check(leader)


def _plain(id_: str) -> Network:
    network = Network(id=id_)
    network.spec.annotations.name = id_
    return network
