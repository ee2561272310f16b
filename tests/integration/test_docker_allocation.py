"""The same requests to a Docker Engine that leads and to a manager of ours that leads: both allocate the same (docs/design/allocator.md)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed
from swarm_core.specs import service as service_setters
from swarm_core.specs import task as task_setters
from swarm_core.specs.draft import Draft
from swarm_core.specs.network import Addressing, set_addressing, set_driver, set_ipam_driver, set_name
from swarm_testkit.daemons import daemon, private_directory
from swarm_testkit.engines import IMAGE, Engine, private_engine
from swarm_testkit.managers import eventually

pytestmark = [pytest.mark.docker, pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(180)]
IDS = "com.docker.network.driver.overlay.vxlanid_list"
# The first free address of each subnet of the network "two".
FIRST_OF_TWO = {"10.60.0.1/24", "10.61.0.2/24"}


def network(
    name: str, *, driver: str = "overlay", options: dict[str, str] | None = None, **given: Any
) -> specs_pb2.NetworkSpec:
    spec = specs_pb2.NetworkSpec()
    set_name(spec, name)
    set_driver(spec, driver, options or {})
    set_ipam_driver(spec, "default", given.pop("ipam_options", {}))
    set_addressing(spec, Addressing(**given))
    return spec


NETWORKS = [
    network("plain"),
    network("ranged", subnets=["10.50.0.0/16"], ranges=["10.50.1.0/24"]),
    network(
        "two", subnets=["10.60.0.0/24", "10.61.0.0/24"], gateways=["10.60.0.77"], options={"encrypted": ""}
    ),
    network("own-ids", options={IDS: "5000"}),
    network("ipam", ipam_options={"foo": "bar"}),
    network("bridged", driver="bridge"),
    network("after"),
]
REFUSED = [network("two"), network("-bad"), network("weave", driver="weave")]
SERVICES: list[tuple[str, list[str], list[str], str]] = [
    ("a", ["plain"], ["8080:80", "81", "published=9000,target=90,mode=host"], "vip"),
    ("b", ["plain", "ranged"], [], "dnsrr"),
    ("c", ["plain", "host"], ["82/udp", "83/sctp", "84", "30003:85"], "vip"),
    ("d", ["two"], ["86", "87"], "vip"),
    ("e", ["ranged"], [], "vip"),
    ("plain", [], [], "vip"),
]
REFUSED_SERVICES: list[tuple[str, list[str], list[str], str]] = [
    ("taken", [], ["8080:80"], "vip"),
    ("host-on-ingress", [], ["published=8080,target=1,mode=host"], "vip"),
    ("ingress-on-host", [], ["9000:1"], "vip"),
    ("given", [], ["30000:1"], "vip"),
    ("twice", [], ["8090:80", "8090:81"], "vip"),
    ("round-robin", [], ["99"], "dnsrr"),
    ("named-ingress", ["ingress"], [], "vip"),
]


def service(
    name: str, networks: list[str], ports: list[str], mode: str, ids: dict[str, str]
) -> specs_pb2.ServiceSpec:
    draft = Draft.new("container")
    service_setters.set_name(draft, name)
    task_setters.set_program(draft, [IMAGE, "sleep", "1000"])
    service_setters.set_replicas(draft, "0")
    service_setters.add_ports(draft, ports)
    service_setters.set_endpoint_mode(draft, mode)
    draft.spec.task.networks.extend(types_pb2.NetworkAttachmentConfig(target=ids[one]) for one in networks)
    return draft.finish()


class Side:
    """One of the two clusters, and what it made of the requests."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self.refusals: dict[str, str] = {}

    async def all(self, kind: Any) -> dict[str, Any]:
        return {one.spec.annotations.name: one for one in await self._control.find(kind)}

    async def ids(self) -> dict[str, str]:
        return {name: one.id for name, one in (await self.all(objects_pb2.Network)).items()}

    async def carry_out(self) -> None:
        for spec in NETWORKS:
            await self._control.create(objects_pb2.Network, spec)
            await eventually(lambda spec=spec: self._is_allocated(spec.annotations.name), what="its subnet")  # type: ignore[misc]
        for spec in REFUSED:
            await self._refused(objects_pb2.Network, spec)
        for one in SERVICES:
            await self._control.create(objects_pb2.Service, service(*one, await self.ids()))
            await eventually(lambda one=one: self._is_served(one), what="its endpoint")  # type: ignore[misc]
        for one in REFUSED_SERVICES:
            await self._refused(objects_pb2.Service, service(*one, await self.ids()))
        await self._refused_removal("plain")
        await self._refused_removal("ingress")
        await self._refused_removal("host")

    async def _is_allocated(self, name: str) -> bool:
        found: objects_pb2.Network = (await self.all(objects_pb2.Network))[name]
        return found.HasField("driver_state") and found.HasField("ipam")

    async def _is_served(self, one: tuple[str, list[str], list[str], str]) -> bool:
        name, networks, ports, mode = one
        found: objects_pb2.Service = (await self.all(objects_pb2.Service))[name]
        wants_addresses = mode == "vip" and networks
        return len(found.endpoint.ports) == len(ports) and (
            not wants_addresses or bool(found.endpoint.virtual_ips)
        )

    async def _refused(self, kind: Any, spec: Any) -> None:
        name = spec.annotations.name
        with pytest.raises(CallFailed) as refused:
            await self._control.create(kind, spec)
        self.refusals[f"{kind.__name__} {name}"] = refused.value.code

    async def _refused_removal(self, name: str) -> None:
        with pytest.raises(CallFailed) as refused:
            await self._control.remove(objects_pb2.Network, (await self.ids())[name])
        self.refusals[f"remove {name}"] = refused.value.code

    async def networks(self) -> dict[str, Any]:
        """What each network has, without what belongs to its object alone."""
        return {
            name: (
                one.driver_state.name, dict(one.driver_state.options), one.ipam.driver.name, dict(one.ipam.driver.options),
                [(config.family == 6, config.subnet, config.range, config.gateway) for config in one.ipam.configs],
                dict(one.spec.annotations.labels), one.spec.ingress,
            )
            for name, one in (await self.all(objects_pb2.Network)).items()
        }  # fmt: skip

    async def services(self) -> dict[str, Any]:
        """The ports of each service, and its address on each network. On the ingress network whether it has one: the engine
        that leads has taken one there for itself. On the network of two subnets whether it is the first free one of either:
        the engine takes the subnets in the random order of a Go map."""
        names = {id_: name for name, id_ in (await self.ids()).items()}
        return {
            name: (
                sorted(
                    (p.target_port, p.published_port, p.protocol, p.publish_mode) for p in one.endpoint.ports
                ),
                {
                    names[virtual.network_id]: _without_chance(names[virtual.network_id], virtual.addr)
                    for virtual in one.endpoint.virtual_ips
                },
            )
            for name, one in (await self.all(objects_pb2.Service)).items()
        }


def _without_chance(network: str, address: str) -> str | bool:
    if network == "ingress":
        return bool(address)
    return address in FIRST_OF_TWO if network == "two" else address


@pytest.fixture
def leader() -> Iterator[Engine]:
    """An engine that leads a swarm of its own, in which nothing was allocated yet."""
    with private_directory() as directory, private_engine(directory) as engine:
        engine.init_swarm()
        yield engine


async def test_both_allocate_the_same(leader: Engine) -> None:
    """Networks of every sort, services with networks and ports, refusals and their codes.
    Listed differences: a second network of the same name is ALREADY_EXISTS here, where Docker's manager gives no code; so is
    a driver that nobody has INVALID_ARGUMENT."""
    assert set(await _names(leader.control_socket)) == {"ingress", "bridge", "host"}
    with daemon() as ours:
        async with await _open(leader.control_socket) as theirs_connection:
            await eventually(lambda: _names(ours.socket), what="our networks")
            async with await _open(ours.socket) as our_connection:
                theirs, own = Side(Control(theirs_connection)), Side(Control(our_connection))
                await theirs.carry_out()
                await own.carry_out()
                assert await own.networks() == await theirs.networks()
                assert await own.services() == await theirs.services()
                differ = {key for key in own.refusals if own.refusals[key] != theirs.refusals[key]}
                assert differ <= {"Network two", "Network weave"}, (own.refusals, theirs.refusals)


async def _open(path: Path) -> Connection:
    return await Connection.open(path)


async def _names(path: Path) -> list[str]:
    async with await Connection.open(path) as connection:
        return [one.spec.annotations.name for one in await Control(connection).find(objects_pb2.Network)]
