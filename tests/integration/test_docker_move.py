"""The page on moving from Docker Swarm to ours and back: each of its commands, in its order (docs/recipes/move-from-docker-swarm.md)."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from swarm_testkit.daemons import private_directory, wait_until
from swarm_testkit.engines import ADDRESS, IMAGE, Engine, private_engine
from swarm_testkit.programs import TUI

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400), pytest.mark.xdist_group("docker-move")]
PAGE = Path(__file__).parents[2] / "docs" / "recipes" / "move-from-docker-swarm.md"
LIMIT_S = 120.0
_COMMAND = re.compile(r"^(engine|ours)\$ (?:(\w+)=\$\((.+)\)|(.+))$")


def commands() -> list[tuple[str, str, str]]:
    """Machine, the variable that takes the output or nothing, and the command; of each line within the page's blocks."""
    blocks = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    found = []
    for line in "".join(blocks).splitlines():
        match = _COMMAND.match(line)
        assert match is not None, line
        found.append((match[1], match[2] or "", match[3] or match[4]))
    return found


class Reader:
    """Types what the page says, at two machines."""

    def __init__(self, engine: Engine, home: Path) -> None:
        self.engine, self.home = engine, home
        self.variables = {"ENGINE": ADDRESS}

    def type(self, machine: str, command: str) -> str:
        """What it prints; it must go well."""
        done = self.run(machine, command)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def run(self, machine: str, command: str) -> subprocess.CompletedProcess[str]:
        ours = {"XDG_STATE_HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home)}
        where = {"DOCKER_HOST": self.engine.url} if machine == "engine" else ours
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "SWARM_"))
        }
        script = f'swarm-tui() {{ {" ".join(TUI)} "$@"; }}\n{command}'
        return subprocess.run(
            [*self.engine.enter, "bash", "-c", script],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=LIMIT_S,
            env={**kept, **where, **self.variables},
        )  # fmt: skip

    def until(self, machine: str, command: str, expected: Callable[[str], bool]) -> None:
        """As a person who repeats it until it goes well and shows what is waited for."""

        def is_so() -> bool:
            done = self.run(machine, command)
            return done.returncode == 0 and expected(done.stdout)

        wait_until(is_so, seconds=LIMIT_S, what=command)

    def containers(self) -> list[str]:
        """Those of the service, with the moments at which they began."""
        ids = self.type("engine", f"docker ps -q --no-trunc --filter ancestor={IMAGE}").split()
        return sorted(
            self.type("engine", f"docker inspect --format '{{{{.Id}}}} {{{{.State.StartedAt}}}}' {one}")
            for one in ids
        )

    def end(self) -> None:
        ours = {"XDG_STATE_HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home)}
        subprocess.run(
            [*self.engine.enter, *TUI, "down"],
            capture_output=True,
            check=False,
            timeout=LIMIT_S,
            env={**os.environ, **ours},
        )


@contextmanager
def reader() -> Iterator[Reader]:
    """At an engine that runs a service, and at a machine in the same network."""
    with private_directory() as directory, private_engine(directory) as engine, private_directory() as home:
        engine.init_swarm()
        engine.docker(
            "service",
            "create",
            "--detach",
            "--name",
            "web",
            "--replicas",
            "2",
            "--no-resolve-image",
            IMAGE,
            "sleep",
            "10000",
        )
        who = Reader(engine, home)
        wait_until(lambda: len(who.containers()) == 2, seconds=LIMIT_S, what="the service runs")
        try:
            yield who
        finally:
            who.end()


def is_settled(status: str) -> Callable[[str], bool]:
    """Whether a list of nodes has that many managers, all of which are reached, and one of them leads."""
    return lambda shown: shown.count("Leader") == 1 and shown.count("Reachable") == int(status)


def test_each_command_of_the_page() -> None:
    """They do what the page says, and no container of the service is stopped or started (docs/design/engine-api.md E12.3)."""
    settled = {
        "swarm-tui node demote $ENGINE_ID": ("ours", "swarm-tui node ls", "1"),
        "docker node demote $OURS_ID": ("engine", "docker node ls", "1"),
        "swarm-tui service update --detach --label-add moved=yes web": ("ours", "swarm-tui node ls", "0"),
        "swarm-tui cluster leave": ("engine", "docker node ls", "0"),
    }
    with reader() as who:
        before, answers = who.containers(), {}
        for machine, variable, command in commands():
            if command in settled:
                at, question, others = settled.pop(command)
                who.until(at, question, is_settled(others))
            if command == "swarm-tui cluster leave":
                who.until("ours", "swarm-tui status 2>&1 || true", lambda shown: "worker" in shown.lower())
            if command == "docker node ls":  # a promotion takes a moment
                who.until(machine, command, lambda shown: "Leader" in shown)
            answers[command] = who.type(machine, command)
            if variable:
                who.variables[variable] = answers[command]
            assert who.containers() == before
    assert not settled
    assert "web" in answers["swarm-tui service ls"]
    assert answers["swarm-tui service ps web"].count("web.") == 2
    assert answers["docker service inspect --format '{{.Spec.Labels.moved}}' web"] == "yes"
