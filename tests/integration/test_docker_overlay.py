"""Docker Engines in a cluster that a manager of ours leads get overlay networks that our allocator made (docs/design/allocator.md 4.6, 4.7)."""

import subprocess
from collections.abc import Iterator

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.client.control import Control
from swarm_testkit.daemons import Daemon, wait_until
from swarm_testkit.docker_peers import docker_join, running, two_engines_and_a_node
from swarm_testkit.engines import IMAGE, Engine
from swarm_testkit.managers import eventually, managers_seen, through

pytestmark = [pytest.mark.docker, pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def cluster() -> Iterator[tuple[list[Engine], Daemon]]:
    with two_engines_and_a_node() as found:
        yield found


def on_both(name: str, network_id: str, mode: int) -> specs_pb2.ServiceSpec:
    """A container on each engine."""
    spec = specs_pb2.ServiceSpec()
    spec.annotations.name = name
    spec.task.container.image = IMAGE
    spec.task.container.args.extend(["sleep", "1000"])
    spec.task.container.stop_grace_period.FromMilliseconds(100)
    spec.task.placement.max_replicas = 1
    spec.task.networks.add(target=network_id, aliases=[f"alias-of-{name}"])
    spec.endpoint.mode = mode  # type: ignore[assignment]
    spec.replicated.replicas = 2
    return spec


def overlay(name: str, **more: bool) -> specs_pb2.NetworkSpec:
    return specs_pb2.NetworkSpec(annotations=types_pb2.Annotations(name=name), **more)  # type: ignore[arg-type]


def container(engine: Engine, service: str) -> str:
    return engine.docker("ps", "-q", "--filter", f"label=com.docker.swarm.service.name={service}")


def reaches(engine: Engine, inside: str, target: str) -> str:
    """The address that answers to a name, or to itself, from inside a container; empty when none does."""
    try:
        said = engine.docker("exec", inside, "ping", "-c", "1", "-W", "2", target)
    except subprocess.CalledProcessError:
        return ""
    return said.partition("(")[2].partition(")")[0]


def answers(engine: Engine, inside: str, name: str) -> set[str]:
    """The addresses behind a name, as a container's resolver has them."""
    try:
        said = engine.docker("exec", inside, "nslookup", name, "127.0.0.11")
    except subprocess.CalledProcessError:
        return set()
    _, _, found = said.partition("Name:")
    return {line.split(":", 1)[1].strip() for line in found.splitlines() if line.startswith("Address")}


async def addresses(control: Control, service_id: str) -> set[str]:
    tasks = await control.find(objects_pb2.Task, service_ids=[service_id])
    live = (task for task in tasks if task.status.state == types_pb2.RUNNING)
    return {one.addresses[0].partition("/")[0] for task in live for one in task.networks}


@pytest.mark.parametrize("first", ["worker", "manager"])
async def test_tasks_of_two_engines_meet_on_an_overlay_of_ours(
    cluster: tuple[list[Engine], Daemon], first: str
) -> None:
    """Each reaches the other by its address, by tasks.NAME, and by name where names mean the tasks (DNS round-robin); the name of
    another service is its virtual address. Engines that are workers alone meet at our manager (docs/design/manager.md 5.9). The network cannot be removed before its services, and goes with them."""
    engines, node = cluster
    node.flags = ("--availability", "drain")
    node.start()
    await eventually(lambda: managers_seen(node), what="our manager")
    async with through(node) as control:
        tokens = (await control.find(objects_pb2.Cluster))[0].root_ca.join_tokens
        roles = {"worker": tokens.worker, "manager": tokens.manager}
        docker_join(engines[0], roles[first], node.address)
        docker_join(engines[1], tokens.worker, node.address)
        assert (await managers_seen(node))[node.address].leader
        net = await control.create(objects_pb2.Network, overlay("net"))
        vip = await control.create(objects_pb2.Service, on_both("vip", net.id, specs_pb2.EndpointSpec.VIP))
        rr = await control.create(objects_pb2.Service, on_both("rr", net.id, specs_pb2.EndpointSpec.DNSRR))

        async def four_run() -> bool:
            return len(await running(node, "vip")) == len(await running(node, "rr")) == 2

        await eventually(four_run, what="two containers of each service", seconds=120)
        of_vip, of_rr = await addresses(control, vip.id), await addresses(control, rr.id)
        assert len(of_vip | of_rr) == 4
        for engine in engines:
            inside = container(engine, "vip")
            for address in of_vip | of_rr:
                wait_until(
                    lambda engine=engine, inside=inside, address=address: reaches(engine, inside, address),
                    what=f"{address} to answer",
                )
            for name, behind in (
                ("tasks.vip", of_vip),
                ("tasks.rr", of_rr),
                ("rr", of_rr),
                ("alias-of-rr", of_rr),
            ):
                wait_until(
                    lambda engine=engine, inside=inside, name=name, behind=behind: (
                        answers(engine, inside, name) == behind
                    ),
                    what=f"{name} to mean {sorted(behind)}",
                )
                wait_until(
                    lambda engine=engine, inside=inside, name=name, behind=behind: (
                        reaches(engine, inside, name) in behind
                    ),
                    what=f"{name} to answer",
                )
        (stored,) = (one for one in await control.find(objects_pb2.Service) if one.id == vip.id)
        virtual = {one.addr.partition("/")[0] for one in stored.endpoint.virtual_ips}
        wait_until(
            lambda: answers(engines[0], container(engines[0], "rr"), "vip") == virtual,
            what=f"vip to mean {sorted(virtual)}",
        )
        await control.remove(objects_pb2.Service, vip.id)
        await control.remove(objects_pb2.Service, rr.id)

        async def is_gone() -> bool:
            await control.remove(objects_pb2.Network, net.id)
            return True

        await eventually(is_gone, what="the network to be free")
        nodes = await control.find(objects_pb2.Node)
        attached = {one.network.spec.annotations.name for found in nodes for one in found.attachments}
        assert attached <= {"ingress", "net"}

        async def only_ingress() -> bool:
            nodes = await control.find(objects_pb2.Node)
            with_overlay = [one for one in nodes if one.id != node_id]
            return all(
                [part.network.spec.annotations.name for part in one.attachments] == ["ingress"]
                for one in with_overlay
            )

        (node_id,) = (one.id for one in nodes if one.manager_status.leader)
        await eventually(only_ingress, what="the engines to be attached to the ingress network alone")
