"""The way from the command line into the dashboard: the one module here that may import Textual's side."""

import asyncio
import locale
import os
import sys
from pathlib import Path

import typer
from swarm_core.client import sockets
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing.session import USAGE, Failure, Globals
from swarm_tui.clusters.mirror import Mirror


def open_dashboard(given: Globals) -> None:
    """Open the dashboard on the cluster that was chosen; offer to start one when there is none."""
    if not has_terminal():
        raise Failure(
            "The dashboard needs a terminal; 'swarm-tui --help' lists the commands that do not.", USAGE
        )
    try:
        if given.connect is None:
            given.choose()
    except sockets.NoSocket:
        if (
            given.socket is not None
            or given.context is not None
            or os.environ.get(sockets.ENVIRONMENT_VARIABLE)
        ):
            raise
        if not typer.confirm("No cluster found on this machine. Start a node here now?", default=True):
            raise
        from swarm_tui.cli.plumbing.own_node import start

        given = Globals(socket=str(start(sockets.state_directory())))
    asyncio.run(_open(given))


def has_terminal() -> bool:
    """Whether a person is at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()


async def _open(given: Globals) -> None:
    cluster = await given.open()
    try:
        await dashboard(cluster, title=given.context or title_of(cluster.target))
    finally:
        await cluster.close()


async def dashboard(cluster: Cluster, *, title: str) -> None:
    """Show the dashboard until it is left."""
    from swarm_tui.app import SwarmApp
    from swarm_tui.clusters.session import Session
    from swarm_tui.resources.refs import ClusterId

    mirror = Mirror(cluster.clock, cluster=ClusterId(title))
    session = Session(title, mirror, cluster.control, cluster.logs(), cluster.clock)
    app = SwarmApp(session, lambda: cluster.watch().updates(), is_ascii=wants_ascii())
    await app.run_async()


def title_of(target: str) -> str:
    """A short name for a cluster that has none: whose socket it is."""
    path = Path(target)
    if path == sockets.DOCKER_SOCKET:
        return "docker"
    if path == sockets.own_socket(sockets.state_directory()):
        return "local"
    return path.parent.name or "swarm"


def wants_ascii() -> bool:
    """Whether the terminal's encoding lacks the glyphs."""
    return "utf" not in locale.getpreferredencoding(False).lower()
