"""`swarm-tui autoscale`: scaling the services that say how by what their tasks use (docs/design/plans.md 13.10)."""

from typing import Annotated

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing.dry_run import WOULD_CHANGE
from swarm_tui.cli.plumbing.figures import looking_on
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import globals_of, run
from swarm_tui.cli.plumbing.streams import ending_with_the_reader
from swarm_tui.clusters.allowance import Level
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.operations import autoscale as operation
from swarm_tui.operations.autoscale import Verdict
from swarm_tui.operations.model import apply
from swarm_tui.resources.printable import printable

Service = objects_pb2.Service


def autoscale(
    ctx: typer.Context,
    every: Annotated[
        float, typer.Option("--every", min=1, help="Seconds between two looks.", metavar="SECONDS")
    ] = 15.0,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Look once, say what is due, and change nothing; 2 where something is."
        ),
    ] = False,
) -> None:
    """Scale the services that 'service autoscale' names by what their tasks use, until interrupted; each decision is one line."""

    async def work(cluster: Cluster) -> None:
        globals_of(ctx).need(Level.LOOK if dry_run else Level.OPERATE, "scale services")
        is_due = False
        async with looking_on(cluster) as mirror:
            if dry_run:
                found = _verdicts(cluster, mirror)
                for verdict in found:
                    say(printable(str(verdict)))
                if not found:
                    say("No service scales by itself: 'swarm-tui service autoscale' says how one does.")
                is_due = any(verdict.is_change for verdict in found)
            else:
                with ending_with_the_reader():
                    await carry_on(cluster, mirror, every)
        if is_due:
            raise typer.Exit(WOULD_CHANGE)

    run(ctx, work)


def _verdicts(cluster: Cluster, mirror: Mirror) -> list[Verdict]:
    now_ns = cluster.clock.wall_ns()
    return [operation.judge(one, mirror, now_ns) for one in operation.with_policy(mirror)]


async def carry_on(cluster: Cluster, mirror: Mirror, every_s: float) -> None:
    """Look again and again, and do what is due. What is the same as at the look before, but for its numbers, is not said again."""
    told: dict[str, str] = {}
    while True:
        for verdict in _verdicts(cluster, mirror):
            if not verdict.is_change:
                if told.get(verdict.id) != verdict.topic:
                    say(printable(str(verdict)))
                told[verdict.id] = verdict.topic
                continue
            told.pop(verdict.id, None)
            async for outcome in apply(operation.scaling(verdict), cluster.control):
                say(printable(outcome.text), err=outcome.is_error)
        await cluster.clock.sleep(every_s)


COMMANDS = {"autoscale": autoscale}
