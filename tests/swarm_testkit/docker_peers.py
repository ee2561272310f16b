"""Docker Engines beside nodes of ours, in one cluster: a swarm to share, and what both sides say of it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from swarm_core.api.proto import objects_pb2, types_pb2

from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.engines import ADDRESS, Engine, private_engine
from swarm_testkit.hosts import hosts
from swarm_testkit.managers import through

DOCKER_ADDRESS = f"{ADDRESS}:2377"
# What Docker's command says while one manager hands the lead to another, and for a moment after.
_NO_LEADER = (
    b"more than one redirect to leader",
    b"does not have a leader",
    b"is not the leader",
    b"has no leader",
    b"lost leader status",
)
_CHANGED_MEANWHILE = b"update out of sequence"


@contextmanager
def engine_and_nodes() -> Iterator[tuple[Engine, list[Daemon]]]:
    """An engine, and two nodes of ours in its network, not yet started."""
    with private_directory() as engine_directory, private_engine(engine_directory) as engine:
        with private_directory() as directory:
            nodes = [Daemon(directory / name, host=ADDRESS, enter=engine.enter) for name in ("a", "b")]
            try:
                yield engine, nodes
            finally:
                for node in nodes:
                    node.destroy()


@contextmanager
def two_engines_and_a_node() -> Iterator[tuple[list[Engine], Daemon]]:
    """Two engines and a node of ours, not yet started, each on a host of its own."""
    with ExitStack() as stack:
        found = stack.enter_context(hosts(3))
        engines = [
            stack.enter_context(
                private_engine(
                    stack.enter_context(private_directory()),
                    namespace=found.namespace(number),
                    address=found.address(number),
                )
            )
            for number in (1, 2)
        ]
        node = Daemon(
            stack.enter_context(private_directory()) / "s", host=found.address(0), enter=found.enter(0)
        )
        stack.callback(node.destroy)
        yield engines, node


def docker_join(engine: Engine, token: str, address: str) -> None:
    own = ("--advertise-addr", engine.address, "--listen-addr", f"{engine.address}:2377")
    engine.docker("swarm", "join", *own, "--token", token, address)


def by_a_leader(engine: Engine, *arguments: str) -> str:
    """The output of the docker command, which is asked again while there is no leader, and where the managers changed the object between the
    command's look and its change. Raises CalledProcessError."""

    def asked() -> list[str]:
        try:
            return [engine.docker(*arguments)]
        except subprocess.CalledProcessError as error:
            if not any(words in error.stderr for words in (*_NO_LEADER, _CHANGED_MEANWHILE)):
                raise
            return []

    return wait_until(asked, seconds=60, what=f"a leader for docker {' '.join(arguments[:2])}")[0]


def docker_nodes(engine: Engine) -> dict[str, str]:
    """What `docker node ls` shows: manager status by node id."""
    lines = by_a_leader(engine, "node", "ls", "--format", "{{json .}}").splitlines()
    return {node["ID"]: node["ManagerStatus"] for node in map(json.loads, lines)}


def docker_role(engine: Engine) -> str:
    return engine.docker("info", "--format", "{{.Swarm.ControlAvailable}}")


async def set_role(node: Daemon, node_id: str, role: int) -> None:
    async with through(node) as control:
        await control.change(objects_pb2.Node, node_id, lambda spec: setattr(spec, "desired_role", role))


async def running(node: Daemon, service: str) -> list[objects_pb2.Task]:
    async with through(node) as control:
        found = await control.find(objects_pb2.Task)
    return [
        task
        for task in found
        if task.service_annotations.name == service and task.status.state == types_pb2.TaskState.RUNNING
    ]
