"""Networks and what services have of them (docs/design/control-api.md 4.3, 4.4)."""

import random
from collections.abc import Callable

import pytest
from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2, types_pb2
from swarm_core.manager.control_api.networks import NetworksApi
from swarm_core.manager.control_api.services.api import ServicesApi
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    RpcFailure,
)
from swarm_core.store.memory import MemoryStore
from swarm_testkit.factories import make_host_port, make_network, make_service, make_task, make_task_spec
from swarm_testkit.manual_clock import ManualClock

CALLER = Caller("operator", frozenset({"swarm-manager"}), "org", "127.0.0.1:1", is_local=True)
Edit = Callable[[specs_pb2.NetworkSpec], object]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(clock=ManualClock())


@pytest.fixture
def networks(store: MemoryStore) -> NetworksApi:
    return NetworksApi(store, random.Random(1))


@pytest.fixture
def services(store: MemoryStore) -> ServicesApi:
    return ServicesApi(store, ManualClock(), random.Random(2))


def spec(name: str = "net", subnet: str = "", **more: str) -> specs_pb2.NetworkSpec:
    made = specs_pb2.NetworkSpec(annotations=types_pb2.Annotations(name=name))
    if subnet or more:
        made.ipam.configs.add(subnet=subnet, **more)  # type: ignore[arg-type]
    return made


async def create(api: NetworksApi, made: specs_pb2.NetworkSpec) -> objects_pb2.Network:
    return (await api.create_network(control_pb2.CreateNetworkRequest(spec=made), CALLER)).network


async def remove(api: NetworksApi, network_id: str) -> None:
    await api.remove_network(control_pb2.RemoveNetworkRequest(network_id=network_id), CALLER)


async def serve(api: ServicesApi, service: objects_pb2.Service) -> objects_pb2.Service:
    return (await api.create_service(control_pb2.CreateServiceRequest(spec=service.spec), CALLER)).service


async def put(
    store: MemoryStore, *items: objects_pb2.Network | objects_pb2.Service | objects_pb2.Task
) -> None:
    for item in items:
        await store.update(lambda tx, item=item: tx.create(item))  # type: ignore[misc]


async def test_create_and_remove(networks: NetworksApi, store: MemoryStore) -> None:
    """4.4.1: it is stored as it was asked for; without users it goes."""
    asked = spec(subnet="10.5.0.0/16", range="10.5.1.0/24", gateway="10.5.1.1")
    asked.ipam.configs[0].reserved["router"] = "10.5.0.9"
    made = await create(networks, asked)
    assert store.get(objects_pb2.Network, made.id) == made and made.spec == asked and made.id
    await remove(networks, made.id)
    assert store.count(objects_pb2.Network) == 0
    with pytest.raises(NotFound):
        await remove(networks, made.id)


def _label(made: specs_pb2.NetworkSpec) -> None:
    made.annotations.labels["com.docker.swarm.predefined"] = "true"


def _two(made: specs_pb2.NetworkSpec) -> None:
    made.ipam.configs.add(subnet="10.5.0.0/16")
    made.ipam.configs.add(subnet="10.5.8.0/24")


def _config(**fields: str) -> Edit:
    return lambda made: made.ipam.configs.add(**fields)  # type: ignore[arg-type]


def _ingress(made: specs_pb2.NetworkSpec) -> None:
    made.ingress = True


def _attachable_ingress(made: specs_pb2.NetworkSpec) -> None:
    made.ingress = made.attachable = True


def _ingress_bridge(made: specs_pb2.NetworkSpec) -> None:
    made.ingress, made.driver_config.name = True, "bridge"


@pytest.mark.parametrize(
    ("edit", "code", "text"),
    [
        (lambda made: setattr(made.annotations, "name", "-bad"), InvalidArgument, "'-bad'"),
        (lambda made: setattr(made.annotations, "name", ""), InvalidArgument, "a name is required"),
        (lambda made: setattr(made.annotations, "name", "taken"), AlreadyExists, "taken already exists"),
        (_label, PermissionDenied, "com.docker.swarm.predefined"),
        (_attachable_ingress, InvalidArgument, "attachable"),
        (_ingress_bridge, InvalidArgument, "needs the driver 'overlay'"),
        (_ingress, AlreadyExists, r"ingress network \(in\) is already present"),
        (
            lambda made: setattr(made.driver_config, "name", "weave"),
            InvalidArgument,
            "no network driver 'weave'",
        ),
        (lambda made: setattr(made.ipam.driver, "name", "weave"), InvalidArgument, "no IPAM driver 'weave'"),
        (_config(subnet="10.5.0.0"), InvalidArgument, "'10.5.0.0' is no subnet"),
        (
            _config(subnet="10.5.0.0/16", gateway="10.6.0.1"),
            InvalidArgument,
            "gateway, 10.6.0.1, does not lie",
        ),
        (_config(subnet="10.5.0.0/16", gateway="x"), InvalidArgument, "'x' is no IP address"),
        (
            _config(subnet="10.5.0.0/24", range="10.5.1.0/25"),
            InvalidArgument,
            "does not lie in subnet 10.5.0.0/24",
        ),
        (_config(range="10.5.1.0/25"), InvalidArgument, "does not lie in subnet"),
        (_config(subnet="fd00::/64"), InvalidArgument, "needs an IPv4 subnet"),
        (_two, InvalidArgument, "10.5.8.0/24 overlaps 10.5.0.0/16 of the same network"),
        (
            _config(subnet="10.9.1.0/24"),
            InvalidArgument,
            "subnet 10.9.1.0/24 overlaps 10.9.0.0/16 of network taken",
        ),
        (_config(subnet="10.8.0.0/24"), InvalidArgument, "overlaps 10.8.0.0/24 of network in"),
    ],
)
async def test_networks_that_are_refused(
    networks: NetworksApi, store: MemoryStore, edit: Edit, code: type[RpcFailure], text: str
) -> None:
    """4.4.1 to 4.4.4: with a sentence that names what is wrong, and the other network where there is one."""
    await create(networks, spec("taken", "10.9.0.0/16"))
    ingress = make_network("in", name="in")
    ingress.spec.ingress = True
    ingress.ipam.configs.add(subnet="10.8.0.0/24")
    await put(store, ingress)
    made = spec("new")
    edit(made)
    with pytest.raises(code, match=text):
        await create(networks, made)
    assert store.count(objects_pb2.Network) == 2


async def test_a_network_in_use_stays(networks: NetworksApi, store: MemoryStore) -> None:
    """4.4.5: services are named, by name; so are tasks that have not ended, whose service is gone."""
    net = make_network("net", name="net")
    named = [make_service(name=f"web{n}", task=make_task_spec(networks=["net"])) for n in reversed(range(7))]
    task = make_task("t", service=named[-1], state="RUNNING")
    await put(store, net, *named, task)
    with pytest.raises(
        FailedPrecondition, match="network net is in use by services web0, web1, web2, web3, web4 and 2 more"
    ):
        await remove(networks, "net")
    for service in named:
        await store.update(lambda tx, service=service: tx.delete(objects_pb2.Service, service.id))  # type: ignore[misc]
    with pytest.raises(
        FailedPrecondition, match="network net is in use by tasks that have not ended, one of them of web0"
    ):
        await remove(networks, "net")
    ended = objects_pb2.Task()
    ended.CopyFrom(task)
    ended.desired_state = types_pb2.SHUTDOWN
    await store.update(lambda tx: tx.update(ended))
    await remove(networks, "net")


async def test_the_ingress_network_stays_while_a_port_is_published(
    networks: NetworksApi, store: MemoryStore
) -> None:
    """4.4.6: in mode host it does not matter."""
    ingress = make_network("in", name="in")
    ingress.spec.ingress = True
    port = types_pb2.PortConfig(target_port=80)
    await put(
        store,
        ingress,
        make_service("h", name="h", ports=[make_host_port(80)]),
        make_service("w", name="w", ports=[port]),
    )
    with pytest.raises(FailedPrecondition, match="network in is in use: ports are published by service w"):
        await remove(networks, "in")
    await store.update(lambda tx: tx.delete(objects_pb2.Service, "w"))
    await remove(networks, "in")


async def test_predefined_networks_stay(networks: NetworksApi, store: MemoryStore) -> None:
    """4.4.7: every node has them."""
    host = make_network("host", name="host", driver="host")
    host.spec.annotations.labels["com.docker.swarm.predefined"] = "true"
    await put(store, host)
    with pytest.raises(FailedPrecondition, match="network host is on every node by itself"):
        await remove(networks, "host")


async def test_what_a_service_may_be_attached_to(services: ServicesApi, store: MemoryStore) -> None:
    """4.3.8: to networks that are there, but not to the ingress network by name; processes to none."""
    ingress = make_network("in", name="in")
    ingress.spec.ingress = True
    await put(store, ingress, make_network("net"))
    await serve(services, make_service(task=make_task_spec(networks=["net"])))
    for target, text in (
        ("gone", "no such network: gone"),
        ("in", "cannot be attached to the ingress network in"),
    ):
        with pytest.raises(InvalidArgument, match=text):
            await serve(services, make_service(task=make_task_spec(networks=[target])))
    with pytest.raises(InvalidArgument, match="a process has the network of its node"):
        await serve(services, make_service(task=make_task_spec(command=["x"], networks=["net"])))


def port(published: int, protocol: str = "TCP", target: int = 80) -> types_pb2.PortConfig:
    number = types_pb2.PortConfig.Protocol.Value(protocol)
    return types_pb2.PortConfig(target_port=target, published_port=published, protocol=number)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (port(8080), r"port 8080/tcp is already in use by service web \(web\), through the ingress network"),
        (make_host_port(8080), r"port 8080/tcp is already in use by service web"),
        (port(9000), r"port 9000/tcp is already in use by service web \(web\), on its hosts"),
        (port(30_000), r"port 30000/tcp is already in use by service web"),
        (port(8080, "UDP"), ""),
        (make_host_port(9000), ""),
        (port(30_001), ""),
        (port(0), ""),
    ],
)
async def test_ports_of_others(
    services: ServicesApi, store: MemoryStore, asked: types_pb2.PortConfig, text: str
) -> None:
    """4.3.11: a port through the ingress network is one service's; on hosts two may have the same. The owner is named. What a service
    has had, and no longer asks for, is no longer its own."""
    ingress = make_network("in")
    ingress.spec.ingress = True
    web = make_service("web", name="web", ports=[port(8080), make_host_port(9000), port(0, target=81)])
    web.endpoint.ports.extend(
        [port(8080), make_host_port(9000), port(30_000, target=81), port(30_001, target=82)]
    )
    await put(store, ingress, web)
    new = make_service(name="new", ports=[asked])
    if not text:
        made = await serve(services, new)
        made.spec.annotations.labels["a"] = "b"
        request = control_pb2.UpdateServiceRequest(
            service_id=made.id, service_version=made.meta.version, spec=made.spec
        )
        await services.update_service(request, CALLER)
        return
    with pytest.raises(InvalidArgument, match=text):
        await serve(services, new)
    made = await serve(services, make_service(name="other"))
    request = control_pb2.UpdateServiceRequest(
        service_id=made.id, service_version=made.meta.version, spec=made.spec
    )
    request.spec.endpoint.ports.append(asked)
    with pytest.raises(InvalidArgument, match=text):
        await services.update_service(request, CALLER)


async def test_a_rollback_is_held_against_the_cluster_too(services: ServicesApi, store: MemoryStore) -> None:
    """4.3.11: the port that it gave up may be another's by now."""
    ingress = make_network("in")
    ingress.spec.ingress = True
    web = make_service("web", name="web")
    web.previous_spec.CopyFrom(web.spec)
    web.previous_spec.endpoint.ports.append(port(8080))
    await put(store, ingress, web, make_service("heir", name="heir", ports=[port(8080)]))
    request = control_pb2.UpdateServiceRequest(
        service_id="web", service_version=web.meta.version, spec=web.spec,
        rollback=control_pb2.UpdateServiceRequest.PREVIOUS,
    )  # fmt: skip
    with pytest.raises(InvalidArgument, match="already in use by service heir"):
        await services.update_service(request, CALLER)


async def test_ports_need_an_ingress_network(services: ServicesApi, store: MemoryStore) -> None:
    """4.3.12: those of containers; not in mode host, and not those of processes."""
    with pytest.raises(FailedPrecondition, match="there is no ingress network"):
        await serve(services, make_service(name="a", ports=[port(80)]))
    await serve(services, make_service(name="b", ports=[make_host_port(81)]))
    await serve(services, make_service(name="c", task=make_task_spec(command=["x"]), ports=[port(82)]))
    assert store.count(objects_pb2.Service) == 2
