"""`node drain --surge` with real daemons and real processes: a client that asks all the while never sees fewer tasks run (docs/design/plans.md
13.9). Ended with ctrl+c it leaves things as they were, and killed it leaves what a second run completes."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_core.api.proto import control_pb2, objects_pb2, types_pb2
from swarm_core.client.connection import Connection
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.docker_peers import docker_join, two_engines_and_a_node
from swarm_testkit.engines import IMAGE
from swarm_testkit.looks import look
from swarm_testkit.pace import LEAST_S
from swarm_testkit.programs import TUI, run

pytestmark = pytest.mark.timeout(180)
REPLICAS = 3
RUNNING = types_pb2.RUNNING
CLOCK = SystemClock()
Task = objects_pb2.Task


@pytest.fixture
def nodes() -> Iterator[tuple[Daemon, Daemon]]:
    """Two nodes; the first is the manager."""
    with private_directory() as directory:
        first, second = (Daemon(directory / name, "--hostname", name) for name in ("n1", "n2"))
        try:
            first.start()
            wait_until(lambda: look(first.socket, "node", "ls").code == 0, what="a leader")
            token = look(first.socket, "cluster", "join-token", "-q", "worker").out.strip()
            second.flags += ("--join-addr", first.address, "--join-token", token)
            second.start()
            wait_until(lambda: look(first.socket, "node", "ls").out.count("Ready") == 2, what="ready nodes")
            yield first, second
        finally:
            second.destroy()
            first.destroy()


async def tasks(connection: Connection) -> list[Task]:
    answer = await connection.call("Control.ListTasks", control_pb2.ListTasksRequest())
    return [task for task in answer.tasks if task.status.state == RUNNING and task.desired_state == RUNNING]


async def now(socket: Path) -> list[Task]:
    async with await Connection.open(socket) as connection:
        return await tasks(connection)


async def fewest_until(socket: Path, program: "subprocess.Popen[bytes]") -> int:
    """The fewest tasks that a client sees who asks until the program has ended."""
    fewest = REPLICAS + 1
    async with await Connection.open(socket) as connection:
        while program.poll() is None:
            fewest = min(fewest, len(await tasks(connection)))
            await CLOCK.sleep(0.01)
    return fewest


def drain(node: Daemon, *words: str) -> "subprocess.Popen[bytes]":
    command = (*TUI, "--socket", str(node.socket), "node", "drain", "--surge", *words, "n2")
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def is_moving(node: Daemon) -> bool:
    return "swarmtui.surge" in look(node.socket, "service", "inspect", "web", "--pretty").out


def on_second(node: Daemon) -> int:
    """So many tasks are meant to run there."""
    return look(node.socket, "node", "ps", "--filter", "desired-state=running", "-q", "n2").out.count("\n")


def availability(node: Daemon) -> str:
    return look(node.socket, "node", "inspect", "n2", "--pretty").out


def test_never_fewer_tasks(nodes: tuple[Daemon, Daemon]) -> None:
    """Ended with ctrl+c, killed and completed: at no moment fewer tasks run than the service has."""
    first, _ = nodes
    create = (
        *("service", "create", "--name", "web", "--runtime", "process", "--replicas", str(REPLICAS)),
        *("--update-monitor", "1s", "--", "sleep", "86399"),
    )
    assert run((*TUI, "--socket", str(first.socket), *create)).code == 0
    assert "Running" in look(first.socket, "node", "ps", "n2").out

    told = look(first.socket, "node", "drain", "--surge", "--dry-run", "n2")
    assert (told.code, "~ web: " in told.out) == (2, True), told

    with drain(first) as stopped:
        wait_until(lambda: is_moving(first), what="the label", longest_s=LEAST_S)
        stopped.send_signal(signal.SIGINT)
        assert asyncio.run(fewest_until(first.socket, stopped)) == REPLICAS
        assert stopped.wait() == 130
    assert not is_moving(first)
    assert "active" in availability(first)

    if not on_second(first):
        # All had moved already: let one go back.
        assert look(first.socket, "rebalance").code == 0
    with drain(first) as killed:
        wait_until(lambda: is_moving(first), what="the label", longest_s=LEAST_S)
        killed.kill()
    assert "pause" in availability(first)

    with drain(first) as completing:
        fewest = asyncio.run(fewest_until(first.socket, completing))
        out, err = completing.communicate()
    assert (completing.returncode, fewest) == (0, REPLICAS), err.decode()
    assert b"n2" in out
    assert not is_moving(first)
    assert "drain" in availability(first)
    left = asyncio.run(now(first.socket))
    assert len(left) == REPLICAS
    assert len({task.node_id for task in left}) == 1


@pytest.mark.docker
@pytest.mark.root
@pytest.mark.slow
def test_a_docker_leader() -> None:
    """Over an engine's own control socket, with two engines: the containers move to the leader's machine, and never fewer run."""
    with two_engines_and_a_node() as ((leader, worker), _):
        leader.init_swarm()
        docker_join(worker, leader.docker("swarm", "join-token", "-q", "worker"), f"{leader.address}:2377")
        there = worker.docker("info", "--format", "{{.Swarm.NodeID}}")
        create = (
            "service",
            "create",
            "--detach",
            "--no-resolve-image",
            "--name",
            "web",
            "--replicas",
            str(REPLICAS),
        )
        leader.docker(*create, "--stop-grace-period", "1s", "--update-monitor", "1s", IMAGE, "sleep", "86399")
        socket = leader.control_socket
        wait_until(lambda: len(asyncio.run(now(socket))) == REPLICAS, what="three tasks")
        assert there in {task.node_id for task in asyncio.run(now(socket))}
        stayed = {task.id for task in asyncio.run(now(socket)) if task.node_id != there}
        with subprocess.Popen(
            (*TUI, "--socket", str(socket), "node", "drain", "--surge", there),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as moving:
            fewest = asyncio.run(fewest_until(socket, moving))
            _, err = moving.communicate()
        assert (moving.returncode, fewest) == (0, REPLICAS), err.decode()
        left = asyncio.run(now(socket))
        assert there not in {task.node_id for task in left}
        assert stayed <= {task.id for task in left}
        assert leader.docker("node", "inspect", "--format", "{{.Spec.Availability}}", there) == "drain"
        assert leader.docker("service", "inspect", "--format", "{{json .Spec.Labels}}", "web") == "{}"
