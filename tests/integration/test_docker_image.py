"""The image of docs/recipes/image.md: built from a local base without a network, and run as manager and worker."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from swarm_testkit import python_image
from swarm_testkit.daemons import private_directory, wait_until
from swarm_testkit.engines import IMAGE, Engine
from swarm_testkit.pages import RECIPES, ROOT, wheel

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(400)]
PAGE = RECIPES / "image.md"
NODES = ("m1", "w1")


def commands() -> list[str]:
    """What the page says to run on the engine, line by line; the image is built by a test's own line."""
    typed = re.findall(r"^\$ (docker run .+)$", PAGE.read_text(), re.MULTILINE)
    assert len(typed) == 2
    return typed


def built(engine: Engine, place: Path) -> None:
    """Build the page's Dockerfile there."""
    python_image.make(engine)
    (dockerfile,) = re.findall(r"```dockerfile\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (place / "Dockerfile").write_text(dockerfile)
    wheel(ROOT, place / "dist")
    engine.docker(
        "build",
        "--network",
        "none",
        "--build-arg",
        f"BASE={python_image.IMAGE}",
        "-t",
        "swarm-node",
        str(place),
    )


def started(engine: Engine, command: str, **values: str) -> None:
    """Type a line of the page, with this engine's socket and these variables."""
    words = command.replace("/var/run/docker.sock:", f"{engine.socket}:").split()
    for name, value in values.items():
        words = [word.replace(f"${name}", value) for word in words]
        words = [f"{name}={value}" if word == name else word for word in words]
    engine.docker(*words[1:])


def ask(engine: Engine, *words: str) -> str:
    """A command in the manager's container."""
    return engine.docker("exec", "m1", "swarm-tui", *words)


def nodes(engine: Engine) -> dict[str, str]:
    """Name to status."""
    lines = ask(engine, "node", "ls", "--format", "{{json .}}").splitlines()
    return {one["Hostname"]: one["Status"] for one in map(json.loads, lines)}


def ready(engine: Engine, expected: set[str]) -> None:
    def are_ready() -> bool:
        try:
            return nodes(engine) == dict.fromkeys(expected, "Ready")
        except subprocess.CalledProcessError:  # it begins
            return False

    wait_until(are_ready, seconds=90, what="the nodes")


def zombies(engine: Engine, name: str) -> list[str]:
    """Processes of a container that nobody took in."""
    shown = engine.docker("exec", name, "sh", "-c", "cat /proc/[0-9]*/stat")
    return [line for line in shown.splitlines() if line.rpartition(")")[2].split()[0] == "Z"]


def test_a_cluster_of_containers(engine: Engine) -> None:
    """A manager and a worker that runs containers beside itself; what lost its parent is taken in; stopped politely, each comes back as it was."""
    manager, worker = commands()
    with private_directory() as place:
        try:
            built(engine, place)
            started(engine, manager)
            ready(engine, {"m1"})
            token = ask(engine, "cluster", "join-token", "-q", "worker")
            address = engine.docker(
                "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", "m1"
            )
            started(engine, worker, SWARM_JOIN_TOKEN=token, ADDRESS=address)
            ready(engine, set(NODES))

            created = ("service", "create", "-q", "--constraint")
            ask(engine, *created, "node.hostname==w1", "--name", "beside", IMAGE, "sleep", "1000")
            ask(
                engine,
                *created,
                "node.hostname==m1",
                "--name",
                "within",
                "--runtime",
                "process",
                "--",
                "sleep",
                "1000",
            )
            assert "sleep 1000" in engine.docker("ps", "--no-trunc", "--filter", f"ancestor={IMAGE}")

            # An image that cannot be had, as docs/handbook.md tells it.
            ask(engine, *created[:2], "--detach", "--name", "lost", "nosuch.invalid/image:1")
            wait_until(
                lambda: "image cannot be had" in ask(engine, "service", "why", "lost"), seconds=60, what="why"
            )
            ask(engine, "service", "rm", "lost")

            orphan = "(sleep 0.1 & echo $! >/tmp/orphan) & wait"
            engine.docker("exec", "m1", "sh", "-c", orphan)
            wait_until(lambda: is_gone(engine), what="the orphan's end")
            assert zombies(engine, "m1") == []

            for name in reversed(NODES):
                engine.docker("stop", name)
                assert engine.docker("inspect", "--format", "{{.State.ExitCode}}", name) == "0"
                engine.docker("start", name)
                ready(engine, set(NODES))
            assert ask(engine, "service", "ls", "--format", "{{.Name}}").split() == ["beside", "within"]
        finally:
            made = engine.docker("ps", "-aq", "--filter", f"ancestor={IMAGE}").split()
            there = engine.docker("ps", "-a", "--format", "{{.Names}}").split()
            for name in (*(name for name in NODES if name in there), *made):
                engine.docker("rm", "--force", "--volumes", name)
            engine.docker("volume", "prune", "--force")


def is_gone(engine: Engine) -> bool:
    shown = engine.docker(
        "exec", "m1", "sh", "-c", "test -d /proc/$(cat /tmp/orphan) && echo there || echo gone"
    )
    return shown == "gone"
