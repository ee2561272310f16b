"""`swarm-tui cluster init`, `join`, `leave` and `unlock`: this machine's node and its cluster."""

import asyncio
import contextlib
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Annotated

import psutil
import typer
from swarm_core.api.names import MANAGER_PORT, WORKER_ROLE
from swarm_core.client import sockets
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.commands import settings
from swarm_tui.cli.commands.up import StateDirOption
from swarm_tui.cli.plumbing import local_node, own_node
from swarm_tui.cli.plumbing.session import USAGE, Failure

_LEAVE_S = 60.0
_KEY_FILE = Path("certificates") / "swarm-node.key"
_CLUSTER_STATE = ("raft", "certificates", "worker")
_ALREADY = "This node is already part of a swarm. Use 'swarm-tui cluster leave' to leave this swarm and join another one."
_MANAGER_LEAVES = (
    "You are attempting to leave the swarm on a node that is participating as a manager. Demote it first with "
    "'swarm-tui node demote', or use --force: then the other managers go on counting on it, and the last manager takes all "
    "of the swarm's state along."
)
_ListenOption = Annotated[
    str | None, typer.Option("--listen-addr", help="Where other nodes reach this one.", metavar="HOST[:PORT]")
]
_AdvertiseOption = Annotated[
    str | None,
    typer.Option("--advertise-addr", help="The address that others are told.", metavar="HOST[:PORT]"),
]
_AvailabilityOption = Annotated[
    str, typer.Option("--availability", help="active, pause or drain.", metavar="WORD")
]
_ExecutorOption = Annotated[
    str | None,
    typer.Option("--executor", help="What runs tasks here: docker, process or both.", metavar="LIST"),
]


def init(
    state_dir: StateDirOption = None,
    listen_addr: _ListenOption = None,
    advertise_addr: _AdvertiseOption = None,
    availability: _AvailabilityOption = "active",
    executor: _ExecutorOption = None,
    autolock: Annotated[bool, typer.Option("--autolock", help="Lock managers with an unlock key.")] = False,
    force_new_cluster: Annotated[
        bool, typer.Option("--force-new-cluster", help="Go on with this manager alone: the others are lost.")
    ] = False,
    cert_expiry: settings.CertExpiryOption = None,
    dispatcher_heartbeat: settings.HeartbeatOption = None,
    external_ca: settings.ExternalCaOption = None,
    max_snapshots: settings.SnapshotsOption = None,
    snapshot_interval: settings.IntervalOption = None,
    task_history_limit: settings.HistoryOption = None,
) -> None:
    """Begin a cluster with this machine as its first manager."""
    directory = _directory(state_dir)
    edits = settings.edits_of(
        cert_expiry=cert_expiry,
        dispatcher_heartbeat=dispatcher_heartbeat,
        external_ca=external_ca,
        max_snapshots=max_snapshots,
        snapshot_interval=snapshot_interval,
        task_history_limit=task_history_limit,
    )
    if local_node.certificate_name(directory) is not None and not force_new_cluster:
        raise Failure(_ALREADY)
    flags = [f"--availability={availability}"]
    flags += ["--autolock"] if autolock else []
    flags += ["--force-new-cluster"] if force_new_cluster else []
    path = own_node.start(directory, _launch(listen_addr, advertise_addr, executor, flags))

    async def work() -> None:
        cluster = await Cluster.open(sockets.Candidate(path, "your own node"))
        try:
            if edits:
                await settings.apply(cluster, edits)
            await _greet(cluster, directory, is_locked=autolock)
        finally:
            await cluster.close()

    asyncio.run(work())


async def _greet(cluster: Cluster, directory: Path, *, is_locked: bool) -> None:
    from swarm_tui.cli.commands.trust import print_join_command

    name = local_node.certificate_name(directory)
    typer.echo(f"Swarm initialized: current node ({name[0] if name else '?'}) is now a manager.\n")
    tokens = (await cluster.control.cluster()).root_ca.join_tokens
    await print_join_command(cluster, "worker", tokens.worker)
    typer.echo(
        "To add a manager to this swarm, run 'swarm-tui cluster join-token manager' and follow the instructions."
    )
    if is_locked:
        await settings.print_unlock_key(cluster)


def join(
    address: Annotated[str, typer.Argument(metavar="HOST:PORT")],
    token: Annotated[str | None, typer.Option("--token", help="Join token of the cluster.")] = None,
    state_dir: StateDirOption = None,
    listen_addr: _ListenOption = None,
    advertise_addr: _AdvertiseOption = None,
    availability: _AvailabilityOption = "active",
    executor: _ExecutorOption = None,
) -> None:
    """Join this machine to a cluster."""
    if not token:
        raise Failure(
            "A join token is needed: 'swarm-tui cluster join-token worker' on a manager shows it.", USAGE
        )
    directory = _directory(state_dir)
    if local_node.certificate_name(directory) is not None:
        raise Failure(_ALREADY)
    manager = _with_port(address, MANAGER_PORT)
    how = _launch(
        listen_addr, advertise_addr, executor, [f"--availability={availability}"], join=manager, token=token
    )
    path = own_node.start(directory, how)
    role = "worker" if local_node.is_worker(directory) else "manager"
    typer.echo(f"This node joined a swarm as a {role}.")
    if role == "manager":
        asyncio.run(_warn_of_what_stands_still(path))


async def _warn_of_what_stands_still(path: Path) -> None:
    """This manager may lead from now on."""
    from swarm_core.api.proto.objects_pb2 import Service

    from swarm_tui.resources.mixed import stands_still

    cluster = await Cluster.open(sockets.Candidate(path, "your own node"))
    try:
        if text := stands_still(await cluster.control.find(Service)):
            typer.echo(f"WARNING: {text}", err=True)
    finally:
        await cluster.close()


def leave(
    state_dir: StateDirOption = None,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Also a manager, and a node that cannot be started.")
    ] = False,
) -> None:
    """Leave the cluster."""
    directory = _directory(state_dir)
    name = local_node.certificate_name(directory)
    if name is None:
        raise Failure("This node is not part of a swarm.")
    if name[1] != WORKER_ROLE and not force:
        raise Failure(_MANAGER_LEAVES)
    with local_node.exclusive(directory):
        record = local_node.read_record(directory)
        process = record.process() if record is not None else None
        if process is not None:
            _tell_to_leave(process)
        elif not force:
            raise Failure(
                "The node does not run, and its tasks may; start it with 'swarm-tui up', or use --force."
            )
        _forget(directory)
    typer.echo("Node left the swarm.")


def _tell_to_leave(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGUSR1)
        try:
            process.wait(_LEAVE_S)
        except psutil.TimeoutExpired:
            raise Failure(f"This node's tasks did not end within {_LEAVE_S:g} s; try again.") from None


def _forget(directory: Path) -> None:
    """What a daemon that could not do it has left."""
    for name in _CLUSTER_STATE:
        if (directory / name).exists():
            shutil.rmtree(directory / name)
    for name in ("state.json", "raft-ids"):
        (directory / name).unlink(missing_ok=True)


def unlock(state_dir: StateDirOption = None) -> None:
    """Start this machine's locked manager."""
    directory = _directory(state_dir)
    try:
        is_locked = "ENCRYPTED" in (directory / _KEY_FILE).read_text(errors="replace")
    except FileNotFoundError:
        raise Failure("This node is not part of a swarm.") from None
    record = local_node.read_record(directory)
    if not is_locked or (record is not None and record.process() is not None):
        raise Failure("The swarm is not locked.")
    key = (
        typer.prompt("Please enter unlock key", hide_input=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().strip()
    )
    if not key:
        raise Failure("An unlock key is needed.", USAGE)
    own_node.start(directory, local_node.Launch(unlock_key=key))


def _directory(given: Path | None) -> Path:
    return (given or sockets.state_directory()).expanduser().absolute()


def _launch(
    listen: str | None,
    advertise: str | None,
    executors: str | None,
    flags: list[str],
    *,
    join: str | None = None,
    token: str | None = None,
) -> local_node.Launch:
    address = _with_port(listen, MANAGER_PORT) if listen else local_node.free_address("0.0.0.0")  # noqa: S104 - a cluster is of several machines
    port = int(address.rpartition(":")[2])
    return local_node.Launch(
        listen_remote_api=address,
        advertise_remote_api=_with_port(advertise, port) if advertise else None,
        join=join,
        token=token,
        executors=executors,
        flags=tuple(flags),
    )


def _with_port(text: str, port: int) -> str:
    """host:port, also for an interface's name. Raises Failure."""
    host, colon, given = text.rpartition(":")
    if colon and given.isdecimal() and (":" not in host or host.startswith("[")):
        return f"{_address_of(host)}:{given}"
    return f"{_address_of(text)}:{port}"


def _address_of(host: str) -> str:
    """The first address of an interface of that name; anything else stands for itself."""
    for found in psutil.net_if_addrs().get(host, ()):
        if found.family is socket.AF_INET:
            return str(found.address)
    if ":" in host and not host.startswith("["):
        return f"[{host}]"
    return host


COMMANDS = {"init": init, "join": join, "leave": leave, "unlock": unlock}
