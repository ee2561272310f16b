"""`swarm-tui cluster init`, `join`, `leave` and `unlock`: this machine's node and its cluster (docs/design/node.md 6.8, 6.9)."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from swarm_core.api.names import MANAGER_PORT, WORKER_ROLE
from swarm_core.api.proto import specs_pb2
from swarm_core.api.typed_paths import path_of
from swarm_core.client import node_directory, sockets
from swarm_core.client.cluster import Cluster
from swarm_core.client.errors import ClientError
from swarm_core.specs import node as node_setters
from swarm_core.specs.addresses import InvalidAddress, manager_to_join
from swarm_core.specs.errors import InvalidValue
from swarm_core.specs.network_defaults import NetworkDefaults, split

from swarm_tui.cli.commands import settings
from swarm_tui.cli.commands.up import StateDirOption
from swarm_tui.cli.plumbing import endpoints, local_node, own_engine_api, own_node, start_options
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure, globals_of, reading
from swarm_tui.cli.plumbing.start_options import Launch

_LEAVE_S = 60.0
_KEY_FILE = Path("certificates") / "swarm-node.key"
_ACTIVE = "active"
_ALREADY = "This node is already part of a swarm. Use 'swarm-tui cluster leave' to leave this swarm and join another one."
_MANAGER_LEAVES = (
    "You are attempting to leave the swarm on a node that is participating as a manager. Demote it first with "
    "'swarm-tui node demote', or use --force: then the other managers go on counting on it, and the last manager takes all "
    "of the swarm's state along."
)
_NO_MANAGER = (
    "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. Please run this command "
    "on a manager node or promote the current node to a manager."
)
_NETWORKS_STAY = (
    "The address pools and the data path port are chosen when a cluster begins; this one has its own already."
)
_ListenOption = Annotated[
    str | None, typer.Option("--listen-addr", help="Where other nodes reach this one.", metavar="HOST[:PORT]")
]
_AdvertiseOption = Annotated[
    str | None,
    typer.Option("--advertise-addr", help="The address that others are told.", metavar="HOST[:PORT]"),
]
_AvailabilityOption = Annotated[
    str | None, typer.Option("--availability", help="active, pause or drain.", metavar="WORD")
]
_ExecutorOption = Annotated[
    str | None,
    typer.Option("--executor", help="What runs tasks here: docker, process or both.", metavar="LIST"),
]


def init(
    ctx: typer.Context,
    state_dir: StateDirOption = None,
    listen_addr: _ListenOption = None,
    advertise_addr: _AdvertiseOption = None,
    availability: _AvailabilityOption = None,
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
    default_addr_pool: Annotated[
        list[str] | None,
        typer.Option("--default-addr-pool", help="What networks are cut from.", metavar="SUBNET"),
    ] = None,
    default_addr_pool_mask_length: Annotated[
        int,
        typer.Option(
            "--default-addr-pool-mask-length", help="Prefix length of each of them: 24.", show_default=False
        ),
    ] = 0,
    data_path_port: Annotated[
        int,
        typer.Option(
            "--data-path-port", help="UDP port of overlay traffic between nodes: 4789.", show_default=False
        ),
    ] = 0,
) -> None:
    """Begin a cluster with this machine as its first manager."""
    globals_of(ctx).need_highest("begin a swarm")
    directory = _directory(state_dir)
    is_again = force_new_cluster and node_directory.belongs_to_a_cluster(directory)
    edits = settings.edits_of(
        autolock=True if autolock and is_again else None,
        cert_expiry=cert_expiry,
        dispatcher_heartbeat=dispatcher_heartbeat,
        external_ca=external_ca,
        max_snapshots=max_snapshots,
        snapshot_interval=snapshot_interval,
        task_history_limit=task_history_limit,
    )
    wanted = _availability(availability)
    networks = _networks(default_addr_pool or [], default_addr_pool_mask_length, data_path_port)
    if is_again:
        if networks:
            raise Failure(_NETWORKS_STAY, USAGE)
        how = _launch_again(directory, listen_addr, advertise_addr, executor)
        _end_manager(directory)
    else:
        _refuse_member(directory)
        flags = [
            f"--availability={availability or _ACTIVE}",
            *(["--autolock"] if autolock else []),
            *networks,
        ]
        how = _launch(listen_addr, advertise_addr, executor, flags)
    path = own_node.start(directory, how)
    if is_again and availability is not None:
        own_node.set_availability(directory, wanted)

    async def work() -> None:
        cluster = await Cluster.open(sockets.Candidate(path, "your own node"))
        try:
            if edits:
                await _apply(cluster, edits)
            await _greet(cluster, directory, is_locked=autolock)
        finally:
            await cluster.close()

    asyncio.run(work())


def _availability(word: str | None) -> int:
    """Raises Failure for a word that is none."""
    spec = specs_pb2.NodeSpec()
    with reading("--availability"):
        node_setters.set_availability(spec, word or _ACTIVE)
    return spec.availability


def _networks(pools: Sequence[str], size: int, port: int) -> list[str]:
    """The daemon's flags. Raises Failure."""
    wanted = NetworkDefaults(split(pools), size, port)
    try:
        wanted.check()
    except InvalidValue as error:
        raise Failure(f"{error}.", USAGE) from None
    return wanted.flags()


def _refuse_member(directory: Path) -> None:
    """Raise Failure when the machine is in a cluster."""
    if node_directory.belongs_to_a_cluster(directory) or local_node.running(directory) is not None:
        raise Failure(_ALREADY)


def _end_manager(directory: Path) -> None:
    """End this machine's manager, if it runs: it begins again alone. Raises Failure for a worker."""
    name = node_directory.role(directory)
    if name is not None and name[1] == WORKER_ROLE:
        raise Failure(_NO_MANAGER)
    with local_node.exclusive(directory):
        if (running := local_node.running(directory)) is not None:
            running.end()


async def _apply(cluster: Cluster, edits: Sequence[settings.Edit]) -> None:
    try:
        await settings.apply(cluster, edits)
    except (Failure, ClientError) as error:
        raise Failure(f"The swarm was initialized, but its settings are as before: {error}") from None


async def _greet(cluster: Cluster, directory: Path, *, is_locked: bool) -> None:
    from swarm_tui.cli.commands.trust import print_join_command

    name = node_directory.role(directory)
    say(f"Swarm initialized: current node ({name[0] if name else '?'}) is now a manager.")
    say()
    tokens = (await cluster.control.cluster()).root_ca.join_tokens
    await print_join_command(cluster, "worker", tokens.worker)
    say(
        "To add a manager to this swarm, run 'swarm-tui cluster join-token manager' and follow the instructions."
    )
    if is_locked:
        await settings.print_unlock_key(cluster)


def join(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(metavar="HOST:PORT")],
    token: Annotated[str | None, typer.Option("--token", help="Join token of the cluster.")] = None,
    state_dir: StateDirOption = None,
    listen_addr: _ListenOption = None,
    advertise_addr: _AdvertiseOption = None,
    availability: _AvailabilityOption = None,
    executor: _ExecutorOption = None,
) -> None:
    """Join this machine to a cluster."""
    globals_of(ctx).need_highest("join the swarm")
    if not token:
        raise Failure(
            "A join token is needed: 'swarm-tui cluster join-token worker' on a manager shows it.", USAGE
        )
    directory = _directory(state_dir)
    _refuse_member(directory)
    _availability(availability)
    try:
        manager = manager_to_join(address, MANAGER_PORT)
    except InvalidAddress as error:
        raise Failure(f"{error}.", USAGE) from None
    flags = [f"--availability={availability or _ACTIVE}"]
    own_node.start(directory, _launch(listen_addr, advertise_addr, executor, flags, to_join=(manager, token)))
    role = "worker" if local_node.is_worker(directory) else "manager"
    say(f"This node joined a swarm as a {role}.")


def leave(
    ctx: typer.Context,
    state_dir: StateDirOption = None,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Also a manager, and a node that cannot be started.")
    ] = False,
) -> None:
    """Leave the cluster."""
    globals_of(ctx).need_highest("leave the swarm")
    directory = _directory(state_dir)
    if not node_directory.belongs_to_a_cluster(directory):
        raise Failure("This node is not part of a swarm.")
    name = node_directory.role(directory)
    if (name is None or name[1] != WORKER_ROLE) and not force:
        raise Failure(_MANAGER_LEAVES)
    with local_node.exclusive(directory):
        if (running := local_node.running(directory)) is not None:
            late = f"This node's tasks did not end within {_LEAVE_S:g} s; try again."
            running.tell(signal.SIGUSR1, _LEAVE_S, late)
        elif not force:
            raise Failure(
                "The node does not run, and its tasks may; start it with 'swarm-tui up', or use --force."
            )
        local_node.forget(directory)
    say("Node left the swarm.")


def unlock(ctx: typer.Context, state_dir: StateDirOption = None) -> None:
    """Start this machine's locked manager."""
    globals_of(ctx).need_highest("unlock the swarm")
    directory = _directory(state_dir)
    try:
        is_locked = "ENCRYPTED" in (directory / _KEY_FILE).read_text(errors="replace")
    except FileNotFoundError:
        raise Failure("This node is not part of a swarm.") from None
    runs = local_node.running(directory) is not None
    if not is_locked or (runs and not asyncio.run(own_engine_api.is_locked(directory))):
        raise Failure("The swarm is not locked.")
    key = (
        typer.prompt("Please enter unlock key", hide_input=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().strip()
    )
    if not key:
        raise Failure("An unlock key is needed.", USAGE)
    if runs:
        asyncio.run(own_engine_api.unlock(directory, key))
    else:
        own_node.start(directory, Launch(unlock_key=key))


def _directory(given: Path | None) -> Path:
    return path_of(given or sockets.state_directory()).absolute()


def _launch(
    listen: str | None,
    advertise: str | None,
    executors: str | None,
    flags: Sequence[str],
    *,
    to_join: tuple[str, str] | None = None,
) -> Launch:
    """Of a new node; `to_join`: a manager's address and the token."""
    how = endpoints.launch(
        endpoints.DOCKERS,
        listen,
        advertise,
        is_joining=to_join is not None,
        unless_said=endpoints.EVERYWHERE,
    )
    join, token = to_join or (None, None)
    return replace(how, join=join, token=token, executors=executors, flags=tuple(flags))


def _launch_again(
    directory: Path, listen: str | None, advertise: str | None, executors: str | None
) -> Launch:
    """Of a manager that goes on alone, where it was as far as no other address was typed."""
    flags = ("--force-new-cluster",)
    if listen is None and advertise is None:
        return Launch(executors=executors, flags=flags)
    kept = start_options.read(directory)
    return _launch(listen or (kept.listen_remote_api if kept else None), advertise, executors, flags)


COMMANDS = {"init": init, "join": join, "leave": leave, "unlock": unlock}
