"""`swarm-tui drill NODE…`: what would happen if the node went away, tried out, and given back (docs/design/terminal.md 11.20)."""

from collections.abc import Sequence
from typing import Annotated

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing import completion
from swarm_tui.cli.plumbing.dry_run import DryRunOption, tell, view_for
from swarm_tui.cli.plumbing.live import live
from swarm_tui.cli.plumbing.output import Format, FormatOption
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import Failure, carry_out, failure_of, resolved, run
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.operations import nodes as operation
from swarm_tui.operations.describe import describe
from swarm_tui.operations.drill import Drill, told
from swarm_tui.operations.drill_course import TIMEOUT_S, objection, play
from swarm_tui.operations.model import Plan
from swarm_tui.resources.printable import printable

Node = objects_pb2.Node


def drill(
    ctx: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NODE…", autocompletion=completion.nodes)],
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, help="Seconds to wait for full strength.", metavar="SECONDS")
    ] = TIMEOUT_S,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Drain nodes, stop the clock when everything runs elsewhere, and give them back; the score stands beside what was foretold."""

    async def work(cluster: Cluster) -> None:
        found, failures = await resolved(cluster, Node, names)
        if failures:
            raise failure_of(failures)
        ids = [node.id for node in found.values()]
        if dry_run:
            view = await view_for(cluster, found.values(), dry_run=True)
            await tell(view, operation.availability(view, ids, "drain"), style)
            return
        async with live(cluster) as mirror:
            await _play(cluster, mirror, ids, timeout)

    run(ctx, work)


async def _play(cluster: Cluster, mirror: Mirror, ids: Sequence[str], timeout_s: float) -> None:
    if text := objection(mirror, ids):
        raise Failure(text)
    plan = operation.availability(mirror, ids, "drain")
    description = describe(plan, mirror)
    if description.refusals:
        raise failure_of(description.refusals)
    for text in (description.title, *description.effects, *description.cautions):
        say(printable(text))

    async def apply(plan: Plan) -> bool:
        await carry_out(cluster, plan, say=lambda outcome: "")
        return True

    score = await play(Drill(mirror, ids, description), mirror, cluster.clock, apply, timeout_s=timeout_s)
    assert score is not None, "what could not be drained is a failure"
    for line in told(score):
        say(printable(line))
    if score.seconds is None:
        raise typer.Exit(1)


COMMANDS = {"drill": drill}
