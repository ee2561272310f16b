"""This machine's own node as a member of its cluster: started, and emptied of tasks before it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from swarm_core.api.names import WORKER_ROLE
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.client import node_directory, sockets
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing import local_node, start_options, systemd_unit
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.cli.plumbing.start_options import Kept, Launch
from swarm_tui.clusters.mirror import Mirror

# Left behind by `down --stop-tasks`: the node comes back active, not drained.
_DRAINED_MARK = "drained-by-down"
_STOP_TASKS_S = 60.0
_AS_BEFORE = Launch()


def start(state_dir: Path, how: Launch = _AS_BEFORE) -> Path:
    """Start the node unless it runs as it shall; its control socket. Raises Failure."""
    control_socket = sockets.own_socket(state_dir)
    with local_node.exclusive(state_dir):
        running = local_node.running(state_dir)
        unit = None if running is not None else systemd_unit.installed(state_dir)
        if unit is not None:
            _start_service(state_dir, unit, how)
        elif running is None:
            local_node.launch(state_dir, how)
        else:
            _check_unchanged(running, how)
        mark = state_dir / _DRAINED_MARK
        if mark.exists():
            set_availability(state_dir, specs_pb2.NodeSpec.ACTIVE)
            mark.unlink()
    return control_socket


def _start_service(state_dir: Path, unit: systemd_unit.Unit, how: Launch) -> None:
    """Start a node that systemd starts otherwise. Raises Failure for options that its unit does not have."""
    kept = start_options.read(state_dir) or Kept()
    if how.join is not None or how.flags or how.unlock_key is not None or how.on(kept) != kept:
        raise Failure(
            f"The node of {state_dir} is a service of systemd ({unit.name}): give 'swarm-tui up --install' the options."
        )
    unit.start()


def _check_unchanged(running: local_node.Running, how: Launch) -> None:
    """Raise Failure when the running node would have to be another one: nothing that was asked for is dropped silently."""
    where = f"A node runs on {running.state_dir} already (process {running.process.pid})"
    if how.join is not None:
        raise Failure(f"{where}; end it before it can join.")
    kept = start_options.read(running.state_dir) or Kept()
    if how.flags or how.unlock_key is not None or how.on(kept) != kept:
        raise Failure(f"{where}; end it with 'swarm-tui down' before it can be started with other options.")


async def stop_tasks(state_dir: Path) -> None:
    """Set the node to drain and wait until nothing runs on it; `start` makes it active again."""
    (state_dir / _DRAINED_MARK).touch()
    await _on_own(state_dir, _drain)


def set_availability(state_dir: Path, availability: int) -> None:
    """Change what the running node takes."""
    asyncio.run(_on_own(state_dir, _set_availability(availability)))


async def _on_own(state_dir: Path, work: Callable[[Cluster, str], Awaitable[None]]) -> None:
    """Do `work` on this machine's own node, by its id."""
    name = node_directory.role(state_dir)
    if name is None:
        raise Failure(f"The node of {state_dir} has no certificate.")
    if name[1] == WORKER_ROLE:
        raise Failure(
            "This node is a worker: drain it from a manager with 'swarm-tui node update --availability drain'."
        )
    candidate = sockets.Candidate(sockets.own_socket(state_dir), "your own node")
    cluster = await Cluster.open(sockets.choose([candidate]))
    try:
        await work(cluster, name[0])
    finally:
        await cluster.close()


def _set_availability(availability: Any) -> Callable[[Cluster, str], Awaitable[None]]:
    async def work(cluster: Cluster, node_id: str) -> None:
        def edit(spec: specs_pb2.NodeSpec) -> None:
            spec.availability = availability

        await cluster.control.change(objects_pb2.Node, node_id, edit)

    return work


async def _drain(cluster: Cluster, node_id: str) -> None:
    """Set the node to drain and wait until nothing runs on it."""
    await _set_availability(specs_pb2.NodeSpec.DRAIN)(cluster, node_id)
    mirror = Mirror(cluster.clock)
    kinds = (objects_pb2.Cluster, objects_pb2.Node, objects_pb2.Task)
    try:
        async with asyncio.timeout(_STOP_TASKS_S), aclosing(cluster.watch(kinds).updates()) as updates:
            async for update in updates:
                mirror.apply(update)
                if mirror.version and not _still_running(mirror, node_id):
                    return
    except TimeoutError:
        left = _still_running(mirror, node_id)
        raise Failure(f"{left} of this node's tasks did not end within {_STOP_TASKS_S:g} s.") from None


def _still_running(mirror: Mirror, node_id: str) -> int:
    return sum(
        types_pb2.ASSIGNED <= task.status.state <= types_pb2.RUNNING for task in mirror.tasks_of_node(node_id)
    )
