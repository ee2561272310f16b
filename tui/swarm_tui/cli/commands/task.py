"""`swarm-tui task …`, and the table of tasks that other nouns print too."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated

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
    NoTruncOption,
    QuietOption,
    print_listing,
    print_objects,
)
from swarm_tui.cli.plumbing.session import carry_out, run
from swarm_tui.cli.plumbing.views import view_of
from swarm_tui.resources import tasks
from swarm_tui.resources.model import ClusterView, Listing
from swarm_tui.resources.states import is_wanted

Task = objects_pb2.Task
noun = Noun("See tasks.")
NamesArgument = Annotated[list[str], typer.Argument(metavar="TASK…", autocompletion=completion.tasks)]


async def print_tasks(
    cluster: Cluster,
    found: Iterable[Task],
    filter_: list[str] | None,
    style: Format,
    quiet: bool,
    no_trunc: bool,
    *,
    no_resolve: bool = False,
) -> None:
    """The tasks that pass the filters, with their nodes' names, slot by slot and the newest attempt first."""
    view = await view_of(cluster, objects_pb2.Node)
    chosen = filters.chosen(found, filter_, filters.TASK, view)
    now_ns = cluster.clock.wall_ns()
    chosen.sort(key=lambda task: tasks.KIND.sort_keys["task"](task, view, now_ns))
    columns = _unresolved(tasks.KIND.listing) if no_resolve else tasks.KIND.listing
    columns = columns if style is not Format.TABLE else _with_attempts(chosen, columns)
    print_listing(
        tasks.KIND, chosen, view, now_ns, style=style, quiet=quiet, no_trunc=no_trunc, columns=columns
    )


def _unresolved(columns: Sequence[Listing]) -> tuple[Listing, ...]:
    """The columns with ids in place of names."""
    texts: dict[str, Callable[[Task, ClusterView, int], str]] = {
        "Name": lambda task, view, now_ns: tasks.unresolved_name(task),
        "Node": lambda task, view, now_ns: task.node_id,
    }
    return tuple(replace(column, text=texts.get(column.key, column.text)) for column in columns)


def _with_attempts(chosen: Sequence[Task], columns: Sequence[Listing]) -> tuple[Listing, ...]:
    """The columns, with earlier attempts of a slot hung below the newest one."""
    earlier: set[str] = set()
    seen: set[tuple[str, int]] = set()
    for task in chosen:
        place = (task.service_id, task.slot)
        if task.slot and place in seen:
            earlier.add(task.id)
        seen.add(place)

    plain = next(column.text for column in columns if column.key == "Name")

    def name(task: Task, view: ClusterView, now_ns: int) -> str:
        return ("\\_ " if task.id in earlier else "") + plain(task, view, now_ns)

    return tuple(replace(column, text=name) if column.key == "Name" else column for column in columns)


@noun.command()
def ls(
    ctx: typer.Context,
    all_: Annotated[bool, typer.Option("--all", "-a", help="Also tasks that are over.")] = False,
    filter_: FilterOption = None,
    style: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    no_trunc: NoTruncOption = False,
) -> None:
    """List tasks; without --all those that are meant to run."""

    async def work(cluster: Cluster) -> None:
        found = await cluster.control.find(Task)
        shown = [task for task in found if all_ or filter_ or is_wanted(task)]
        await print_tasks(cluster, shown, filter_, style, quiet, no_trunc)

    run(ctx, work)


@noun.command()
def inspect(ctx: typer.Context, names: NamesArgument, style: InspectFormatOption = Format.JSON) -> None:
    """Show everything about tasks: by id, or as service.slot."""

    async def work(cluster: Cluster) -> None:
        found = [await cluster.control.resolve(Task, name) for name in names]
        view = await view_of(cluster, *([objects_pb2.Node] if style is Format.TABLE else []), objects=found)
        print_objects(tasks.KIND, found, view, cluster.clock.wall_ns(), style)

    run(ctx, work)


@noun.command()
def why(
    ctx: typer.Context,
    names: NamesArgument,
    style: FormatOption = Format.TABLE,
    no_trunc: NoTruncOption = False,
) -> None:
    """Say why tasks are as they are: every filter on every node for one that waits, the cause for one that ended."""
    from swarm_tui.cli.plumbing.explaining import KINDS, print_explanations
    from swarm_tui.resources.why.tasks import explain

    async def work(cluster: Cluster) -> None:
        found = [await cluster.control.resolve(Task, name) for name in names]
        view = await view_of(cluster, *KINDS)
        now_ns = cluster.clock.wall_ns()
        print_explanations([explain(task, view, now_ns) for task in found], style, no_trunc=no_trunc)

    run(ctx, work)


@noun.command()
def kill(
    ctx: typer.Context,
    names: NamesArgument,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Kill tasks; --dry-run says what takes their places."""
    from swarm_tui.operations import kill as killing

    async def work(cluster: Cluster) -> None:
        found = [await cluster.control.resolve(Task, name) for name in names]
        service_ids = dict.fromkeys(one.service_id for one in found if one.service_id)
        owners = [await cluster.control.get(objects_pb2.Service, id_) for id_ in service_ids]
        view = await view_for(cluster, [*found, *owners], dry_run=dry_run)
        plan = killing.plan(view, [one.id for one in found])
        if dry_run:
            await tell(view, plan, style)
            return
        await carry_out(cluster, plan, say=lambda outcome: outcome.id)

    run(ctx, work)


@noun.command()
def logs(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="TASK", autocompletion=completion.tasks)],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines.")] = False,
    tail: Annotated[str, typer.Option("--tail", "-n", help="Lines from the end, or all.")] = "all",
    since: Annotated[
        str | None, typer.Option("--since", help="A time, or an age such as 10m.", metavar="WHEN")
    ] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="Show when.")] = False,
) -> None:
    """Print a task's log."""
    from swarm_tui.cli.plumbing.follow import follow_logs
    from swarm_tui.cli.plumbing.lines import LinePrinter, log_query
    from swarm_tui.cli.plumbing.streams import ending_with_the_reader

    async def work(cluster: Cluster) -> None:
        task = await cluster.control.resolve(Task, name)
        query = log_query(
            task_ids=(task.id,), follow=follow, tail=tail, since=since, now_ns=cluster.clock.wall_ns()
        )
        printer = partial(LinePrinter, show_names=False, show_times=timestamps)
        with ending_with_the_reader():
            if follow:
                await follow_logs(cluster, query, printer)
            else:
                await cluster.logs().run(query, printer(lambda _: None).print)

    run(ctx, work)
