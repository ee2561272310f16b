"""Placement on a real cluster: nodes of a fleet come and go, and the commands explain and move (docs/design/scheduling.md 3.12, 3.13)."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from google.protobuf.message import Message
from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2, types_pb2
from swarm_core.client.connection import Connection
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.daemons import Daemon, daemon, wait_until
from swarm_testkit.factories import make_resources, make_task_spec

CLOCK = SystemClock()
Task = objects_pb2.Task


@pytest.fixture
def node() -> Iterator[Daemon]:
    with daemon("--availability", "drain") as running:
        wait_until(running.socket.exists, what="the control socket")
        yield running


async def ask(node: Daemon, method: str, request: Message) -> Any:
    async with await Connection.open(node.socket) as connection:
        return await connection.call(method, request)


@contextlib.asynccontextmanager
async def fleet(node: Daemon, count: int, prefix: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process with so many nodes, all of them registered."""
    clusters = await ask(node, "Control.ListClusters", control_pb2.ListClustersRequest())
    token = clusters.clusters[0].root_ca.join_tokens.worker
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "swarm_agentd.fleet", "--join", node.address),
        *("--nodes", str(count), "--prefix", prefix),
        stdout=subprocess.PIPE,
        env={**os.environ, "SWARM_JOIN_TOKEN": token},
    )
    assert process.stdout is not None
    try:
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"READY\n"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def command(node: Daemon, *arguments: str) -> str:
    """What a command prints; it must end well."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "swarm_tui.cli.main", "--socket", str(node.socket), *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, err.decode()
    return out.decode()


async def create(node: Daemon, name: str, task: specs_pb2.TaskSpec, replicas: int) -> str:
    spec = specs_pb2.ServiceSpec(task=task)
    spec.annotations.name = name
    spec.replicated.replicas = replicas
    answer = await ask(node, "Control.CreateService", control_pb2.CreateServiceRequest(spec=spec))
    return str(answer.service.id)


async def until(node: Daemon, service_id: str, holds: Callable[[list[Task]], object]) -> list[Task]:
    """The service's tasks, once this holds of them."""
    request = control_pb2.ListTasksRequest()
    request.filters.service_ids.append(service_id)
    async with asyncio.timeout(60):
        while True:
            tasks = list((await ask(node, "Control.ListTasks", request)).tasks)
            if holds(tasks):
                return tasks
            await CLOCK.sleep(0.05)


def running(tasks: list[Task]) -> list[Task]:
    return [task for task in tasks if task.status.state == task.desired_state == types_pb2.RUNNING]


async def test_why_says_what_the_scheduler_says(node: Daemon) -> None:
    """Of a request that no node can take the leader gives its counts, and the command the numbers, on the same nodes."""
    async with fleet(node, 2, "w"):
        spec = make_task_spec(
            reservations=make_resources(memory=1 << 50), constraints=["node.labels.disk==ssd"]
        )
        service_id = await create(node, "big", spec, 1)
        (task,) = await until(node, service_id, lambda tasks: tasks and tasks[0].status.err)
        # The drained manager takes no tasks; of the others the first filter that refuses is counted.
        assert task.status.err == (
            "no suitable node (not enough resources on 2 nodes; 1 node does not accept new tasks)"
        )
        (found,) = [json.loads(await command(node, "service", "why", "big", "--format", "json"))]
        (finding,) = found["Findings"]
        assert "1024 TiB of memory asked, at most " in finding["Cause"]
        refusing = Counter(
            one["Filter"] for row in finding["Nodes"] for one in row["Filters"] if not one["Passed"]
        )
        assert refusing["resources"] == refusing["constraints"] == 3
        assert refusing["ready"] == 1


async def test_rebalance_moves_to_a_new_node(node: Daemon) -> None:
    """A node that joins later gets its share, moved one task at a time; every other task stays what it was."""
    async with fleet(node, 2, "old"):
        service_id = await create(node, "web", make_task_spec(), 6)
        before = await until(node, service_id, lambda tasks: len(running(tasks)) == 6)
        assert (
            await command(node, "rebalance") == "Nothing to move: no service would be spread more evenly.\n"
        )
        async with fleet(node, 1, "new"):
            printed = await command(node, "rebalance")
            after = await until(node, service_id, lambda tasks: len(running(tasks)) == 6)
            assert sorted(Counter(task.node_id for task in running(after)).values()) == [2, 2, 2]
            assert len(printed.splitlines()) == 2
            assert all(line.endswith("→ new-001") for line in printed.splitlines())
            assert len({task.id for task in before} & {task.id for task in running(after)}) == 4


async def test_tasks_of_a_killed_worker_run_elsewhere(node: Daemon) -> None:
    """A worker that is killed is missed by its lost connection: its tasks run elsewhere though their restart delay is an hour."""
    spec = make_task_spec()
    spec.restart.condition = types_pb2.RestartPolicy.ANY
    spec.restart.delay.seconds = 3600
    async with fleet(node, 1, "kept"), fleet(node, 1, "killed") as killed:
        service_id = await create(node, "web", spec, 4)
        tasks = await until(node, service_id, lambda tasks: len(running(tasks)) == 4)
        assert len({task.node_id for task in tasks}) == 2
        killed.send_signal(signal.SIGKILL)
        after = await until(
            node,
            service_id,
            lambda tasks: len(running(tasks)) == 4 and len({task.node_id for task in running(tasks)}) == 1,
        )
        assert len({task.id for task in running(after)} & {task.id for task in tasks}) == 2
