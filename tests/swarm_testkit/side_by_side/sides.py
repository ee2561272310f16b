"""Two clusters of two nodes to compare: Docker Engines in swarm mode, and ours.

Both take the same words (`service create …`): one the docker command, the other `swarm-tui`. Both are asked for their objects through
the control socket, so that what is compared is what the clusters hold, not how a command prints it.

Each node is a host of its own. Ours runs its tasks by our agents, each on a plain engine, or by Docker Engines: such that joined our
manager, or such whose swarm our manager joined and took over. Only these have overlay networks.
"""

import asyncio
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_core.client.errors import ClientError

from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.engines import Engine, private_engine
from swarm_testkit.hosts import Hosts, hosts
from swarm_testkit.pace import pause_s
from swarm_testkit.programs import TUI

PORT = 2377
LIMIT_S = 60
NODES = ("n1", "n2")
_DAEMON = re.compile(r"^(Error response from daemon: |Error: )?(rpc error: code = \w+ desc = )?")


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and its last words without what stands before each of them."""

    code: int
    text: str


@dataclass(slots=True)
class Held:
    """What a cluster holds at one moment."""

    services: list[objects_pb2.Service]
    tasks: list[objects_pb2.Task]
    nodes: list[objects_pb2.Node]


@dataclass(slots=True)
class Side:
    """One of the two. `ids` are the nodes' ids by their names here."""

    name: str
    command: Sequence[str]
    socket: Path
    engines: dict[str, Engine]
    daemons: dict[str, Daemon] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    drained: int = 0
    """Nodes that are not compared, and that sentences about nodes count all the same: our manager's own, which is drained."""

    def run(self, words: Sequence[str], stdin: bytes = b"") -> Said:
        """One command; `{n1}` and `{n2}` in its words are the nodes' ids."""
        known = [word.replace("{n1}", self.ids["n1"]).replace("{n2}", self.ids["n2"]) for word in words]
        done = subprocess.run(
            [*self.command, *known], input=stdin, capture_output=True, check=False, timeout=LIMIT_S
        )
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        return Said(done.returncode, _DAEMON.sub("", lines[-1]) if lines else "")

    def held(self) -> Held:
        """What the cluster holds now. A busy machine's manager may have to be asked again."""
        end = time.monotonic() + LIMIT_S
        while True:
            looked = time.monotonic()
            try:
                return asyncio.run(self._held())
            except ClientError:
                now = time.monotonic()
                if now > end:
                    raise
                time.sleep(pause_s(now - looked))

    async def _held(self) -> Held:
        async with await Connection.open(self.socket) as connection:
            control = Control(connection)
            return Held(
                list(await control.find(objects_pb2.Service)),
                list(await control.find(objects_pb2.Task)),
                list(await control.find(objects_pb2.Node)),
            )

    def is_ready(self, count: int) -> bool:
        """Whether this many nodes are."""
        return sum(node.status.state == types_pb2.NodeStatus.READY for node in self.held().nodes) == count

    def lose(self, name: str) -> None:
        """kill -9 of what runs the node's tasks; its containers live on."""
        if name in self.daemons:
            self.daemons[name].kill()
        else:
            self.engines[name].stop(signal.SIGKILL)

    def find_again(self, name: str) -> None:
        """Start again what was lost."""
        if name in self.daemons:
            self.daemons[name].start()
        else:
            self.engines[name].start()


@contextmanager
def docker_side() -> Iterator[Side]:
    """Two Docker Engines: the first is the manager, the second a worker; both run tasks."""
    with ExitStack() as stack:
        found = stack.enter_context(hosts(2))
        first, second = _engines(stack, found, range(2))
        first.docker("swarm", "init", "--advertise-addr", first.address)
        wait_until(first.control_socket.exists, what="Docker's control socket")
        token = first.docker("swarm", "join-token", "-q", "worker")
        _join(second, token, f"{first.address}:{PORT}")
        side = Side("docker", ("docker", "-H", first.url), first.control_socket, {"n1": first, "n2": second})
        wait_until(lambda: side.is_ready(2), what="two ready nodes of Docker", seconds=60)
        for name, engine in side.engines.items():
            side.ids[name] = json.loads(engine.docker("info", "--format", "{{json .Swarm.NodeID}}"))
        yield side


@contextmanager
def our_side() -> Iterator[Side]:
    """Two nodes of ours on plain engines: the first is the manager, the second a worker; both run tasks."""
    with ExitStack() as stack:
        found = stack.enter_context(hosts(2))
        engines = _engines(stack, found, range(2))
        directory = stack.enter_context(private_directory())
        daemons: list[Daemon] = []
        for number, engine in enumerate(engines):
            join = (
                () if not number else ("--join-addr", daemons[0].address, "--join-token", _token(daemons[0]))
            )
            daemon = Daemon(
                directory / str(number), "--engine-addr", engine.url, *join,
                executors="docker", host=engine.address, enter=engine.enter,
            )  # fmt: skip
            stack.callback(daemon.destroy)
            daemons.append(daemon.start())
            wait_until(daemon.socket.exists if not number else lambda: True, what="our control socket")
        side = Side(
            "ours",
            (*TUI, "--socket", str(daemons[0].socket)),
            daemons[0].socket,
            dict(zip(NODES, engines, strict=True)),
            dict(zip(NODES, daemons, strict=True)),
        )
        wait_until(lambda: side.is_ready(2), what="two ready nodes of ours", seconds=60)
        _name_by_role(side)
        yield side


@contextmanager
def our_side_with_engines_as_workers() -> Iterator[Side]:
    """A manager of ours, which runs no tasks, and two Docker Engines that joined it as workers."""
    with ExitStack() as stack:
        found = stack.enter_context(hosts(3))
        engines = _engines(stack, found, range(1, 3))
        directory = stack.enter_context(private_directory())
        manager = Daemon(directory / "m", executors="process", host=found.address(0), enter=found.enter(0))
        stack.callback(manager.destroy)
        manager.start()
        wait_until(manager.socket.exists, what="our control socket")
        side = Side(
            "ours",
            (*TUI, "--socket", str(manager.socket)),
            manager.socket,
            dict(zip(NODES, engines, strict=True)),
            drained=1,
        )
        wait_until(lambda: side.is_ready(1), what="our manager's node")
        (own,) = side.held().nodes
        side.ids = dict.fromkeys(NODES, "")
        assert side.run(("node", "update", "--availability", "drain", own.id)).code == 0
        token = _token(manager)
        for name, engine in side.engines.items():
            _join(engine, token, manager.address)
            side.ids[name] = json.loads(engine.docker("info", "--format", "{{json .Swarm.NodeID}}"))
        wait_until(lambda: side.is_ready(3), what="two engines as workers", seconds=60)
        yield side


@contextmanager
def our_side_after_docker() -> Iterator[Side]:
    """Two Docker Engines that made a swarm, and a manager of ours that joined it and took it over: both are workers now."""
    with ExitStack() as stack:
        found = stack.enter_context(hosts(3))
        first, second = engines = _engines(stack, found, range(1, 3))
        first.docker("swarm", "init", "--advertise-addr", first.address)
        address = f"{first.address}:{PORT}"
        _join(second, first.docker("swarm", "join-token", "-q", "worker"), address)
        directory = stack.enter_context(private_directory())
        join = ("--join-addr", address, "--join-token", first.docker("swarm", "join-token", "-q", "manager"))
        manager = Daemon(
            directory / "m", *join, executors="process", host=found.address(0), enter=found.enter(0)
        )
        stack.callback(manager.destroy)
        manager.start()
        wait_until(manager.socket.exists, what="our control socket", seconds=60)
        side = Side(
            "ours",
            (*TUI, "--socket", str(manager.socket)),
            manager.socket,
            dict(zip(NODES, engines, strict=True)),
            drained=1,
        )
        for name, engine in side.engines.items():
            side.ids[name] = json.loads(engine.docker("info", "--format", "{{json .Swarm.NodeID}}"))
        wait_until(lambda: _answers(side) and side.is_ready(3), what="three ready nodes", seconds=90)
        first.docker("node", "demote", side.ids["n1"])
        wait_until(lambda: _answers(side) and side.is_ready(3), what="ours to lead", seconds=90)
        (own,) = (node.id for node in side.held().nodes if node.id not in side.ids.values())
        assert side.run(("node", "update", "--availability", "drain", own)).code == 0
        yield side


def _answers(side: Side) -> bool:
    try:
        return bool(side.held().nodes)
    except ClientError:
        return False


def _engines(stack: ExitStack, found: Hosts, numbers: range) -> list[Engine]:
    return [
        stack.enter_context(
            private_engine(
                stack.enter_context(private_directory()),
                namespace=found.namespace(number),
                address=found.address(number),
            )
        )
        for number in numbers
    ]


def _join(engine: Engine, token: str, address: str) -> None:
    own = ("--advertise-addr", engine.address, "--listen-addr", f"{engine.address}:{PORT}")
    engine.docker("swarm", "join", *own, "--token", token, address)


def _token(manager: Daemon) -> str:
    command = [*TUI, "--socket", str(manager.socket), "cluster", "join-token", "--quiet", "worker"]

    def asked() -> str:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    return wait_until(asked, what="a join token")


def _name_by_role(side: Side) -> None:
    for node in side.held().nodes:
        side.ids["n1" if node.HasField("manager_status") else "n2"] = node.id


def pause(seconds: float) -> None:
    """Let time pass where the situation is about time."""
    time.sleep(seconds)
