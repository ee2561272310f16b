"""`swarm-tui cluster update`, and the settings that it shares with `init` and `ca`."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.specs import cluster as setters

from swarm_tui.cli.plumbing.dry_run import DryRunOption, tell, view_for
from swarm_tui.cli.plumbing.output import Format, FormatOption
from swarm_tui.cli.plumbing.say import say_lines
from swarm_tui.cli.plumbing.session import USAGE, Failure, carry_out, reading, run
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations import cluster as operation
from swarm_tui.operations.model import Plan

AutolockOption = Annotated[
    bool | None,
    typer.Option("--autolock/--no-autolock", help="Lock managers with an unlock key.", show_default=False),
]
CertExpiryOption = Annotated[
    str | None, typer.Option("--cert-expiry", help="Validity of node certificates, such as 2160h.")
]
HeartbeatOption = Annotated[
    str | None, typer.Option("--dispatcher-heartbeat", help="Time between the nodes' heartbeats, such as 5s.")
]
ExternalCaOption = Annotated[
    list[str] | None,
    typer.Option("--external-ca", help="A CA that signs for us: protocol=cfssl,url=…", metavar="SPEC"),
]
SnapshotsOption = Annotated[
    int | None, typer.Option("--max-snapshots", help="Older raft snapshots to keep.", min=0)
]
IntervalOption = Annotated[
    int | None, typer.Option("--snapshot-interval", help="Log entries between raft snapshots.", min=1)
]
HistoryOption = Annotated[
    int | None, typer.Option("--task-history-limit", help="Old tasks to keep of each slot.")
]
Edit = Callable[[specs_pb2.ClusterSpec], None]

_UNLOCK_TEXT = """To unlock a swarm manager after it restarts, run the `swarm-tui cluster unlock`
command and provide the following key:

    {}

Please remember to store this key in a password manager, since without it you
will not be able to restart the manager."""


def update(
    ctx: typer.Context,
    autolock: AutolockOption = None,
    cert_expiry: CertExpiryOption = None,
    dispatcher_heartbeat: HeartbeatOption = None,
    external_ca: ExternalCaOption = None,
    max_snapshots: SnapshotsOption = None,
    snapshot_interval: IntervalOption = None,
    task_history_limit: HistoryOption = None,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Change the cluster's settings."""
    edits = edits_of(
        autolock=autolock,
        cert_expiry=cert_expiry,
        dispatcher_heartbeat=dispatcher_heartbeat,
        external_ca=external_ca,
        max_snapshots=max_snapshots,
        snapshot_interval=snapshot_interval,
        task_history_limit=task_history_limit,
    )
    if not edits:
        raise Failure("Nothing to change; see 'swarm-tui cluster update --help'.", USAGE)

    async def work(cluster: Cluster) -> None:
        was_locked = (await cluster.control.cluster()).spec.encryption_config.auto_lock_managers
        await apply(cluster, edits, say=True, dry_run=style if dry_run else None)
        if autolock and not was_locked:
            await print_unlock_key(cluster)

    run(ctx, work)


def edits_of(
    *,
    autolock: bool | None = None,
    cert_expiry: str | None = None,
    dispatcher_heartbeat: str | None = None,
    external_ca: Sequence[str] | None = None,
    max_snapshots: int | None = None,
    snapshot_interval: int | None = None,
    task_history_limit: int | None = None,
) -> list[Edit]:
    """What the given flags do to the cluster's spec. Raises Failure."""
    authorities = None
    if external_ca:
        with reading("--external-ca"):
            authorities = [setters.external_ca(text, _read) for text in external_ca]
    settings: list[tuple[str, Callable[[specs_pb2.ClusterSpec, Any], None], Any]] = [
        ("--autolock", setters.set_autolock, autolock),
        ("--cert-expiry", setters.set_cert_expiry, cert_expiry),
        ("--dispatcher-heartbeat", setters.set_heartbeat, dispatcher_heartbeat),
        ("--external-ca", setters.set_external_cas, authorities),
        ("--max-snapshots", setters.set_snapshots_kept, max_snapshots),
        ("--snapshot-interval", setters.set_snapshot_interval, snapshot_interval),
        ("--task-history-limit", setters.set_task_history, task_history_limit),
    ]
    given = [(flag, setter, value) for flag, setter, value in settings if value is not None]
    scratch = specs_pb2.ClusterSpec()
    for flag, setter, value in given:
        with reading(flag):
            setter(scratch, value)
    return [partial(_put, setter, value) for _, setter, value in given]


def _put(
    setter: Callable[[specs_pb2.ClusterSpec, Any], None], value: Any, spec: specs_pb2.ClusterSpec
) -> None:
    setter(spec, value)


def _read(path: str) -> bytes:
    return Path(path).read_bytes()


async def apply(
    cluster: Cluster, edits: Sequence[Edit], *, say: bool = False, dry_run: Format | None = None
) -> None:
    """Change the cluster's settings, whatever others do meanwhile; with `dry_run` say what it would come to, and end."""
    found = await cluster.control.cluster()

    def edit(spec: specs_pb2.ClusterSpec) -> None:
        for one in edits:
            one(spec)

    plan = operation.plan(Snapshot([found]), found.id, edit)
    if dry_run is not None:
        await _tell(cluster, found, plan, dry_run)
    await carry_out(cluster, plan, say=lambda outcome: outcome.text if say else "")


async def rotate(
    cluster: Cluster, what: operation.Rotated, *, say: bool, dry_run: Format | None = None
) -> None:
    """Change a token or key for another; with `dry_run` say what it would come to, and end."""
    found = await cluster.control.cluster()
    plan = operation.rotate(Snapshot([found]), found.id, what)
    if dry_run is not None:
        await _tell(cluster, found, plan, dry_run)
    await carry_out(cluster, plan, say=lambda outcome: outcome.text if say else "")


async def _tell(cluster: Cluster, found: objects_pb2.Cluster, plan: Plan, style: Format) -> NoReturn:
    await tell(await view_for(cluster, [found], dry_run=True), plan, style)
    raise typer.Exit


async def print_unlock_key(cluster: Cluster) -> None:
    """The key and what it is for."""
    say_lines(f"\n{_UNLOCK_TEXT.format(await unlock_key(cluster))}")


async def unlock_key(cluster: Cluster) -> str:
    """The cluster's unlock key; empty while its managers are not locked."""
    from swarm_core.client import certificates

    return (await certificates.unlock_key(cluster.calls)).text


COMMANDS = {"update": update}
