"""`swarm-tui node …`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.client import node_directory, sockets
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
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure, carry_out, reading, resolved, run
from swarm_tui.cli.plumbing.views import view_of
from swarm_tui.resources import nodes

if TYPE_CHECKING:
    from swarm_tui.operations.model import Plan

Node = objects_pb2.Node
Service = objects_pb2.Service
noun = Noun("See and change nodes.")
_SELF = "self"
_DOCKERS_STATE = Path("/var/lib/docker/swarm")
NameArgument = Annotated[str, typer.Argument(metavar="NODE", autocompletion=completion.nodes)]
NamesArgument = Annotated[list[str], typer.Argument(metavar="NODE…", autocompletion=completion.nodes)]


async def _node(cluster: Cluster, name: str) -> Node:
    """A node by name or id; `self` is the one whose control socket is asked, as on docker's command line. Raises UnresolvedReference."""
    if name != _SELF:
        return await cluster.control.resolve(Node, name)
    for place in (Path(cluster.target).parent, _DOCKERS_STATE):
        own = node_directory.role(place)
        if own is not None and (place != _DOCKERS_STATE or Path(cluster.target) == sockets.DOCKER_SOCKET):
            return await cluster.control.resolve(Node, own[0])
    from swarm_core.client.control import NoSuchObject

    raise NoSuchObject("It cannot be told from here which node 'self' is; name it.")


@noun.command()
def ls(
    ctx: typer.Context,
    filter_: FilterOption = None,
    style: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
) -> None:
    """List the nodes."""

    async def work(cluster: Cluster) -> None:
        view = await view_of(cluster, Node)
        found = filters.chosen(view.objects(Node), filter_, filters.NODE, view)
        now_ns = cluster.clock.wall_ns()
        found.sort(key=lambda node: nodes.KIND.sort_keys["node"](node, view, now_ns))
        print_listing(nodes.KIND, found, view, now_ns, style=style, quiet=quiet)

    run(ctx, work)


@noun.command()
def inspect(
    ctx: typer.Context,
    names: NamesArgument,
    style: InspectFormatOption = Format.JSON,
    pretty: Annotated[bool, typer.Option("--pretty", help="Print for people.")] = False,
) -> None:
    """Show everything about nodes."""

    async def work(cluster: Cluster) -> None:
        found = [await _node(cluster, name) for name in names]
        is_pretty = pretty or style is Format.TABLE
        view = await view_of(cluster, *([objects_pb2.Task] if is_pretty else []), objects=found)
        print_objects(nodes.KIND, found, view, cluster.clock.wall_ns(), Format.TABLE if is_pretty else style)

    run(ctx, work)


@noun.command()
def ps(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NODE…]", autocompletion=completion.nodes)
    ] = None,
    filter_: FilterOption = None,
    style: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    no_trunc: NoTruncOption = False,
    no_resolve: NoResolveOption = False,
) -> None:
    """List the tasks on nodes; without a name on the one whose socket is asked."""
    from swarm_tui.cli.commands.task import print_tasks

    async def work(cluster: Cluster) -> None:
        ids = [(await _node(cluster, name)).id for name in names or [_SELF]]
        found = await cluster.control.find(objects_pb2.Task, node_ids=ids)
        await print_tasks(cluster, found, filter_, style, quiet, no_trunc, no_resolve=no_resolve)

    run(ctx, work)


@noun.command()
def update(
    ctx: typer.Context,
    name: NameArgument,
    availability: Annotated[
        str | None, typer.Option("--availability", help="active, pause or drain.", metavar="WORD")
    ] = None,
    role: Annotated[str | None, typer.Option("--role", help="worker or manager.", metavar="WORD")] = None,
    label_add: Annotated[
        list[str] | None, typer.Option("--label-add", help="Add or replace a label.", metavar="KEY=VALUE")
    ] = None,
    label_rm: Annotated[
        list[str] | None, typer.Option("--label-rm", help="Remove a label.", metavar="KEY")
    ] = None,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Change a node's availability, role or labels."""
    from swarm_core.specs import node as setters
    from swarm_core.specs import notation

    from swarm_tui.operations import nodes as operation

    scratch = specs_pb2.NodeSpec()
    if availability is not None:
        with reading("--availability"):
            setters.set_availability(scratch, availability)
    if role is not None:
        with reading("--role"):
            setters.set_role(scratch, role)
    with reading("--label-add"):
        labels = notation.pairs(label_add or [])
    edit = operation.Edit(availability, role, labels, label_rm or ())

    async def work(cluster: Cluster) -> None:
        node = await _node(cluster, name)
        view = await view_for(cluster, [node, *await _led_services(cluster, role)], dry_run=dry_run)
        plan = operation.plan(view, [node.id], edit)
        if dry_run:
            await tell(view, plan, style)
            return
        _warn(plan)
        await carry_out(cluster, plan, say=lambda outcome: name)

    run(ctx, work)


@noun.command()
def activate(
    ctx: typer.Context,
    names: NamesArgument,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Let nodes take tasks again."""
    _change_availability(ctx, names, "active", style if dry_run else None)


@noun.command()
def pause(
    ctx: typer.Context,
    names: NamesArgument,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Let nodes keep their tasks and take no new ones."""
    _change_availability(ctx, names, "pause", style if dry_run else None)


@noun.command()
def drain(
    ctx: typer.Context,
    names: NamesArgument,
    surge: Annotated[
        bool,
        typer.Option(
            "--surge",
            help="Stop a task only once its replacement runs elsewhere, and wait for all of them; what cannot be moved so refuses it.",
        ),
    ] = False,
    rest_plainly: Annotated[
        bool, typer.Option("--rest-plainly", help="With --surge: let what cannot be moved first stop.")
    ] = False,
    stop: Annotated[
        bool,
        typer.Option(
            "--stop",
            help="With --surge: end one that was cut off; what moved stays, the nodes take tasks again.",
        ),
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", min=1, help="With --surge: seconds to wait before giving up.", metavar="SECONDS"
        ),
    ] = 3600.0,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Move the tasks of nodes to other nodes, and let them take no new ones."""
    if not surge:
        if rest_plainly or stop:
            raise Failure("--rest-plainly and --stop are for a drain with --surge.", USAGE)
        _change_availability(ctx, names, "drain", style if dry_run else None)
        return
    from swarm_tui.cli.plumbing import surging

    told = style if dry_run else None
    if stop:
        surging.stop(ctx, names, _node, told)
    else:
        surging.drain(ctx, names, _node, told, rest_plainly=rest_plainly, timeout_s=timeout)


def _change_availability(ctx: typer.Context, names: list[str], word: str, dry_run: Format | None) -> None:
    from swarm_tui.operations import nodes as operation

    async def work(cluster: Cluster) -> None:
        found, failures = await resolved(cluster, Node, names, _node)
        # Draining asks what runs where, and where else it could; activating, what is moved off the nodes just now.
        asked: dict[str, tuple[type[Any], ...]] = {"drain": (Node, objects_pb2.Task), "active": (Service,)}
        kinds = asked.get(word, ())
        if dry_run is not None:
            view = await view_for(cluster, found.values(), dry_run=True)
        else:
            view = await view_of(cluster, *kinds, objects=found.values())
        plan = operation.availability(view, [node.id for node in found.values()], word)
        if dry_run is not None:
            await tell(view, plan, dry_run, failures)
            return
        _warn(plan)
        await carry_out(cluster, plan, say=lambda outcome: outcome.name, failures=failures)

    run(ctx, work)


@noun.command()
def promote(
    ctx: typer.Context,
    names: NamesArgument,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Make nodes managers."""
    _change_roles(ctx, names, "manager", style if dry_run else None)


@noun.command()
def demote(
    ctx: typer.Context,
    names: NamesArgument,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Make managers workers."""
    _change_roles(ctx, names, "worker", style if dry_run else None)


def _change_roles(ctx: typer.Context, names: list[str], role: str, dry_run: Format | None) -> None:
    from swarm_tui.operations import nodes as operation

    async def work(cluster: Cluster) -> None:
        found, failures = await resolved(cluster, Node, names, _node)
        given = [*found.values(), *await _led_services(cluster, role)]
        seen = await view_for(cluster, given, dry_run=dry_run is not None)
        plan = operation.role(seen, [node.id for node in found.values()], role)
        if dry_run is not None:
            await tell(seen, plan, dry_run, failures)
            return
        _warn(plan)
        await carry_out(cluster, plan, say=lambda outcome: outcome.text, failures=failures)

    run(ctx, work)


async def _led_services(cluster: Cluster, role: str | None) -> Sequence[Service]:
    """The services that a new manager may come to lead."""
    return await cluster.control.find(Service) if role == "manager" else ()


def _warn(plan: "Plan") -> None:
    for text in plan.warnings:
        say(f"WARNING: {text}", err=True)


@noun.command()
def rm(
    ctx: typer.Context,
    names: NamesArgument,
    force: Annotated[bool, typer.Option("--force", "-f", help="Also a node that is not down.")] = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Remove nodes from the cluster."""

    async def work(cluster: Cluster) -> None:
        from swarm_tui.cli.plumbing.removal import remove_each

        await remove_each(
            cluster, nodes.KIND, names, force=force, dry_run=style if dry_run else None, resolve=_node
        )

    run(ctx, work)
