"""`swarm-tui service autoscale` and `suggest`: how a service scales by what its tasks use, and what would fit (docs/design/plans.md 13.10, 13.11)."""

from typing import Annotated

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.rules import autoscale as rule
from swarm_core.rules.autoscale import Policy

from swarm_tui.cli.plumbing import completion
from swarm_tui.cli.plumbing.dry_run import DryRunOption, print_description, tell, view_for
from swarm_tui.cli.plumbing.figures import looking_on
from swarm_tui.cli.plumbing.output import Format, FormatOption, print_records
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure, carry_out, run
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.operations import autoscale as operation
from swarm_tui.operations import suggest as suggesting
from swarm_tui.operations.describe import as_record, describe
from swarm_tui.resources.printable import printable

Service = objects_pb2.Service


def autoscale(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="SERVICE", autocompletion=completion.services)],
    cpu: Annotated[
        str | None,
        typer.Option(
            "--cpu",
            help="Target of what a task may use: its reservation, or limit, or one processor.",
            metavar="PERCENT",
        ),
    ] = None,
    memory: Annotated[
        str | None, typer.Option("--memory", help="Target of its reservation or limit.", metavar="PERCENT")
    ] = None,
    least: Annotated[
        int | None, typer.Option("--min", min=1, help="Never fewer tasks.", metavar="NUMBER")
    ] = None,
    most: Annotated[
        int | None, typer.Option("--max", min=1, help="Never more tasks.", metavar="NUMBER")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Do not scale it by itself any more.")] = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Say in a label of a service how it scales by what its tasks use; 'swarm-tui autoscale' carries it out."""
    wanted = None if off else _policy(cpu, memory, least, most)

    async def work(cluster: Cluster) -> None:
        found = await cluster.control.resolve(Service, name)
        view = await view_for(cluster, [found], dry_run=dry_run)
        plan = operation.asked(view, [found.id], wanted)
        if dry_run:
            await tell(view, plan, style)
            return
        await carry_out(cluster, plan, say=lambda outcome: outcome.text)

    run(ctx, work)


def _policy(cpu: str | None, memory: str | None, least: int | None, most: int | None) -> Policy:
    """Raises Failure."""
    targets = {}
    for name, text in (("cpu", cpu), ("memory", memory)):
        if text is not None:
            share = rule.percent(text)
            if share is None:
                raise Failure(f"--{name}: {text!r} is no percentage, as 70% is.", USAGE)
            targets[name] = share
    if not targets or least is None or most is None:
        raise Failure("Give --min, --max, and --cpu or --memory; or --off.", USAGE)
    if least > most:
        raise Failure(f"--min: {least} is more than --max {most}.", USAGE)
    return Policy(least, most, targets)


def suggest(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SERVICE…]", autocompletion=completion.services)
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Carry it out.")] = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Say which number of tasks and which reservations would fit what services used over ten minutes, and why; without names all of them."""

    async def work(cluster: Cluster) -> None:
        ids = [(await cluster.control.resolve(Service, name)).id for name in names or ()]
        async with looking_on(cluster) as mirror:
            chosen = ids or [
                one.id for one in sorted(mirror.objects(Service), key=lambda one: one.spec.annotations.name)
            ]
            plan = suggesting.plan(mirror, chosen)
            if not (dry_run and plan.steps):
                _say(plan, mirror, style)
                if apply and plan.steps:
                    await carry_out(cluster, plan, say=lambda outcome: outcome.text)
                return
        await tell(mirror, plan, style)

    run(ctx, work)


def _say(plan: "suggesting.Plan", mirror: Mirror, style: Format) -> None:
    description = describe(plan, mirror)
    if style is not Format.TABLE:
        print_records([as_record(description)], style)
    elif description.is_change:
        print_description(description)
    else:
        for text in plan.notes or ("There is no service.",):
            say(printable(text))


COMMANDS = {"autoscale": autoscale, "suggest": suggest}
