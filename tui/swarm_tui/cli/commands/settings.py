"""`swarm-tui cluster update`, and the settings that it shares with `init` and `ca`."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from swarm_core.api.timestamps import duration
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing import values
from swarm_tui.cli.plumbing.session import USAGE, Failure, run

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
Edit = Callable[[Any], None]

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
        await apply(cluster, edits)
        typer.echo("Swarm updated.")
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
    """What the given flags do to the cluster's spec. Raises BadValue, Failure."""
    edits: list[Edit] = []
    if autolock is not None:
        edits.append(lambda spec: setattr(spec.encryption_config, "auto_lock_managers", autolock))
    if cert_expiry is not None:
        expiry = duration(values.seconds(cert_expiry))
        edits.append(lambda spec: spec.ca_config.node_cert_expiry.CopyFrom(expiry))
    if dispatcher_heartbeat is not None:
        period = duration(values.seconds(dispatcher_heartbeat))
        edits.append(lambda spec: spec.dispatcher.heartbeat_period.CopyFrom(period))
    if external_ca:
        found = [external_ca_of(text) for text in external_ca]

        def set_external(spec: Any) -> None:
            del spec.ca_config.external_cas[:]
            spec.ca_config.external_cas.extend(found)

        edits.append(set_external)
    for section, field, number in (
        ("raft", "keep_old_snapshots", max_snapshots),
        ("raft", "snapshot_interval", snapshot_interval),
        ("orchestration", "task_history_retention_limit", task_history_limit),
    ):
        if number is not None:
            edits.append(_setting(section, field, number))
    return edits


def external_ca_of(text: str) -> Any:
    """An external CA as it is typed. Raises Failure."""
    from swarm_core.client import certificates

    try:
        return certificates.external_ca(text)
    except ValueError as error:
        raise Failure(f"--external-ca: {error}.", USAGE) from None


async def apply(cluster: Cluster, edits: Sequence[Edit], **rotation: bool) -> Any:
    """Change the cluster's spec, or rotate what is named, whatever others do meanwhile; the cluster afterwards."""
    from swarm_core.api.proto import control_pb2, objects_pb2

    def edit(spec: Any) -> None:
        for one in edits:
            one(spec)

    found = await cluster.control.cluster()
    return await cluster.control.change(
        objects_pb2.Cluster, found.id, edit, rotation=control_pb2.KeyRotation(**rotation)
    )


async def print_unlock_key(cluster: Cluster) -> None:
    """The key and what it is for."""
    typer.echo(f"\n{_UNLOCK_TEXT.format(await unlock_key(cluster))}")


async def unlock_key(cluster: Cluster) -> str:
    """The cluster's unlock key; empty while its managers are not locked."""
    from swarm_core.client import certificates

    return (await certificates.unlock_key(cluster.calls)).text


def _setting(section: str, field: str, number: int) -> Edit:
    return lambda spec: setattr(getattr(spec, section), field, number)


COMMANDS = {"update": update}
