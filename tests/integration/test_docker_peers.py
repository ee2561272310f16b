"""With real Docker Engines: containers run as tasks of ours, and our commands and mirror work on a Docker swarm."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_core.client.errors import ClientError
from swarm_testkit.daemons import daemon, wait_until
from swarm_testkit.engines import Engine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]


def swarm_tui(socket: Path, *arguments: str) -> str:
    """Run the command as a person would; its standard output."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "swarm-tui"), "--socket", str(socket), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return done.stdout


def rows(text: str) -> list[dict[str, object]]:
    """What --format json printed: an array, or one object a line."""
    text = text.strip()
    return json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]


async def tasks_of(socket: Path, name: str) -> list[objects_pb2.Task]:
    async with await Connection.open(socket) as connection:
        control = Control(connection)
        service = await control.resolve(objects_pb2.Service, name)
        return await control.find(objects_pb2.Task, service_ids=[service.id])


def running(socket: Path, name: str, count: int) -> list[objects_pb2.Task]:
    """Wait for exactly `count` RUNNING tasks of the service that are wanted."""

    def check() -> list[objects_pb2.Task]:
        try:
            tasks = asyncio.run(tasks_of(socket, name))
        except ClientError:
            return []  # a daemon that is just coming back
        wanted = [task for task in tasks if task.desired_state == types_pb2.RUNNING]
        fine = [task for task in wanted if task.status.state == types_pb2.RUNNING]
        return fine if len(fine) == len(wanted) == count else []

    return wait_until(check, seconds=60, what=f"{count} running tasks of {name}")


def test_containers_are_tasks(engine: Engine) -> None:
    """Three containers run; one that is killed is replaced by policy; scaling and removal reach the engine."""
    with daemon("--engine-addr", f"unix://{engine.socket}", executors="docker,process") as node:
        wait_until(node.socket.exists, what="the control socket")
        swarm_tui(
            node.socket, "service", "create", "--detach", "--name", "web", "--replicas", "3",
            "--restart-delay", "200ms", "--stop-grace-period", "1s", "busybox:local", "sleep", "1000",
        )  # fmt: skip
        before = running(node.socket, "web", 3)
        containers = engine.docker("ps", "-q", "--filter", "label=com.docker.swarm.service.name=web").split()
        assert len(containers) == 3
        victim = before[0].status.container
        assert victim.container_id[:12] in containers
        os.kill(victim.pid, 9)

        def replaced() -> bool:
            now = running(node.socket, "web", 3)
            return {t.id for t in now} != {t.id for t in before}

        wait_until(replaced, seconds=30, what="the replacement")
        old = next(t for t in asyncio.run(tasks_of(node.socket, "web")) if t.id == before[0].id)
        assert old.status.state == types_pb2.FAILED
        assert old.status.container.exit_code == 137
        # The daemon's death stops no container, and its return starts none.
        ids = set(engine.docker("ps", "-q").split())
        node.kill()
        node.start()
        running(node.socket, "web", 3)
        assert set(engine.docker("ps", "-q").split()) == ids
        swarm_tui(node.socket, "service", "scale", "--detach", "web=1")
        running(node.socket, "web", 1)
        swarm_tui(node.socket, "service", "rm", "web")
        label = "label=com.docker.swarm.service.name=web"
        wait_until(lambda: not engine.docker("ps", "-aq", "--filter", label).split(), what="no containers")


def test_logs_and_secrets_of_containers(engine: Engine, tmp_path: Path) -> None:
    """A secret reaches the container as a file under /run/secrets; its output reaches the client."""
    secret = tmp_path / "password"
    secret.write_text("hunter2")
    with daemon("--engine-addr", f"unix://{engine.socket}", executors="docker") as node:
        wait_until(node.socket.exists, what="the control socket")
        swarm_tui(node.socket, "secret", "create", "password", str(secret))
        swarm_tui(
            node.socket, "service", "create", "--detach", "--name", "reader", "--secret", "password",
            "busybox:local", "sh", "-c", "cat /run/secrets/password; echo; sleep 1000",
        )  # fmt: skip
        running(node.socket, "reader", 1)

        def told() -> bool:
            return "hunter2" in swarm_tui(node.socket, "service", "logs", "reader")

        wait_until(told, what="the secret in the log")
        swarm_tui(node.socket, "service", "rm", "reader")
        label = "label=com.docker.swarm.service.name=reader"
        wait_until(lambda: not engine.docker("ps", "-aq", "--filter", label).split(), what="no containers")


def test_commands_on_a_docker_swarm(swarm_engine: Engine) -> None:
    """On a Docker Engine's own swarm: nodes, services and tasks are shown, scaling takes effect, docker agrees."""
    socket = swarm_engine.control_socket
    swarm_engine.docker(
        "service",
        "create",
        "--detach",
        "--no-resolve-image",
        "--name",
        "theirs",
        "busybox:local",
        "sleep",
        "1000",
    )
    running(socket, "theirs", 1)
    (node,) = rows(swarm_tui(socket, "node", "ls", "--format", "json"))
    assert str(node["ID"]) in swarm_engine.docker("node", "ls", "-q")
    assert "theirs" in swarm_tui(socket, "service", "ls")
    swarm_tui(socket, "service", "scale", "--detach", "theirs=3")
    assert len(running(socket, "theirs", 3)) == 3
    assert "3/3" in swarm_engine.docker("service", "ls")
    assert "theirs.3" in swarm_tui(socket, "service", "ps", "theirs")
    swarm_tui(socket, "service", "rm", "theirs")
    assert "theirs" not in swarm_engine.docker("service", "ls")
