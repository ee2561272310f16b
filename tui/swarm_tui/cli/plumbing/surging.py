"""`swarm-tui node drain --surge`: the drain with the replacements first, told while it goes on (docs/design/plans.md 13.9)."""

from collections.abc import Awaitable, Callable, Sequence

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing.dry_run import WOULD_CHANGE, print_description, view_for
from swarm_tui.cli.plumbing.live import live
from swarm_tui.cli.plumbing.output import Format, print_records
from swarm_tui.cli.plumbing.progress_lines import ProgressLines
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import Failure, failure_of, globals_of, resolved, run
from swarm_tui.cli.plumbing.views import view_of
from swarm_tui.clusters.allowance import Level
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.operations import surge as operation
from swarm_tui.operations.describe import as_record
from swarm_tui.operations.model import Outcome, Plan, apply
from swarm_tui.operations.surge import Surge
from swarm_tui.operations.surge_course import Course, SurgeFailed
from swarm_tui.resources.format import plural
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.printable import printable

Node = objects_pb2.Node
Find = Callable[[Cluster, str], Awaitable[Node]]
KINDS = (objects_pb2.Service, objects_pb2.Node)


def drain(
    ctx: typer.Context,
    names: Sequence[str],
    find: Find,
    dry_run: Format | None,
    *,
    rest_plainly: bool,
    timeout_s: float,
) -> None:
    """Drain nodes; `find` finds one by what was typed, and with `dry_run` it is only said, in that form."""

    async def work(cluster: Cluster) -> None:
        ids = await _ids(cluster, names, find)
        if dry_run is not None:
            view = await view_for(cluster, (), dry_run=True)
            _tell(_prepared(view, ids, rest_plainly=rest_plainly), view, dry_run)
            return
        globals_of(ctx).need(Level.IMPACT, f"drain {' '.join(names)}")
        async with live(cluster) as mirror:
            await _carry_out(cluster, mirror, _prepared(mirror, ids, rest_plainly=rest_plainly), timeout_s)

    run(ctx, work)


def _prepared(view: ClusterView, ids: Sequence[str], *, rest_plainly: bool) -> Surge:
    """Raises Failure where it is refused."""
    surge = operation.prepared(view, ids, rest_plainly=rest_plainly)
    if surge.shown.refusals:
        raise failure_of(surge.shown.refusals)
    return surge


def _tell(surge: Surge, view: ClusterView, style: Format) -> None:
    """Raises Exit where something would change."""
    description = operation.described(surge, view)
    if style is Format.TABLE:
        print_description(description)
    else:
        print_records([as_record(description)], style)
    if description.is_change:
        raise typer.Exit(WOULD_CHANGE)


async def _carry_out(cluster: Cluster, mirror: Mirror, surge: Surge, timeout_s: float) -> None:
    description = operation.described(surge, mirror)
    for text in (*description.effects, *description.cautions):
        say(printable(text))
    line = ProgressLines(quiet=False)
    wrong: list[str] = []

    async def carried_out(plan: Plan) -> list[Outcome]:
        outcomes = [outcome async for outcome in apply(plan, cluster.control)]
        wrong.extend(one.text for one in outcomes if one.is_error)
        return outcomes

    course = Course(surge, mirror, cluster.clock, carried_out, lambda: line.show(course.progress()))
    try:
        await course.run(timeout_s)
    except SurgeFailed as error:
        raise failure_of([*wrong, str(error)]) from None
    finally:
        line.end()
    if wrong:
        raise failure_of(wrong)
    for outcome in course.drained:
        say(printable(outcome.name))


def stop(ctx: typer.Context, names: Sequence[str], find: Find, dry_run: Format | None) -> None:
    """End a drain of these nodes that was cut off."""

    async def work(cluster: Cluster) -> None:
        ids = await _ids(cluster, names, find)
        view = await view_of(cluster, *KINDS)
        found = operation.marked_for(view, ids)
        if not found:
            raise Failure(f"Nothing is moved off {', '.join(names)}: there is nothing to end.")
        for plan in operation.stopped(view, ids):
            if dry_run is not None:
                for step in plan.steps:
                    say(printable(f"  ~ {step.name}: {', '.join(step.changes) or step.done.text}"))
                continue
            outcomes = [outcome async for outcome in apply(plan, cluster.control)]
            if wrong := [one.text for one in outcomes if one.is_error]:
                raise failure_of(wrong)
        if dry_run is not None:
            raise typer.Exit(WOULD_CHANGE)
        say(
            f"{plural(len(found), 'service')} left where {'it is' if len(found) == 1 else 'they are'}; the nodes take tasks."
        )

    run(ctx, work)


async def _ids(cluster: Cluster, names: Sequence[str], find: Find) -> list[str]:
    found, failures = await resolved(cluster, Node, names, find)
    if failures:
        raise failure_of(failures)
    return [node.id for node in found.values()]
