"""What watches Docker Swarms by itself: the calls that it makes, and what its parser counts on. The real program too, where the machine has it."""

import asyncio
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from swarm_testkit.daemons import daemon, private_directory, wait_until
from swarm_testkit.docker_command import Docker, until_it_answers
from swarm_testkit.free_ports import free_port
from swarm_testkit.http_face import ask

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("docker-command")]
WAIT_S = 120
_PROMETHEUS = shutil.which("prometheus")


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


@pytest.mark.parametrize("program", ["", *([_PROMETHEUS] if _PROMETHEUS else [])])
def test_prometheus_finds_what_it_asks_for(api: Api, program: str) -> None:
    """Its three kinds of discovery look up each task's service, node and networks among what is listed; every node, service and task is a target of
    the program, where the machine has it (docs/design/engine-api.md E10.1)."""
    if program:
        _check_targets(api, program)
    else:
        _check_calls(api)


def _check_calls(api: Api) -> None:
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


def _check_targets(api: Api, program: str) -> None:
    with private_directory() as directory:
        port = free_port()
        jobs = [
            {
                "job_name": role,
                "dockerswarm_sd_configs": [
                    {"host": f"unix://{api.socket}", "role": role, "refresh_interval": "2s"}
                ],
            }
            for role in ("nodes", "services", "tasks")
        ]
        (directory / "p.yml").write_text(json.dumps({"scrape_configs": jobs}))
        command = [
            program,
            f"--config.file={directory}/p.yml",
            f"--storage.tsdb.path={directory}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                found = wait_until(lambda: _targets(port), seconds=WAIT_S, what="targets of all three kinds")
            finally:
                process.kill()
    names = {labels.get("__meta_dockerswarm_service_name") for labels in found["tasks"]}
    assert names == {"web", "host", "plain"}
    assert {labels["__meta_dockerswarm_node_role"] for labels in found["nodes"]} == {"manager"}


def _targets(port: int) -> dict[str, list[dict[str, str]]]:
    """The labels of each kind's targets, once there are some of all three kinds."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/targets", timeout=10) as answer:
            read = json.load(answer)
    except OSError:
        return {}
    found: dict[str, list[dict[str, str]]] = {}
    for target in read["data"]["activeTargets"]:
        found.setdefault(target["scrapePool"], []).append(target["discoveredLabels"])
    return found if len(found) == 3 else {}
