"""`swarm-tui up` and `down`: the node of this machine."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.client import sockets
from swarm_core.client.cluster import Cluster

from swarm_tui.cli import local_node
from swarm_tui.cli.session import USAGE, Failure, Globals
from swarm_tui.mirror.mirror import Mirror

_DRAINED_MARK = "drained-by-down"
_STOP_TASKS_S = 60.0

StateDirOption = Annotated[
    Path | None, typer.Option("--state-dir", help="Where the node keeps its state.", metavar="DIR")
]
up_app = typer.Typer(add_completion=False, rich_markup_mode=None)
down_app = typer.Typer(add_completion=False, rich_markup_mode=None)
APPS = {"up": up_app, "down": down_app}


@up_app.command()
def up(
    state_dir: StateDirOption = None,
    listen_remote_api: Annotated[
        str | None,
        typer.Option("--listen-remote-api", help="Where other nodes reach this one.", metavar="HOST:PORT"),
    ] = None,
    join: Annotated[
        str | None, typer.Option("--join", help="Join the cluster of this manager.", metavar="HOST:PORT")
    ] = None,
    token: Annotated[str | None, typer.Option("--token", help="Join token of that cluster.")] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not open the dashboard.")] = False,
) -> None:
    """Start a node on this machine, or find it running, and open the dashboard."""
    if (join is None) != (token is None):
        raise Failure("--join and --token go together.", USAGE)
    from swarm_tui.cli.ui import has_terminal, open_dashboard

    directory = (state_dir or sockets.state_directory()).expanduser().absolute()
    control_socket = start(directory, listen_remote_api=listen_remote_api, join=join, token=token)
    if local_node.is_worker(directory):
        typer.echo("The node has joined as a worker; look at the cluster from one of its managers.")
    elif detach or not has_terminal():
        typer.echo(f"The node is up: {control_socket}")
    else:
        open_dashboard(Globals(socket=str(control_socket)))


def start(
    state_dir: Path,
    *,
    listen_remote_api: str | None = None,
    join: str | None = None,
    token: str | None = None,
) -> Path:
    """Start the node unless it runs; its control socket."""
    control_socket = sockets.own_socket(state_dir)
    if len(str(control_socket).encode()) > sockets.PATH_BYTES_MAX:
        raise Failure(f"{control_socket} is too long for a socket; choose a shorter --state-dir.")
    with local_node.exclusive(state_dir):
        record = local_node.read_record(state_dir)
        if record is None or record.process() is None:
            if sockets.problem_of(control_socket) is None:
                raise Failure(f"Somebody else's node runs on {state_dir}; end it first.")
            local_node.launch(state_dir, listen_remote_api=listen_remote_api, join=join, token=token)
        elif join is not None:
            raise Failure(
                f"A node runs on {state_dir} already (process {record.pid}); end it before it can join."
            )
        mark = state_dir / _DRAINED_MARK
        if mark.exists():
            asyncio.run(_on_own(state_dir, _set_availability(specs_pb2.NodeSpec.ACTIVE)))
            mark.unlink()
    return control_socket


@down_app.command()
def down(
    state_dir: StateDirOption = None,
    stop_tasks: Annotated[
        bool, typer.Option("--stop-tasks", help="Stop this node's tasks first; they begin again with 'up'.")
    ] = False,
) -> None:
    """End this machine's node; its tasks go on unless told otherwise."""
    directory = (state_dir or sockets.state_directory()).expanduser().absolute()
    with local_node.exclusive(directory):
        record = local_node.read_record(directory)
        process = record.process() if record is not None else None
        if process is None:
            typer.echo("No node runs here.")
            return
        if stop_tasks:
            (directory / _DRAINED_MARK).touch()
            asyncio.run(_on_own(directory, _drain))
        _end(process)
        typer.echo("The node has ended.")


def _end(process: psutil.Process) -> None:
    local_node.end(process)


async def _on_own(state_dir: Path, work: Callable[[Cluster, str], Awaitable[None]]) -> None:
    """Do `work` on this machine's own node, by its id."""
    name = local_node.certificate_name(state_dir)
    if name is None:
        raise Failure(f"The node of {state_dir} has no certificate.")
    if name[1] == "swarm-worker":
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
