"""The two sides of the day: a manager of ours beside a plain engine, and a Docker Engine in swarm mode, each on a host of its own."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.docker_command import Docker, until_it_answers
from swarm_testkit.docker_day.script import DATA
from swarm_testkit.engines import IMAGE, private_engine
from swarm_testkit.hosts import hosts


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two. `socket` and `pid` are those of its daemon; `words` stand for what the script cannot know."""

    name: str
    docker: Docker
    socket: Path
    pid: int
    words: dict[str, str]

    def by(self, program: str) -> "Side":
        """The same side, told by another docker command."""
        docker = Docker("-H", f"unix://{self.socket}", program=program)
        waits = "--detach" in docker.output("stack", "rm", "--help")
        return replace(self, docker=docker, words=self.words | {"detach": "--detach=true" if waits else ""})

    def run(self, command: tuple[str, ...], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """One command of the script."""
        known = []
        for word in command:
            meant = word
            for name, meaning in self.words.items():
                meant = meant.replace(f"{{{name}}}", meaning)
            if meant or not word:
                known.append(meant)
        return self.docker.run(*known, stdin=stdin)


@contextmanager
def both_sides() -> Iterator[tuple[Side, Side]]:
    """Ours and theirs, both with one node that is ready."""
    with ExitStack() as stack:
        found = stack.enter_context(hosts(2))
        engines = [
            stack.enter_context(
                private_engine(
                    stack.enter_context(private_directory()),
                    namespace=found.namespace(number),
                    address=found.address(number),
                )
            )
            for number in range(2)
        ]
        mine, theirs = engines
        theirs.init_swarm()
        directory = stack.enter_context(private_directory())
        node = Daemon(
            directory / "s", "-H", "unix://", "--engine-addr", mine.url,
            executors="docker", host=mine.address, enter=mine.enter,
        )  # fmt: skip
        stack.callback(node.destroy)
        node.start()
        socket = node.state / "docker.sock"
        until_it_answers(Docker("-H", f"unix://{socket}"), node, node.host)
        yield _side("ours", socket, node.pid), _side("theirs", theirs.socket, theirs.pid)


def _side(name: str, socket: Path, pid: int) -> Side:
    docker = Docker("-H", f"unix://{socket}")
    ready = ("node", "ls", "--format", "{{.Status}} {{.ManagerStatus}}")
    wait_until(
        lambda: docker.run(*ready).stdout.strip() == b"Ready Leader",
        seconds=120,
        what=f"the node of {name} is ready",
    )
    own = docker.output("node", "ls", "-q")
    return Side(name, docker, socket, pid, {"image": IMAGE, "data": str(DATA), "node": own}).by("docker")
