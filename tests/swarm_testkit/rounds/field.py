"""The cluster that rounds are played on: managers and workers as processes, each on a host, a disk and a clock of its own."""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psutil
from google.protobuf.any_pb2 import Any as AnyPayload
from swarm_core.api.proto import objects_pb2, process_pb2, specs_pb2, types_pb2
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control

from swarm_testkit import versions
from swarm_testkit.daemons import Daemon, private_directory
from swarm_testkit.docker_peers import docker_join
from swarm_testkit.engines import Engine, private_engine
from swarm_testkit.engines import missing_parts as engines_lack
from swarm_testkit.hosts import Hosts, hosts
from swarm_testkit.hosts import missing_parts as hosts_lack
from swarm_testkit.managers import eventually
from swarm_testkit.own_disks import OwnDisk, own_disk
from swarm_testkit.rounds.plan import MANAGERS, WORKERS, Order, Shape

SERVICE = "work"
_DISK_MIB = 256
# On a machine with too much to do a node takes minutes to start.
_THERE_S = 240.0
_FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


class Place:
    """A node's machine, by number. Its node is a daemon of ours or a Docker Engine."""

    def __init__(self, number: int, node: Daemon | Engine, disk: OwnDisk | None, clock: Path | None) -> None:
        self.number = number
        self.node = node
        self.disk = disk
        self.clock = clock

    @property
    def name(self) -> str:
        return f"node {self.number}"

    @property
    def is_manager(self) -> bool:
        return self.number < MANAGERS

    @property
    def socket(self) -> Path:
        return self.node.control_socket if isinstance(self.node, Engine) else self.node.socket

    @property
    def address(self) -> str:
        """Where its manager is reached by others."""
        return f"{self.node.address}:2377" if isinstance(self.node, Engine) else self.node.address


class Field:
    """The places, and the service that the cluster is to run."""

    def __init__(self, shape: Shape, network: Hosts, directory: Path) -> None:
        self.shape = shape
        self.network = network
        self.directory = directory
        self.places: list[Place] = []
        self.wanted = Order(replicas=2, is_new_program=False)
        self._program = 0

    @property
    def managers(self) -> list[Place]:
        return [place for place in self.places if place.is_manager]

    @property
    def ours(self) -> list[Daemon]:
        return [place.node for place in self.places if isinstance(place.node, Daemon)]

    def other_python(self, daemon: Daemon) -> str:
        """The python of the version that the daemon does not run."""
        return earlier_python() if daemon.python == _python_of_now() else _python_of_now()

    @property
    def argument(self) -> str:
        """What the tasks' program is called with: of this field and of the newest order alone."""
        return f"{self._mark}{self._program:04}"

    @property
    def _mark(self) -> str:
        return f"7{os.getpid():07}"

    def order(self, order: Order) -> None:
        """Want this of the service from now on."""
        self.wanted = order
        self._program += order.is_new_program

    def apply(self, spec: specs_pb2.ServiceSpec) -> None:
        """Write what is wanted into a spec of the service."""
        payload = AnyPayload()
        payload.Pack(process_pb2.ProcessSpec(command=["sleep", self.argument]))
        spec.annotations.name = SERVICE
        spec.task.generic.kind = "process"
        spec.task.generic.payload.CopyFrom(payload)
        spec.task.restart.condition = types_pb2.RestartPolicy.ANY
        spec.task.restart.delay.FromMilliseconds(100)
        del spec.task.placement.constraints[:]
        spec.task.placement.constraints.append("node.role==worker")
        spec.replicated.replicas = self.wanted.replicas

    def programs(self) -> list[str]:
        """The arguments of the service's programs that really run on these hosts."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            match process.info["cmdline"]:
                case ["sleep", argument] if argument.startswith(self._mark):
                    found.append(argument)
        return found


def earlier_python() -> str:
    """The interpreter of the version before this one. Ends the test where the history does not reach so far."""
    return versions.program(list(versions.listed().values())[-1])[0]


def _python_of_now() -> str:
    return Daemon(Path()).python


def missing_parts(kind: str) -> str:
    """What this host lacks for rounds of a kind; empty when it lacks nothing. Clocks that cannot be moved are told by `can_move_clocks`."""
    absent = [name for name in ("mkfs.ext4", "fsfreeze", "mount") if shutil.which(name) is None]
    if absent:
        return f"{', '.join(absent)} not installed"
    return hosts_lack() or (engines_lack() if kind == "docker" else "")


def can_move_clocks() -> bool:
    """Whether the library that clocks are moved with is here."""
    return bool(_FAKETIME)


@asynccontextmanager
async def control_of(place: Place) -> AsyncIterator[Control]:
    """Calls through the place's manager: the leader answers them."""
    async with await Connection.open(place.socket) as connection:
        yield Control(connection)


@asynccontextmanager
async def field(shape: Shape) -> AsyncIterator[Field]:
    """A started cluster with its service, gone afterwards."""
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(private_directory())
        network = stack.enter_context(hosts(MANAGERS + WORKERS))
        found = Field(shape, network, directory)
        for number in range(MANAGERS + WORKERS):
            is_engine = MANAGERS - shape.engines <= number < MANAGERS
            await (_add_engine if is_engine else _add_node)(found, stack, number)
        async with control_of(found.places[0]) as control:
            spec = specs_pb2.ServiceSpec()
            found.apply(spec)
            await control.create(objects_pb2.Service, spec)
        yield found


async def _add_node(found: Field, stack: AsyncExitStack, number: int) -> None:
    disk = stack.enter_context(own_disk(found.directory, f"n{number}", _DISK_MIB))
    clock = None
    enter = found.network.enter(number)
    if found.shape.has_clocks and can_move_clocks():
        clock = found.directory / f"n{number}.clock"
        clock.write_text("+0\n")
        enter = (*enter, "env", *_faked(clock))
    node = Daemon(
        disk.path / "s",
        *(await _join_flags(found, "manager" if number < MANAGERS else "worker")),
        host=found.network.address(number),
        enter=enter,
        python=earlier_python() if number in found.shape.earlier else _python_of_now(),
        log=found.directory / f"n{number}.log",
    )
    stack.callback(node.destroy)
    found.places.append(Place(number, node, disk, clock))
    node.start()
    await _there(found)


async def _add_engine(found: Field, stack: AsyncExitStack, number: int) -> None:
    directory = stack.enter_context(private_directory())
    own = private_engine(
        directory, namespace=found.network.namespace(number), address=found.network.address(number)
    )
    engine = stack.enter_context(own)
    (_, address, _, token) = await _join_flags(found, "manager")
    docker_join(engine, token, address)
    found.places.append(Place(number, engine, None, None))
    await _there(found)


def _faked(clock: Path) -> tuple[str, ...]:
    """The environment in which the wall clock is what a file says, and nothing else."""
    return (
        f"LD_PRELOAD={_FAKETIME[0]}",
        f"FAKETIME_TIMESTAMP_FILE={clock}",
        "FAKETIME_CACHE_DURATION=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
        "NO_FAKE_STAT=1",
    )


async def _join_flags(found: Field, role: str) -> tuple[str, ...]:
    """How a further node joins; nothing for the first."""
    if not found.places:
        return ()
    first = found.places[0]

    async def token() -> str:
        async with control_of(first) as control:
            (cluster,) = await control.find(objects_pb2.Cluster)
        return str(getattr(cluster.root_ca.join_tokens, role))

    return ("--join-addr", first.address, "--join-token", await eventually(token, what="a join token"))


async def _there(found: Field) -> None:
    """Wait until every node that was started is ready, and every manager is reached."""

    async def all_there() -> bool:
        async with control_of(
            found.places[-1] if found.places[-1].is_manager else found.places[0]
        ) as control:
            nodes = await control.find(objects_pb2.Node)
        ready = [node for node in nodes if node.status.state == types_pb2.NodeStatus.READY]
        return len(ready) == len(found.places) and len(reached(nodes)) == len(found.managers)

    try:
        await eventually(all_there, seconds=_THERE_S, what=f"{len(found.places)} nodes")
    except AssertionError as error:
        with contextlib.suppress(AttributeError):
            error.add_note(found.ours[-1].tail())
        raise


def reached(nodes: list[objects_pb2.Node]) -> list[objects_pb2.Node]:
    """The managers that the leader reaches."""
    return [
        node for node in nodes if node.manager_status.reachability == types_pb2.RaftMemberStatus.REACHABLE
    ]
