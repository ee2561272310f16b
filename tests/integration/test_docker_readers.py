"""What watches Docker Swarms by itself: the calls that it makes, and what its parser counts on. The real program too, where the machine has it."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from swarm_testkit.daemons import daemon, wait_until
from swarm_testkit.docker_command import Docker, until_it_answers
from swarm_testkit.http_face import ask
from swarm_testkit.prometheus import prometheus
from swarm_testkit.traefik import traefik

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("docker-command")]
WAIT_S = 120
ROLES = ("nodes", "services", "tasks")
META = "__meta_dockerswarm_"


@dataclass(frozen=True, slots=True)
class Api:
    """The Engine API of a manager at a socket."""

    socket: Path

    def get(self, target: str, **filters: list[str]) -> Any:
        """The answer, which must be 200."""
        query = (
            f"?filters={quote(json.dumps({key.replace('_', '-'): each for key, each in filters.items()}))}"
        )
        answer = asyncio.run(ask(self.socket, "GET", target + (query if filters else "")))
        assert answer.status == 200, answer
        return answer.json


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """Two running services on a network of their own, with a port in the mesh and one of the host's, and one without a virtual address."""
    with daemon("-H", "unix://", executors="simulated") as node:
        socket = node.state / "docker.sock"
        docker = Docker("-H", f"unix://{socket}")
        until_it_answers(docker, node)
        docker.output("network", "create", "-d", "overlay", "inner")
        create = ("service", "create", "-d", "--network", "inner")
        docker.output(
            *create, "--name", "web", "--replicas", "2", "--label", "a=b", "--publish", "8080:80", "nginx:1"
        )
        docker.output(
            *create, "--name", "host", "--publish", "published=9100,target=9100,mode=host", "nginx:1"
        )
        docker.output(*create, "--name", "plain", "--endpoint-mode", "dnsrr", "nginx:1")

        def run() -> bool:
            shown = docker.output("service", "ls", "--format", "{{.Name}} {{.Replicas}}").split()
            return shown == ["host", "1/1", "plain", "1/1", "web", "2/2"]

        wait_until(run, seconds=WAIT_S, what="all tasks run")
        yield Api(socket)


def test_traefik_finds_addresses(api: Api) -> None:
    """Its provider for swarms: an address with a mask on a network that is listed, or that of each running task (docs/design/engine-api.md E10.1, E13.1)."""
    assert api.get("/version")["ApiVersion"]
    networks = {one["Id"]: one for one in api.get("/v1.41/networks", scope=["swarm"])}
    services = {one["Spec"]["Name"]: one for one in api.get("/v1.41/services")}
    assert services["web"]["Spec"]["Labels"] == {"a": "b"}
    for name in ("web", "host"):
        assert services[name]["Spec"]["EndpointSpec"] is not None
        found = services[name]["Endpoint"]["VirtualIPs"]
        assert "inner" in {networks[one["NetworkID"]]["Name"] for one in found}
        assert all(ip_interface(one["Addr"]).network.prefixlen == 24 for one in found)
    plain = services["plain"]
    assert plain["Spec"]["EndpointSpec"]["Mode"] == "dnsrr"
    (task,) = api.get("/v1.41/tasks", service=[plain["ID"]], desired_state=["running"])
    assert task["Status"]["State"] == "running"
    (attached,) = task["NetworksAttachments"]
    assert attached["Network"]["Spec"]["Name"] == "inner"
    assert ip_interface(attached["Addresses"][0])
    assert ip_address(api.get(f"/v1.41/nodes/{task['NodeID']}")["Status"]["Addr"])


def test_portainer_finds_the_manager(api: Api) -> None:
    """Its agent takes a node's ManagerStatus for granted (docs/design/engine-api.md E5.3)."""
    info = api.get("/v1.41/info")
    assert info["Name"]
    assert info["Swarm"]["ControlAvailable"] is True
    own = api.get(f"/v1.41/nodes/{info['Swarm']['NodeID']}")
    assert own["ManagerStatus"]["Leader"] is True
    assert own["Spec"]["Role"] == "manager"
    assert all({"Id", "Name", "Scope", "Ingress"} <= one.keys() for one in api.get("/v1.41/networks"))
    assert api.get("/v1.41/containers/json?all=1") == []


def test_prometheus_finds_what_it_looks_up(api: Api) -> None:
    """Discovery looks up each task's service, node and networks among what is listed, and reads their addresses (docs/design/engine-api.md E10.1)."""
    services, nodes, networks = (
        {one.get("ID") or one["Id"]: one for one in api.get(f"/v1.41/{noun}")}
        for noun in ("services", "nodes", "networks")
    )
    tasks = [task for task in api.get("/v1.41/tasks") if task["DesiredState"] == "running"]
    assert len(tasks) == 4
    for task in tasks:
        assert services[task["ServiceID"]]["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] == "nginx:1"
        assert ip_address(nodes[task["NodeID"]]["Status"]["Addr"])
        assert task["Spec"]["ContainerSpec"] is not None
        assert task["Status"]["ContainerStatus"]["ContainerID"]
        for attached in task["NetworksAttachments"]:
            assert attached["Network"]["ID"] in networks
            assert all(ip_interface(address) for address in attached["Addresses"])
    (host,) = [task for task in tasks if task["Status"]["PortStatus"].get("Ports")]
    assert host["Status"]["PortStatus"]["Ports"][0]["PublishMode"] == "host"
    for service in services.values():
        assert all(ip_interface(one["Addr"]) for one in service["Endpoint"].get("VirtualIPs") or ())


def test_a_real_prometheus_discovers_the_swarm(api: Api) -> None:
    """Each node, each port of a service and each port or network of a task is a target, with the labels that people select by
    (docs/design/engine-api.md E10.1)."""
    with prometheus([_discovery(api, role) for role in ROLES]) as program:

        def found() -> dict[str, list[Mapping[str, str]]] | None:
            told = {role: [one.discovered for one in program.targets() if one.job == role] for role in ROLES}
            return told if all(told.values()) else None

        targets = wait_until(found, seconds=WAIT_S, what="targets of all three kinds")
    assert targets is not None
    info = api.get("/v1.41/info")["Swarm"]
    (node,) = targets["nodes"]
    assert node[f"{META}node_id"] == info["NodeID"]
    assert (node[f"{META}node_role"], node[f"{META}node_status"]) == ("manager", "ready")
    assert (node[f"{META}node_manager_leader"], node[f"{META}node_availability"]) == ("true", "active")
    assert node["__address__"] == f"{info['NodeAddr']}:80"
    services = {one[f"{META}service_name"]: one for one in targets["services"]}
    assert services.keys() == {"web", "host"}, "one without a virtual address is no target, as with docker"
    assert services["web"][f"{META}service_label_a"] == "b"
    tasks = targets["tasks"]
    assert {one[f"{META}service_name"] for one in tasks} == {"web", "host", "plain"}
    assert {one[f"{META}task_state"] for one in tasks} == {"running"}
    assert {one[f"{META}node_id"] for one in tasks} == {info["NodeID"]}
    host = [one["__address__"] for one in tasks if one.get(f"{META}task_port_publish_mode") == "host"]
    assert f"{info['NodeAddr']}:9100" in host, "the port of the node, beside that of the task in its network"


def test_a_real_traefik_routes_into_the_swarm(api: Api) -> None:
    """A service is reached at its virtual address where its label asks for that, else at each of its running tasks, by the rules of their labels;
    what is scaled or removed is followed (docs/design/engine-api.md E10.1, E13.1)."""
    docker = Docker("-H", f"unix://{api.socket}")
    create = ("service", "create", "-d", "--network", "inner", "--replicas", "2")

    def labels(name: str) -> list[str]:
        told = {
            "shown": "yes",
            f"traefik.http.routers.{name}.rule": f"Host(`{name}.test`)",
            f"traefik.http.services.{name}.loadbalancer.server.port": "8080",
        }
        return [word for key, value in told.items() for word in ("--label", f"{key}={value}")]

    def addresses(name: str) -> list[str]:
        """Of the running tasks, in the network."""
        running = [
            task
            for task in api.get("/v1.41/tasks", service=[name], desired_state=["running"])
            if task["Status"]["State"] == "running"
        ]
        return sorted(
            attached["Addresses"][0].partition("/")[0]
            for task in running
            for attached in task["NetworksAttachments"]
        )

    def routed(servers: list[str]) -> list[str]:
        return sorted(f"http://{address}:8080" for address in servers)

    try:
        by_address = ("--label", "traefik.swarm.lbswarm=true")
        docker.output(*create, "--name", "shop", *by_address, *labels("shop"), "nginx:1")
        docker.output(*create, "--name", "stall", "--endpoint-mode", "dnsrr", *labels("stall"), "nginx:1")
        with traefik(f"unix://{api.socket}", "inner") as program:

            def follows(tasks: int) -> bool:
                found = addresses("stall")
                return len(found) == tasks and program.services().get("stall") == routed(found)

            wait_until(lambda: follows(2), seconds=WAIT_S, what="Traefik knows both tasks")
            (network,) = api.get("/v1.41/networks", name=["inner"], scope=["swarm"])
            virtual = [
                one["Addr"].partition("/")[0]
                for one in api.get("/v1.41/services/shop")["Endpoint"]["VirtualIPs"]
                if one["NetworkID"] == network["Id"]
            ]
            assert program.services() == {"shop": routed(virtual), "stall": routed(addresses("stall"))}
            assert program.rules() == {"shop": "Host(`shop.test`)", "stall": "Host(`stall.test`)"}
            docker.change("service", "scale", "-d", "stall=3")
            wait_until(lambda: follows(3), seconds=WAIT_S, what="Traefik knows the third task")
            docker.output("service", "rm", "shop")
            wait_until(
                lambda: "shop" not in program.rules(), seconds=WAIT_S, what="Traefik forgets the service"
            )
    finally:
        docker.run("service", "rm", "shop", "stall")


def _discovery(api: Api, role: str) -> dict[str, object]:
    """A job that discovers targets of one kind."""
    discovery = {"host": f"unix://{api.socket}", "role": role, "refresh_interval": "1s"}
    return {"job_name": role, "dockerswarm_sd_configs": [discovery]}
