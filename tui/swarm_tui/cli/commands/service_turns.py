"""`swarm-tui service hold`, `resume`, `stop` and `start`: what a service does for a while, and what ends that."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing import completion
from swarm_tui.cli.plumbing.dry_run import DryRunOption, tell, view_for
from swarm_tui.cli.plumbing.output import Format, FormatOption
from swarm_tui.cli.plumbing.session import carry_out, run
from swarm_tui.operations import hold as holding
from swarm_tui.operations import park
from swarm_tui.operations.model import Plan
from swarm_tui.resources.model import ClusterView

NamesArgument = Annotated[list[str], typer.Argument(metavar="SERVICE…", autocompletion=completion.services)]
DetachOption = Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the tasks.")]
_ROLLBACK_PAUSED = types_pb2.UpdateStatus.ROLLBACK_PAUSED
Make = Callable[[ClusterView, list[str]], Plan]


def hold(
    ctx: typer.Context,
    names: NamesArgument,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Hold rollouts where they are: what is being replaced is finished, and nothing more is until they go on."""
    _turn(ctx, names, partial(holding.plan, is_on=True), dry_run=dry_run, style=style, waits=False)


def resume(
    ctx: typer.Context,
    names: NamesArgument,
    detach: DetachOption = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Go on with rollouts that are paused, by a person or after failures."""
    _turn(ctx, names, partial(holding.plan, is_on=False), dry_run=dry_run, style=style, waits=not detach)


def stop(
    ctx: typer.Context,
    names: NamesArgument,
    detach: DetachOption = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Stop services: no tasks any more; each remembers in a label how many it had."""
    _turn(ctx, names, park.stop, dry_run=dry_run, style=style, waits=not detach)


def start(
    ctx: typer.Context,
    names: NamesArgument,
    detach: DetachOption = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Start services that were stopped, with as many tasks as they had."""
    _turn(ctx, names, park.start, dry_run=dry_run, style=style, waits=not detach)


def _turn(
    ctx: typer.Context, names: list[str], make: Make, *, dry_run: bool, style: Format, waits: bool
) -> None:
    async def work(cluster: Cluster) -> None:
        found = [await cluster.control.resolve(objects_pb2.Service, name) for name in names]
        view = await view_for(cluster, found, dry_run=dry_run)
        plan = make(view, [one.id for one in found])
        if dry_run:
            await tell(view, plan, style)
            return
        done = await carry_out(cluster, plan, say=lambda outcome: outcome.told)
        if waits:
            from swarm_tui.cli.plumbing.progress import converge

            going_back = {one.id for one in found if one.update_status.state == _ROLLBACK_PAUSED}
            for outcome in done:
                await converge(cluster, outcome.id, goes_back=outcome.id in going_back)

    run(ctx, work)


COMMANDS = {"hold": hold, "resume": resume, "stop": stop, "start": start}
