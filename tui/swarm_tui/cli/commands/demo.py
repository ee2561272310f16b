"""`swarm-tui demo`: a private cluster of simulated nodes with some life in it, gone when it is left."""

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from swarm_core.api.names import STACK_LABEL
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.client import sockets
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing import local_node
from swarm_tui.cli.plumbing.demo_life import Stage, can_be_watched, live
from swarm_tui.cli.plumbing.passing import ending_politely, pipe, private_directory
from swarm_tui.cli.plumbing.plain_wish import wants_plain
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import Failure, globals_of
from swarm_tui.cli.plumbing.start_options import Launch
from swarm_tui.clusters.allowance import Level

_NODES_MAX = 1000
_END_S = 15.0
_JOIN_S = 20.0
_JOIN_POLL_S = 0.1
_SLOW = ("--prepare-s", "0.5:2.5", "--start-s", "0.5:1.5")
"""So that what is on its way is seen."""
_FULL_CPUS = 7_500_000_000
_LOST = "edge"
"""How the node is called that is lost."""
_MEMORY = 256 << 20
# name, stack, image, replicas per ten nodes, environment, constraints
_SERVICES: tuple[tuple[str, str, str, int, tuple[str, ...], tuple[str, ...]], ...] = (
    ("web", "shop", "registry/web:7.1.3", 12, ("SIM_FORM=json",), ()),
    ("api", "shop", "registry/api:1.42", 9, ("SIM_FORM=logfmt",), ()),
    ("db", "shop", "postgres:17", 1, (), ()),
    ("cache", "shop", "redis:7", 3, (), ()),
    ("worker", "shop", "registry/worker:3.3", 20, (), ()),
    ("billing", "shop", "registry/billing:2.0", 3, (), ("node.labels.disk==ssd",)),
    (
        "mailer",
        "ops",
        "registry/mailer:0.9",
        1,
        ("SIM_AFTER=8", "SIM_EXIT=1", "SIM_ERR=SMTP auth failed: 535"),
        (),
    ),
    ("metrics", "ops", "node-exporter:1.9", 0, (), ()),
)


def demo(
    ctx: typer.Context,
    nodes: Annotated[int, typer.Option("--nodes", "-n", min=1, max=_NODES_MAX, help="Simulated nodes.")] = 12,
    seed: Annotated[int, typer.Option("--seed", help="What happens, and to what, follows from it.")] = 1,
    headless: Annotated[
        bool,
        typer.Option(
            "--headless", help="Print the socket and wait for an interrupt instead of the dashboard."
        ),
    ] = False,
) -> None:
    """Open a private cluster of simulated nodes with some life in it."""
    from swarm_tui.cli.plumbing.ui import has_terminal

    with (
        ending_politely(),
        private_directory() as state_dir,
        pipe() as lifeline,
        _cluster(state_dir, lifeline) as address,
    ):
        place = _Place(state_dir, address, lifeline, globals_of(ctx).allowance.level)
        is_headless = headless or not (has_terminal() or wants_plain())
        asyncio.run(_show(place, nodes, seed, is_headless=is_headless))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the demo lives; what it started ends when `lifeline` closes, however this process ends."""

    state_dir: Path
    address: str
    lifeline: int
    level: Level
    """How far changes may go in the dashboard at first."""


async def _show(place: _Place, nodes: int, seed: int, *, is_headless: bool) -> None:
    candidate = sockets.Candidate(sockets.own_socket(place.state_dir), "the demo")
    cluster = await Cluster.open(candidate)
    try:
        token = await _prepare(cluster)
        # The node that is lost has a process of its own, which is killed as a machine fails.
        with _Fleet(place, token, nodes, seed) as steady, _Fleet(place, token, 1, seed, _LOST) as other:
            await _joined(cluster, nodes + 1)
            await _fill(cluster, nodes)
            over = asyncio.Event()
            stage = Stage(cluster, random.Random(seed), other.kill, other.start)
            if is_headless:
                say(f"The demo cluster is at {candidate.path}; interrupt to end it.")
                await live(stage, over)
            else:
                await asyncio.gather(_dashboard(cluster, place, over), live(stage, over))
            steady.check()
    finally:
        await cluster.close()


async def _dashboard(cluster: Cluster, place: _Place, over: asyncio.Event) -> None:
    from swarm_tui.cli.plumbing.ui import dashboard

    try:
        journals = place.state_dir / "journals"
        await dashboard(cluster, title="demo", ends_with_program=True, journals=journals, level=place.level)
    finally:
        over.set()


async def _prepare(cluster: Cluster) -> str:
    """Keep tasks off the manager, which simulates nothing; the workers' join token."""

    def drain(spec: specs_pb2.NodeSpec) -> None:
        spec.availability = specs_pb2.NodeSpec.DRAIN

    for node in await cluster.control.find(objects_pb2.Node):
        await cluster.control.change(objects_pb2.Node, node.id, drain)
    return (await cluster.control.cluster()).root_ca.join_tokens.worker


async def _joined(cluster: Cluster, nodes: int) -> None:
    """Wait for the fleet, or what of it comes in time: the first services would else crowd the first nodes."""
    end = cluster.clock.monotonic() + _JOIN_S
    while cluster.clock.monotonic() < end:
        found = await cluster.control.find(objects_pb2.Node)
        if sum(node.status.state == types_pb2.NodeStatus.READY for node in found) > nodes:
            return
        await cluster.clock.sleep(_JOIN_POLL_S)


async def _fill(cluster: Cluster, nodes: int) -> None:
    for name, stack, image, per_ten, env, constraints in _SERVICES:
        spec = specs_pb2.ServiceSpec(annotations=types_pb2.Annotations(name=name))
        spec.annotations.labels[STACK_LABEL] = stack
        spec.task.container.image = image
        spec.task.container.env.extend(env)
        spec.task.placement.constraints.extend(constraints)
        spec.task.resources.reservations.nano_cpus = 100_000_000
        spec.task.resources.reservations.memory_bytes = _MEMORY
        can_be_watched(spec)
        if per_ten:
            spec.replicated.replicas = per_ten if per_ten < 4 else max(per_ten * nodes // 10, 1)
        else:
            getattr(spec, "global").SetInParent()
        await cluster.control.create(objects_pb2.Service, spec)
    await _fill_one(cluster)


async def _fill_one(cluster: Cluster) -> None:
    """A node that is full: what else would run there finds no room."""
    found = await cluster.control.find(objects_pb2.Node)
    workers = sorted(node.description.hostname for node in found if node.role == types_pb2.WORKER)
    # Not the one that will be lost.
    names = [name for name in workers if not name.startswith(_LOST)] or workers
    spec = specs_pb2.ServiceSpec(annotations=types_pb2.Annotations(name="batch"))
    spec.annotations.labels[STACK_LABEL] = "ops"
    spec.task.container.image = "registry/batch:1.0"
    spec.task.placement.constraints.append(f"node.hostname=={names[0]}")
    spec.task.resources.reservations.nano_cpus = _FULL_CPUS
    spec.replicated.replicas = 1
    await cluster.control.create(objects_pb2.Service, spec)


@contextlib.contextmanager
def _cluster(state_dir: Path, lifeline: int) -> Iterator[str]:
    """A manager of its own; the address of its remote API."""
    # The usual port is for a node that stays.
    address = local_node.free_address(usual=0)
    manager = local_node.launch(state_dir, Launch(address, executors="simulated", lifeline=lifeline))
    try:
        yield address
    finally:
        manager.end()


class _Fleet:
    """Simulated nodes in a process of their own, for as long as the block runs."""

    def __init__(self, place: _Place, token: str, nodes: int, seed: int, prefix: str = "sim") -> None:
        self._place, self._token = place, token
        self._flags = [
            *("--join", place.address, "--nodes", str(nodes), "--seed", str(seed), "--prefix", prefix),
            *_SLOW,
            "--usage",
            "--until-stdin-closes",
        ]
        self._said = place.state_dir / f"{prefix}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "_Fleet":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self) -> None:
        """Let the nodes join."""
        with self._said.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program, without a shell
                [sys.executable, "-m", "swarm_agentd.fleet", *self._flags],
                env={**os.environ, local_node.TOKEN_VARIABLE: self._token},
                stdin=self._place.lifeline, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """Take the nodes away without a word, as a failed machine goes."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def check(self) -> None:
        """Raises Failure when the nodes have ended by themselves."""
        if self._process is not None and self._process.poll() not in (None, 0):
            text = self._said.read_text(errors="replace").splitlines()
            raise Failure(f"The simulated nodes ended early: {text[-1] if text else 'no reason given'}")

    def end(self) -> None:
        """End them, at first politely."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


COMMANDS = {"demo": demo}
