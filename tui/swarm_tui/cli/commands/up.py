"""`swarm-tui up` and `down`: the node of this machine."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from swarm_core.client import sockets

from swarm_tui.cli.plumbing import local_node, own_node
from swarm_tui.cli.plumbing.session import USAGE, Failure, Globals

StateDirOption = Annotated[
    Path | None, typer.Option("--state-dir", help="Where the node keeps its state.", metavar="DIR")
]


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
    executor: Annotated[
        str | None,
        typer.Option("--executor", help="What runs tasks here: docker, process or both.", metavar="LIST"),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not open the dashboard.")] = False,
) -> None:
    """Start a node on this machine, or find it running, and open the dashboard."""
    if (join is None) != (token is None):
        raise Failure("--join and --token go together.", USAGE)
    from swarm_tui.cli.plumbing.ui import has_terminal, open_dashboard

    directory = (state_dir or sockets.state_directory()).expanduser().absolute()
    control_socket = own_node.start(directory, local_node.Launch(listen_remote_api, join, token, executor))
    if local_node.is_worker(directory):
        typer.echo("The node has joined as a worker; look at the cluster from one of its managers.")
    elif detach or not has_terminal():
        typer.echo(f"The node is up: {control_socket}")
    else:
        open_dashboard(Globals(socket=str(control_socket)))


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
            asyncio.run(own_node.stop_tasks(directory))
        local_node.end(process)
        typer.echo("The node has ended.")


COMMANDS = {"up": up, "down": down}
