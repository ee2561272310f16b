"""`swarm-tui service history` and `rollback`: the specs that a service had, and the way back to one of them."""

from typing import Annotated

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.service_history_pb2 import ServiceRevision
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing import completion
from swarm_tui.cli.plumbing.dry_run import DryRunOption, tell, view_for
from swarm_tui.cli.plumbing.output import Format, FormatOption, print_records, print_table
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import Failure, carry_out, run
from swarm_tui.operations import update as updating
from swarm_tui.resources import format as fmt
from swarm_tui.resources.documents import as_dict
from swarm_tui.resources.service_history import ONE_STEP, Revision, history, one_step
from swarm_tui.resources.task_specs import image_listed

Service = objects_pb2.Service
NameArgument = Annotated[str, typer.Argument(metavar="SERVICE", autocompletion=completion.services)]


def show(ctx: typer.Context, name: NameArgument, style: FormatOption = Format.TABLE) -> None:
    """List the specs that a service had: the present one and up to ten before it."""

    async def work(cluster: Cluster) -> None:
        found = await cluster.control.resolve(Service, name)
        keeps_all = await _keeps_all(cluster)
        revisions = (
            history(found, await cluster.control.earlier_specs(found.id)) if keeps_all else one_step(found)
        )
        if style is Format.TABLE:
            _print_table(revisions, cluster.clock.wall_ns())
        else:
            print_records([_record(one) for one in revisions], style)
        if not keeps_all:
            say(ONE_STEP, err=True)

    run(ctx, work)


async def _keeps_all(cluster: Cluster) -> bool:
    """Whether a manager of ours leads: a Docker Engine does not tell how it stands with raft's log."""
    return await cluster.control.raft_status() is not None


def _print_table(revisions: list[Revision], now_ns: int) -> None:
    rows = [
        [
            f"{one.number or '–'}{' (now)' if one.is_present else ''}",
            fmt.ago(one.since_ns, now_ns) if one.since_ns else "",
            one.outcome,
            image_listed(one.spec.task),
            ", ".join(one.changed),
        ]
        for one in revisions
    ]
    print_table(["REVISION", "SINCE", "UPDATE", "IMAGE", "CHANGED"], rows)


def _record(one: Revision) -> dict[str, object]:
    return {
        "Revision": one.number,
        "IsPresent": one.is_present,
        "Since": fmt.moment(one.since_ns) if one.since_ns else "",
        "Update": one.outcome,
        "Changed": list(one.changed),
        "Spec": as_dict(one.spec),
    }


def rollback(
    ctx: typer.Context,
    name: NameArgument,
    to: Annotated[
        int | None,
        typer.Option("--to", help="Number of the spec, as service history lists it.", min=1, metavar="N"),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the tasks.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Go back to the spec that a service had before this one, or to an earlier one."""

    async def work(cluster: Cluster) -> None:
        found = await cluster.control.resolve(Service, name)
        view = await view_for(cluster, [found], dry_run=dry_run)
        if to is None:
            plan = updating.rollback(view, [found.id])
        else:
            plan = updating.to_revision(view, found.id, await _wanted(cluster, found, to))
        if dry_run:
            await tell(view, plan, style)
            return
        await carry_out(cluster, plan, say=lambda outcome: name)
        if not detach:
            from swarm_tui.cli.plumbing.progress import converge

            await converge(cluster, found.id, quiet=quiet, goes_back=to is None)

    run(ctx, work)


async def _wanted(cluster: Cluster, found: Service, number: int) -> ServiceRevision:
    """The revision with this number. Raises Failure."""
    if not await _keeps_all(cluster):
        raise Failure(ONE_STEP)
    earlier = await cluster.control.earlier_specs(found.id)
    for revision in earlier:
        if revision.number == number:
            return revision
    known = ", ".join(str(one.number) for one in earlier)
    has = f"it has {known}" if known else "it has had one spec only"
    raise Failure(
        f"--to: there is no revision {number} of {found.spec.annotations.name} to go back to; {has}."
    )


COMMANDS = {"history": show, "rollback": rollback}
