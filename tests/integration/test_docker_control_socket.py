"""Our client on a real Docker Engine's control socket: trust, calls, streams, failures."""

import asyncio
from pathlib import Path

import pytest
from swarm_core.api import volume_failures
from swarm_core.api.proto import control_pb2, watch_pb2
from swarm_core.ca import certificates, tokens
from swarm_core.client.connection import Connection
from swarm_core.client.errors import CallFailed
from swarm_core.client.trust import fetch_root
from swarm_testkit.engines import IMAGE, Engine
from swarm_testkit.programs import TUI, Case, faults
from swarm_testkit.terminal import COMMAND, Terminal

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]


async def test_a_docker_engine_s_control_socket(swarm_engine: Engine) -> None:
    """The root is found out, calls and watches work, and the engine's refusals keep their codes."""
    path = swarm_engine.control_socket
    root = await fetch_root(f"unix:{path}", timeout=60)
    assert certificates.parse(root) == certificates.parse(swarm_engine.root_certificate.read_bytes())
    async with await Connection.open(path) as connection:
        (node,) = (
            await connection.call("Control.ListNodes", control_pb2.ListNodesRequest(), timeout=60)
        ).nodes
        assert node.spec.desired_role == 1
        (cluster,) = (
            await connection.call("Control.ListClusters", control_pb2.ListClustersRequest(), timeout=60)
        ).clusters
        assert tokens.parse(cluster.root_ca.join_tokens.worker).trusts(cluster.root_ca.ca_cert)
        with pytest.raises(CallFailed) as failed:
            await connection.call("Control.GetNode", control_pb2.GetNodeRequest(node_id="nobody"), timeout=60)
        assert failed.value.code == "NOT_FOUND"
        request = watch_pb2.WatchRequest()
        for kind in (
            "node",
            volume_failures.KIND,
        ):  # the second is of resources that the engine has no extension for
            request.entries.add(kind=kind, action=7)
        stream = connection.stream("Watch.Watch", request)
        async with asyncio.timeout(60):
            assert not (await anext(stream)).events
        await stream.aclose()  # type: ignore[attr-defined]
    async with await Connection.open(path, ca_file=swarm_engine.root_certificate) as connection:
        await connection.call("Control.ListNodes", control_pb2.ListNodesRequest(), timeout=60)


def test_the_dashboard_scales_a_service_of_a_docker_swarm(swarm_engine: Engine, tmp_path: Path) -> None:
    """The program in a terminal shows node, service and tasks of the engine live; `s` scales, and the engine runs more."""
    create = (
        "service",
        "create",
        "--detach",
        "--no-resolve-image",
        "--name",
        "sleeper",
        IMAGE,
        "sleep",
        "1000",
    )
    swarm_engine.docker(*create)
    terminal = Terminal(tmp_path, 132, 40)
    try:
        terminal.type(f"{COMMAND} --socket {swarm_engine.control_socket}")
        terminal.press("Enter")
        terminal.until("● ready")
        terminal.until("1/1")
        terminal.press("3")
        terminal.until("SERVICE↑")
        terminal.press("s")
        terminal.until("Scale")
        terminal.type("=3")
        terminal.press("Enter")
        terminal.until("y go on")
        terminal.press("y")
        terminal.until("3/3")
        # Containers of services that other tests have removed may still be ending.
        own = "label=com.docker.swarm.service.name=sleeper"
        assert len(swarm_engine.docker("ps", "-q", "--filter", own).split()) == 3
        swarm_engine.docker("service", "scale", "--detach", "sleeper=2")
        terminal.until("2/2")
    finally:
        terminal.close()
        swarm_engine.docker("service", "rm", "sleeper")


def test_the_socket_of_the_docker_api(swarm_engine: Engine) -> None:
    """Docker's API socket is not its swarm's control socket: a sentence names it."""
    words = ["--socket", str(swarm_engine.socket), "status"]
    assert not faults(TUI, "Error", [Case(words, 1, str(swarm_engine.socket))])
