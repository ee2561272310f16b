"""`swarm-tui service …`; columns are the docker command line's."""

import re
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing import completion, filters
from swarm_tui.cli.plumbing.dry_run import DryRunOption, tell, view_for
from swarm_tui.cli.plumbing.nouns import Noun
from swarm_tui.cli.plumbing.output import (
    FilterOption,
    Format,
    FormatOption,
    InspectFormatOption,
    NoResolveOption,
    NoTruncOption,
    QuietOption,
    print_listing,
    print_objects,
)
from swarm_tui.cli.plumbing.session import USAGE, Failure, carry_out, run
from swarm_tui.cli.plumbing.views import counted, view_of
from swarm_tui.resources import format as fmt
from swarm_tui.resources import services, tasks

if TYPE_CHECKING:
    # Lists need not wait for what changes something.
    from swarm_tui.operations.scale import Amount

Service = objects_pb2.Service
_SIGNS = {"": "=", "*": "x"}
noun = Noun("See and change services.")
noun.elsewhere("create", "service_spec", "Create a service.")
NamesArgument = Annotated[list[str], typer.Argument(metavar="SERVICE…", autocompletion=completion.services)]
DetachOption = Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the tasks.")]


@noun.command()
def ls(
    ctx: typer.Context,
    filter_: FilterOption = None,
    style: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    no_trunc: NoTruncOption = False,
) -> None:
    """List the services."""

    async def work(cluster: Cluster) -> None:
        found = await cluster.control.find(Service)
        view = await counted(cluster, found)
        shown = filters.chosen(found, filter_, filters.SERVICE, view)
        shown.sort(key=lambda service: fmt.natural(services.name(service)))
        now_ns = cluster.clock.wall_ns()
        print_listing(services.KIND, shown, view, now_ns, style=style, quiet=quiet, no_trunc=no_trunc)

    run(ctx, work)


@noun.command()
def ps(
    ctx: typer.Context,
    names: NamesArgument,
    filter_: FilterOption = None,
    style: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    no_trunc: NoTruncOption = False,
    no_resolve: NoResolveOption = False,
) -> None:
    """List the tasks of services."""
    from swarm_tui.cli.commands.task import print_tasks

    async def work(cluster: Cluster) -> None:
        ids = [(await cluster.control.resolve(Service, name)).id for name in names]
        found = await cluster.control.find(tasks.Task, service_ids=ids)
        await print_tasks(cluster, found, filter_, style, quiet, no_trunc, no_resolve=no_resolve)

    run(ctx, work)


@noun.command()
def inspect(
    ctx: typer.Context,
    names: NamesArgument,
    style: InspectFormatOption = Format.JSON,
    pretty: Annotated[bool, typer.Option("--pretty", help="Print for people.")] = False,
) -> None:
    """Show everything about services."""

    async def work(cluster: Cluster) -> None:
        found = [await cluster.control.resolve(Service, name) for name in names]
        is_pretty = pretty or style is Format.TABLE
        kinds = (objects_pb2.Node, objects_pb2.Task) if is_pretty else ()
        view = await view_of(cluster, *kinds, objects=found)
        now_ns = cluster.clock.wall_ns()
        print_objects(services.KIND, found, view, now_ns, Format.TABLE if is_pretty else style)

    run(ctx, work)


@noun.command()
def why(
    ctx: typer.Context,
    names: NamesArgument,
    nodes: Annotated[
        bool, typer.Option("--nodes", help="What every node says about one more task, in any case.")
    ] = False,
    style: FormatOption = Format.TABLE,
    no_trunc: NoTruncOption = False,
) -> None:
    """Say why services are not at their goal: every filter on every node, and what would help."""
    from swarm_tui.cli.plumbing.explaining import KINDS, print_explanations
    from swarm_tui.resources.why.services import explain

    async def work(cluster: Cluster) -> None:
        found = [await cluster.control.resolve(Service, name) for name in names]
        view = await view_of(cluster, *KINDS)
        now_ns = cluster.clock.wall_ns()
        explained = [explain(service, view, now_ns, with_nodes=nodes) for service in found]
        print_explanations(explained, style, no_trunc=no_trunc)

    run(ctx, work)


@noun.command()
def scale(
    ctx: typer.Context,
    goals: Annotated[
        list[str], typer.Argument(metavar="SERVICE=REPLICAS…", autocompletion=completion.services)
    ],
    detach: DetachOption = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Set the number of tasks of services: web=5, or from the present one web+=3, web-=1, web*=2."""
    from swarm_tui.operations import scale as operation
    from swarm_tui.operations.model import joined

    wanted = [_goal(text) for text in goals]

    async def work(cluster: Cluster) -> None:
        found = [(await cluster.control.resolve(Service, name), amount) for name, amount in wanted]
        view = await view_for(cluster, [service for service, _ in found], dry_run=dry_run)
        plan = joined("Scale services", [operation.plan(view, [one.id], amount) for one, amount in found])
        if dry_run:
            await tell(view, plan, style)
            return
        done = await carry_out(cluster, plan, say=lambda outcome: outcome.text)
        if detach:
            return
        from swarm_tui.cli.plumbing.progress import converge

        for service_id in dict.fromkeys(outcome.id for outcome in done):
            await converge(cluster, service_id)

    run(ctx, work)


def _goal(text: str) -> "tuple[str, Amount]":
    """WEB=3, or WEB+=2, WEB-=1, WEB*=2: a name ends with a letter or digit, so a sign before the = is none of it."""
    from swarm_core.specs.errors import InvalidValue
    from swarm_core.specs.notation import whole

    from swarm_tui.operations.scale import Amount

    match = re.fullmatch(r"(.*[^-+*])([-+*]?)=([0-9]+)", text)
    if match is None:
        raise Failure(f"{text!r} is not SERVICE=REPLICAS.", USAGE)
    name, sign, digits = match.groups()
    try:
        return name, Amount(_SIGNS.get(sign, sign), whole(digits))
    except InvalidValue:
        raise Failure(f"{text!r} asks for more tasks than a cluster can count.", USAGE) from None


noun.elsewhere("update", "service_spec", "Change a service.")
noun.elsewhere("edit", "service_edit", "Change a service as YAML in your own editor.")
noun.elsewhere(
    "rollback",
    "service_history",
    "Go back to the spec that a service had before this one, or to an earlier one.",
)
noun.elsewhere("history", "service_history", "List the specs that a service had.")
noun.elsewhere("autoscale", "service_autoscale", "Say how a service scales by what its tasks use.")
noun.elsewhere("suggest", "service_autoscale", "Say what would fit what services use.")
noun.elsewhere("hold", "service_turns", "Hold rollouts where they are.")
noun.elsewhere("resume", "service_turns", "Go on with rollouts that are paused.")
noun.elsewhere("stop", "service_turns", "Stop services; each remembers how many tasks it had.")
noun.elsewhere("start", "service_turns", "Start services that were stopped, with as many tasks as they had.")


@noun.command()
def rm(
    ctx: typer.Context,
    names: NamesArgument,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Remove services and their tasks."""

    async def work(cluster: Cluster) -> None:
        from swarm_tui.cli.plumbing.removal import remove_each

        await remove_each(cluster, services.KIND, names, dry_run=style if dry_run else None)

    run(ctx, work)


@noun.command()
def logs(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="SERVICE|TASK", autocompletion=completion.services)],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines.")] = False,
    tail: Annotated[
        str, typer.Option("--tail", "-n", help="Lines from the end of each task, or all.")
    ] = "all",
    since: Annotated[
        str | None, typer.Option("--since", help="A time, or an age such as 10m.", metavar="WHEN")
    ] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="Show when.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Only the lines, without names.")] = False,
    details: Annotated[
        bool, typer.Option("--details", help="Show what the log driver notes with each line.")
    ] = False,
    no_trunc: Annotated[
        bool, typer.Option("--no-trunc", help="Name each task with its whole id behind its slot.")
    ] = False,
    no_task_ids: Annotated[
        bool, typer.Option("--no-task-ids", help="No ids of tasks in their names, as without --no-trunc.")
    ] = False,
    no_resolve: NoResolveOption = False,
) -> None:
    """Print the logs of a service's tasks, merged by time."""
    from swarm_tui.cli.plumbing.follow import Naming, follow_logs
    from swarm_tui.cli.plumbing.lines import LinePrinter, log_query
    from swarm_tui.cli.plumbing.streams import ending_with_the_reader

    async def work(cluster: Cluster) -> None:
        now_ns = cluster.clock.wall_ns()
        service_ids, task_ids, found = await _whose(cluster, name)
        query = log_query(
            service_ids=service_ids, task_ids=task_ids, follow=follow, tail=tail, since=since, now_ns=now_ns
        )
        view = await view_of(cluster, objects_pb2.Node, objects=found)
        naming = Naming(is_resolved=not no_resolve, has_task_ids=no_trunc and not no_task_ids)
        known = [shown for task in found if (shown := naming.label(view, task.id))]
        printer = partial(
            LinePrinter, show_names=not raw, show_times=timestamps, show_details=details, known=known
        )
        with ending_with_the_reader():
            if follow:
                await follow_logs(cluster, query, printer, naming)
            else:
                await cluster.logs().run(query, printer(lambda task_id: naming.label(view, task_id)).print)

    run(ctx, work)


async def _whose(
    cluster: Cluster, name: str
) -> tuple[tuple[str, ...], tuple[str, ...], list[objects_pb2.Task]]:
    """(service ids, task ids, tasks): the docker command line takes a task's id here as well."""
    from swarm_core.client.control import NoSuchObject

    try:
        service = await cluster.control.resolve(Service, name)
    except NoSuchObject:
        try:
            task = await cluster.control.resolve(tasks.Task, name)
        except NoSuchObject:
            raise NoSuchObject(
                f"There is no service or task named {name!r}, and no id begins with it."
            ) from None
        return (), (task.id,), [task]
    return (service.id,), (), await cluster.control.find(tasks.Task, service_ids=[service.id])
