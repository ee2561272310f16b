"""Clusters of several real managers for tests and benchmarks: daemons that joined one after the other.

Every manager has a control socket, whose calls the leader answers, and a remote API, whose reads are the manager's own.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.ca.key_file import KeyFile
from swarm_core.ca.tls import TlsIdentity
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed, ClientError
from swarm_core.client.trust import Trust

from swarm_testkit.daemons import Daemon, private_directory
from swarm_testkit.pace import pause_s

T = TypeVar("T")


def tls_of(node: Daemon) -> TlsIdentity:
    """The node's identity, from its state directory."""
    key_file = KeyFile(node.state / "certificates")
    credentials = key_file.read()
    return TlsIdentity(key_file.read_root(), credentials.certificate, credentials.key)


@asynccontextmanager
async def through(node: Daemon) -> AsyncIterator[Control]:
    """Calls through the node's control socket: the leader answers them."""
    async with await Connection.open(node.socket) as connection:
        yield Control(connection)


@asynccontextmanager
async def directly(node: Daemon, *, as_node: Daemon | None = None) -> AsyncIterator[Connection]:
    """Calls of the node's remote API, made as a manager: reads show this manager's own store."""
    identity = tls_of(as_node or node)
    trust = Trust(identity.roots, identity)
    async with await Connection.open(node.address, trust=trust) as connection:
        yield connection


async def eventually(attempt: Callable[[], Awaitable[T | None]], *, seconds: float = 60, what: str = "") -> T:
    """The first true value of `attempt`, over failures of the client. Raises AssertionError."""
    end = time.monotonic() + seconds
    last: object = None
    while True:
        looked = time.monotonic()
        try:
            value = await attempt()
            if value:
                return value
            last = value
        except (ClientError, OSError) as error:
            last = error
        now = time.monotonic()
        if now > end:
            raise AssertionError(f"{what or attempt} did not come true in {seconds} s; last seen: {last!r}")
        await asyncio.sleep(pause_s(now - looked))


def config_spec(name: str, data: bytes = b"x") -> specs_pb2.ConfigSpec:
    spec = specs_pb2.ConfigSpec(data=data)
    spec.annotations.name = name
    return spec


async def write(node: Daemon, name: str, data: bytes = b"x") -> objects_pb2.Config:
    """Create a config through the node. One that is there already is taken for it: an attempt that failed may have been carried out."""
    async with through(node) as control:
        try:
            return await control.create(objects_pb2.Config, config_spec(name, data))
        except CallFailed as error:
            if error.code != "ALREADY_EXISTS":
                raise
            found = await control.find(objects_pb2.Config, names=[name])
            if [one.spec.data for one in found] != [data]:
                raise
            return found[0]


async def own_configs(node: Daemon, *, as_node: Daemon | None = None) -> dict[str, bytes]:
    """The configs in the node's own store, by name."""
    async with directly(node, as_node=as_node) as connection:
        found = await Control(connection).find(objects_pb2.Config)
    return {config.spec.annotations.name: config.spec.data for config in found}


async def managers_seen(node: Daemon) -> dict[str, types_pb2.ManagerStatus]:
    """Raft's members by address, as the leader sees them, asked through the node."""
    async with through(node) as control:
        nodes = await control.find(objects_pb2.Node)
    return {one.manager_status.addr: one.manager_status for one in nodes if one.HasField("manager_status")}


async def manager_token(node: Daemon) -> str:
    async with through(node) as control:
        clusters = await control.find(objects_pb2.Cluster)
    return clusters[0].root_ca.join_tokens.manager


def quickenings(node: Daemon) -> int:
    """How often the node's manager has begun to tick shortly."""
    return node.log.read_text(errors="replace").count("ticks of 0.08 s")


class Cluster:
    """Managers in one directory; `add` starts one more."""

    def __init__(self, directory: Path, *flags: str) -> None:
        self.directory = directory
        self.flags = flags
        self.nodes: list[Daemon] = []
        self._count = 0

    async def add(self, *flags: str, host: str = "127.0.0.1", enter: tuple[str, ...] = ()) -> Daemon:
        """Start a manager that founds the cluster, or joins it, and wait until it serves. `enter`: the command that runs
        others on its host."""
        join: tuple[str, ...] = ()
        if self.nodes:
            token = await eventually(lambda: manager_token(self.nodes[0]), what="a join token")
            join = ("--join-addr", self.nodes[0].address, "--join-token", token)
        self._count += 1
        state = self.directory / f"m{self._count}"
        node = Daemon(state, *self.flags, *flags, *join, host=host, enter=enter)
        self.nodes.append(node)
        node.start()
        await self.serves(node)
        return node

    async def serves(self, node: Daemon) -> None:
        """Wait until the node's manager answers, through a leader."""
        try:
            await eventually(lambda: managers_seen(node), what=f"manager {node.state.name}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tails()}") from None

    async def leader(self, *, asked: Daemon | None = None) -> Daemon:
        """The node whose manager leads."""

        async def find() -> Daemon | None:
            seen = await managers_seen(asked or self.nodes[0])
            return next((n for n in self.nodes if n.address in seen and seen[n.address].leader), None)

        return await eventually(find, what="a leader")

    def others(self, *nodes: Daemon) -> list[Daemon]:
        return [one for one in self.nodes if one not in nodes]

    def tails(self) -> str:
        """The ends of all logs, for a failing test."""
        return "\n".join(f"--- {node.state.name}\n{node.tail(25)}" for node in self.nodes)


@asynccontextmanager
async def cluster(count: int, *flags: str) -> AsyncIterator[Cluster]:
    """A cluster of `count` managers that is gone afterwards."""
    with private_directory() as directory:
        found = Cluster(directory, *flags)
        started = found.nodes
        try:
            for _ in range(count):
                await found.add()
            yield found
        finally:
            for node in {*started, *found.nodes}:
                node.destroy()


@contextlib.contextmanager
def paused(pid: int | None) -> Iterator[None]:
    """SIGSTOP a process meanwhile."""
    if pid is not None:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
