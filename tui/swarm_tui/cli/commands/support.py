"""`swarm-tui support`: a file for those who are to help, without a secret (docs/design/support.md)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2
from swarm_core.api.typed_paths import path_of
from swarm_core.client import sockets
from swarm_core.client.cluster import Cluster, system_clock
from swarm_core.client.errors import CallFailed, ClientError
from swarm_core.client.managers import raft_now
from swarm_core.client.sockets import NoSocket

from swarm_tui.cli.commands.up import StateDirOption
from swarm_tui.cli.plumbing import start_options
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure, run
from swarm_tui.resources.format import size
from swarm_tui.support import bundle
from swarm_tui.support.cluster import Told, documents, scrubber
from swarm_tui.support.machine import here

_KINDS: Final[dict[str, type[Message]]] = {
    "cluster": objects_pb2.Cluster,
    "nodes": objects_pb2.Node,
    "services": objects_pb2.Service,
    "tasks": objects_pb2.Task,
    "networks": objects_pb2.Network,
    "secrets": objects_pb2.Secret,
    "configs": objects_pb2.Config,
    "volumes": objects_pb2.Volume,
}


def support(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A file that is not there yet: FILE.tar.gz.")],
    state_dir: StateDirOption = None,
) -> None:
    """Write versions, states, figures and the node's log into one file, without any secret, for those who are to help."""
    directory = path_of(state_dir or sockets.state_directory()).absolute()
    wanted = path_of(path)
    if wanted.exists():
        raise Failure(f"{wanted} is there already; it is not written over.", USAGE)
    try:
        told = run(ctx, _told)
    except (ClientError, NoSocket) as error:
        told = Told({}, failure=str(error) or "no manager's control socket was found")
    scrub = scrubber(told)
    kept = start_options.read(directory) or start_options.Kept()
    machine = here(directory, scrub, system_clock().wall_ns(), metrics_address=kept.metrics_address)
    try:
        written = bundle.write(wanted, machine, documents(told, scrub))
    except FileExistsError:
        raise Failure(f"{wanted} is there already; it is not written over.", USAGE) from None
    except OSError as error:
        raise Failure(f"{wanted} cannot be written: {error.strerror}.") from None
    say(f"Wrote {wanted} ({size(written)}). Look through it before you send it.")
    if told.failure:
        say(f"The cluster is not in it: {told.failure.rstrip('.')}.", err=True)


async def _told(cluster: Cluster) -> Told:
    """Everything that a manager tells of objects. Raises ClientError where none answers at all."""
    objects: dict[str, Sequence[Message]] = {}
    try:
        for noun, kind in _KINDS.items():
            try:
                objects[noun] = list(await cluster.control.find(kind))
            except CallFailed as error:
                if error.code != "UNIMPLEMENTED":
                    raise
        return Told(objects, await raft_now(cluster.control))
    except ClientError as error:
        return Told(objects, failure=str(error))


COMMANDS = {"support": support}
