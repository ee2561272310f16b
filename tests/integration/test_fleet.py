"""A fleet of simulated nodes against a real one-node cluster."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import Message
from swarm_core.api.proto import control_pb2, specs_pb2, types_pb2
from swarm_core.ca import tokens
from swarm_core.ca.root_ca import RootCa
from swarm_core.client.connection import Connection
from swarm_core.client.errors import ClientError
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.daemons import Daemon, daemon
from swarm_testkit.factories import make_task_spec

CLOCK = SystemClock()
NODES, TASKS = 4, 40


@pytest.fixture
def node() -> Iterator[Daemon]:
    with daemon("--availability", "drain") as running:
        yield running


async def ask(node: Daemon, method: str, request: Message) -> Any:
    """The answer of the node's manager, as soon as it gives one."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with await Connection.open(node.socket) as connection:
                    return await connection.call(method, request)
            except ClientError:
                await CLOCK.sleep(0.05)


async def fleet(token: str, *flags: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "swarm_agentd.fleet",
        *flags,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "SWARM_JOIN_TOKEN": token},
    )


async def test_a_fleet_runs_tasks(node: Daemon) -> None:
    """All nodes register, say so, get hostnames and labels, run what the scheduler gives them, and end politely."""
    clusters = await ask(node, "Control.ListClusters", control_pb2.ListClustersRequest())
    token = clusters.clusters[0].root_ca.join_tokens.worker
    process = await fleet(token, "--join", node.address, "--nodes", str(NODES), "--zones", "2")
    assert process.stdout is not None
    try:
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"READY\n"
        listed = await ask(node, "Control.ListNodes", control_pb2.ListNodesRequest())
        simulated = {
            n.description.hostname: n for n in listed.nodes if n.description.hostname.startswith("sim-")
        }
        assert sorted(simulated) == [f"sim-{number:03d}" for number in range(1, NODES + 1)]
        assert all(n.status.state == types_pb2.NodeStatus.READY for n in simulated.values())
        assert {n.description.engine.labels["zone"] for n in simulated.values()} == {"zone-1", "zone-2"}
        spec = specs_pb2.ServiceSpec(task=make_task_spec())
        spec.annotations.name = "web"
        spec.replicated.replicas = TASKS
        await ask(node, "Control.CreateService", control_pb2.CreateServiceRequest(spec=spec))
        async with asyncio.timeout(60):
            while True:
                tasks = (await ask(node, "Control.ListTasks", control_pb2.ListTasksRequest())).tasks
                if [task.status.state for task in tasks] == [types_pb2.RUNNING] * TASKS:
                    break
                await CLOCK.sleep(0.05)
        assert {task.node_id for task in tasks} == {n.id for n in simulated.values()}
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_fleet_that_cannot_join(node: Daemon) -> None:
    """A token of another cluster, or none at all, is one sentence and exit code 1."""
    await ask(node, "Control.ListClusters", control_pb2.ListClustersRequest())
    stranger = tokens.generate(RootCa.create(CLOCK.wall_ns()).certificate)
    for token, reason in ((stranger, "not the one this join token was made for"), ("nonsense", "SWMTKN-1")):
        process = await fleet(token, "--join", node.address, "--nodes", "2")
        _, told = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 1
        assert re.fullmatch(rf"fleet: .*{reason}.*\n", told.decode())
