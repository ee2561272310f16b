"""`swarm-tui service …`. Flags and columns are the docker command line's; `--runtime process` runs a command instead of an image."""

from typing import Annotated, Any

import typer
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.client.cluster import Cluster

from swarm_tui.cli import completion, filters, flags
from swarm_tui.cli.draft import CONTAINER, Draft
from swarm_tui.cli.output import (
    FilterOption,
    Format,
    FormatOption,
    NoTruncOption,
    QuietOption,
    print_listing,
    print_objects,
)
from swarm_tui.cli.progress import converge
from swarm_tui.cli.session import USAGE, Failure, for_each, noun, run
from swarm_tui.cli.signature import with_flags
from swarm_tui.cli.task import print_tasks
from swarm_tui.cli.values import BadValue
from swarm_tui.cli.views import counted, view_of
from swarm_tui.resources import format as fmt
from swarm_tui.resources import services, tasks

Service = objects_pb2.Service
app = noun("See and change services.")
NameArgument = Annotated[str, typer.Argument(metavar="SERVICE", autocompletion=completion.services)]
NamesArgument = Annotated[list[str], typer.Argument(metavar="SERVICE…", autocompletion=completion.services)]
DetachOption = Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the tasks.")]
QuietProgressOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


@app.command(context_settings={"allow_interspersed_args": False})
@with_flags(flags.CREATE)
def create(
    ctx: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(metavar="IMAGE [COMMAND] [ARG…]")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the service.")] = None,
    runtime: Annotated[
        str,
        typer.Option("--runtime", help="container, or process for a command of the nodes.", metavar="WORD"),
    ] = CONTAINER,
    detach: DetachOption = False,
    quiet: QuietProgressOption = False,
    **given: Any,
) -> None:
    """Create a service: of an image, or with --runtime process [OPTIONS] -- COMMAND… of a command."""
    draft = _new_draft(runtime, words or [], given)

    async def work(cluster: Cluster) -> None:
        draft.spec.annotations.name = name or _invented_name(cluster, words or [])
        spec = draft.finish(await draft.references(cluster.control))
        created = await cluster.control.create(Service, spec)
        typer.echo(created.id)
        if not detach:
            await converge(cluster, created.id, quiet=quiet)

    run(ctx, work)


def _new_draft(runtime: str, words: list[str], given: dict[str, Any]) -> Draft:
    if not words:
        what = "an image" if runtime == CONTAINER else "a command, after --"
        raise Failure(f"service create needs {what}.", USAGE)
    try:
        draft = Draft.new(runtime)
        if draft.process is None:
            draft.container.image = words[0]
        else:
            draft.process.command.append(words[0])
        draft.body.args.extend(words[1:])
        flags.apply(draft, flags.CREATE, given)
    except BadValue as error:
        raise Failure(str(error), USAGE) from None
    if given.get("replicas") is None and draft.spec.WhichOneof("mode") in (None, "replicated"):
        draft.spec.replicated.replicas = 1
    return draft


def _invented_name(cluster: Cluster, words: list[str]) -> str:
    base = words[0].partition("@")[0].rpartition("/")[2].partition(":")[0]
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in base).strip("-")
    return f"{kept[:50] or 'service'}-{cluster.rng.getrandbits(20):05x}"


@app.command()
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


@app.command()
def ps(
    ctx: typer.Context,
    names: NamesArgument,
    filter_: FilterOption = None,
    style: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    no_trunc: NoTruncOption = False,
) -> None:
    """List the tasks of services."""

    async def work(cluster: Cluster) -> None:
        ids = [(await cluster.control.resolve(Service, name)).id for name in names]
        found = await cluster.control.find(tasks.Task, service_ids=ids)
        await print_tasks(cluster, found, filter_, style, quiet, no_trunc)

    run(ctx, work)


@app.command()
def inspect(
    ctx: typer.Context,
    names: NamesArgument,
    style: FormatOption = Format.JSON,
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


@app.command()
def scale(
    ctx: typer.Context,
    goals: Annotated[
        list[str], typer.Argument(metavar="SERVICE=REPLICAS…", autocompletion=completion.services)
    ],
    detach: DetachOption = False,
) -> None:
    """Set the number of tasks of replicated services."""
    wanted = [_goal(text) for text in goals]

    async def work(cluster: Cluster) -> None:
        changed = []
        for name, replicas in wanted:
            service = await cluster.control.resolve(Service, name)
            mode = service.spec.WhichOneof("mode")
            if mode not in ("replicated", "replicated_job"):
                raise Failure(f"{name} is {services.mode(service)}: only a replicated service can be scaled.")

            def edit(spec: specs_pb2.ServiceSpec, replicas: int = replicas) -> None:
                if spec.WhichOneof("mode") == "replicated_job":
                    spec.replicated_job.total_completions = replicas
                else:
                    spec.replicated.replicas = replicas

            await cluster.control.change(Service, service.id, edit)
            typer.echo(f"{name} scaled to {replicas}")
            changed.append(service.id)
        for service_id in [] if detach else changed:
            await converge(cluster, service_id)

    run(ctx, work)


def _goal(text: str) -> tuple[str, int]:
    name, separator, count = text.rpartition("=")
    if not separator or not name or not count.isdecimal():
        raise Failure(f"{text!r} is not SERVICE=REPLICAS.", USAGE)
    return name, int(count)


@app.command()
@with_flags(flags.UPDATE)
def update(
    ctx: typer.Context,
    name: NameArgument,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Go back to the spec before this one.")
    ] = False,
    detach: DetachOption = False,
    quiet: QuietProgressOption = False,
    **given: Any,
) -> None:
    """Change a service."""
    if not rollback and not any(value is not None and value != [] for value in given.values()):
        raise Failure("service update needs at least one option that changes something.", USAGE)

    async def work(cluster: Cluster) -> None:
        service = await cluster.control.resolve(Service, name)
        if rollback:
            from swarm_core.api.proto import control_pb2

            await cluster.control.change(
                Service, service.id, lambda spec: None, rollback=control_pb2.UpdateServiceRequest.PREVIOUS
            )
        else:
            await _change(cluster, service, given)
        typer.echo(name)
        if not detach:
            await converge(cluster, service.id, quiet=quiet)

    run(ctx, work)


async def _change(cluster: Cluster, service: Service, given: dict[str, Any]) -> None:
    trial = specs_pb2.ServiceSpec()
    trial.CopyFrom(service.spec)
    references = await _edited(trial, given).references(cluster.control)
    await cluster.control.change(Service, service.id, lambda spec: _edited(spec, given).finish(references))


def _edited(spec: specs_pb2.ServiceSpec, given: dict[str, Any]) -> Draft:
    draft = Draft.of(spec)
    try:
        flags.apply(draft, flags.UPDATE, given)
    except BadValue as error:
        raise Failure(str(error), USAGE) from None
    return draft


@app.command()
def rm(ctx: typer.Context, names: NamesArgument) -> None:
    """Remove services and their tasks."""

    async def work(cluster: Cluster) -> None:
        async def remove(name: str) -> None:
            service = await cluster.control.resolve(Service, name)
            await cluster.control.remove(Service, service.id)

        await for_each(names, remove)

    run(ctx, work)


@app.command()
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
) -> None:
    """Print the logs of a service's tasks, merged by time."""
    from swarm_tui.cli.lines import LinePrinter, log_query

    async def work(cluster: Cluster) -> None:
        now_ns = cluster.clock.wall_ns()
        service_ids, task_ids, found = await _whose(cluster, name)
        query = log_query(
            service_ids=service_ids, task_ids=task_ids, follow=follow, tail=tail, since=since, now_ns=now_ns
        )
        view = await view_of(cluster, objects_pb2.Node)
        names = {task.id: f"{tasks.name(task, view)}@{tasks.node_name(task, view) or '-'}" for task in found}
        await cluster.logs().run(query, LinePrinter(names, show_names=not raw, show_times=timestamps).print)

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
