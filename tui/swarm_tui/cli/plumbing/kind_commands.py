"""The commands that every kind of object has: ls, inspect and rm, made from the kind alone.

A noun with more to offer has a module of its own and may take these for its part; a kind without one has these.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from google.protobuf.message import Message
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing import completion, filters
from swarm_tui.cli.plumbing.dry_run import DryRunOption
from swarm_tui.cli.plumbing.nouns import Noun
from swarm_tui.cli.plumbing.output import (
    FilterOption,
    Format,
    FormatOption,
    InspectFormatOption,
    QuietOption,
    print_listing,
    print_objects,
)
from swarm_tui.cli.plumbing.session import run
from swarm_tui.cli.plumbing.views import view_of
from swarm_tui.resources.model import ClusterView, ResourceKind


def noun_of(kind: ResourceKind[Any]) -> Noun:
    """The noun of a kind that has no module of its own."""
    noun = Noun(f"See {kind.plural}.")
    add_ls(noun, kind, filter_tests(kind))
    add_inspect(noun, kind)
    if "remove" in kind.verbs:
        add_rm(noun, kind)
    return noun


def add_ls(noun: Noun, kind: ResourceKind[Any], tests: Mapping[str, filters.Test]) -> None:
    """The command that lists the kind."""

    @noun.command(summary=f"List the {kind.plural}.")
    def ls(
        ctx: typer.Context,
        filter_: FilterOption = None,
        style: FormatOption = Format.TABLE,
        quiet: QuietOption = False,
    ) -> None:
        list_kind(ctx, kind, tests, filter_, style=style, quiet=quiet)


def list_kind(
    ctx: typer.Context,
    kind: ResourceKind[Any],
    tests: Mapping[str, filters.Test],
    filter_: list[str] | None,
    *,
    style: Format,
    quiet: bool,
) -> None:
    """List the kind, in the order of its default sort."""
    message: type[Message] = kind.message

    async def work(cluster: Cluster) -> None:
        view = await view_of(cluster, message, *kind.listing_needs)
        found = filters.chosen(view.objects(message), filter_, tests, view)
        now_ns = cluster.clock.wall_ns()
        found.sort(key=lambda item: kind.sort_keys[kind.default_sort](item, view, now_ns))
        print_listing(kind, found, view, now_ns, style=style, quiet=quiet)

    run(ctx, work)


def add_inspect(noun: Noun, kind: ResourceKind[Any]) -> None:
    """The command that shows whole objects."""
    Names = Annotated[list[str], name_argument(kind)]

    @noun.command(summary=f"Show everything about {kind.plural}.")
    def inspect(
        ctx: typer.Context,
        names: Names,
        style: InspectFormatOption = Format.JSON,
        pretty: Annotated[bool, typer.Option("--pretty", help="Print for people.")] = False,
    ) -> None:
        inspect_kind(ctx, kind, names, style, pretty=pretty)


def inspect_kind(
    ctx: typer.Context, kind: ResourceKind[Any], names: list[str], style: Format, *, pretty: bool
) -> None:
    """Show whole objects."""

    async def work(cluster: Cluster) -> None:
        found: list[Any] = [await cluster.control.resolve(kind.message, name) for name in names]
        is_pretty = pretty or style is Format.TABLE
        view = await view_of(cluster, *(kind.description_needs if is_pretty else ()), objects=found)
        print_objects(kind, found, view, cluster.clock.wall_ns(), Format.TABLE if is_pretty else style)

    run(ctx, work)


def add_rm(noun: Noun, kind: ResourceKind[Any]) -> None:
    """The command that removes objects by name."""
    Names = Annotated[list[str], name_argument(kind)]

    @noun.command(summary=f"Remove {kind.plural}.")
    def rm(
        ctx: typer.Context, names: Names, dry_run: DryRunOption = False, style: FormatOption = Format.TABLE
    ) -> None:
        remove_kind(ctx, kind, names, style if dry_run else None)


def remove_kind(
    ctx: typer.Context, kind: ResourceKind[Any], names: list[str], dry_run: Format | None
) -> None:
    """Remove objects by name; with `dry_run` only tell, in that form."""

    async def work(cluster: Cluster) -> None:
        from swarm_tui.cli.plumbing.removal import remove_each

        await remove_each(cluster, kind, names, dry_run=dry_run)

    run(ctx, work)


def name_argument(kind: ResourceKind[Any]) -> Any:
    """One or more of the kind, completed from those that are there."""
    complete = completion.names_of(kind.noun)
    return typer.Argument(metavar=f"{kind.noun.upper()}…", autocompletion=complete)


def filter_tests(kind: ResourceKind[Any]) -> dict[str, filters.Test]:
    """`--filter` of a kind: the beginning of the name, and what its fields hold in words."""
    fields = {key: _holds(read) for key, read in kind.fields.items()}
    return {
        **fields,
        "id": filters.by_id,
        "name": lambda item, value, view: kind.name(item, view).startswith(value),
    }


def _holds(read: Callable[[Any, ClusterView, int], Any]) -> filters.Test:
    def test(item: Any, value: str, view: ClusterView) -> bool:
        found = read(item, view, 0)
        words = [found] if isinstance(found, str) else found if isinstance(found, list | tuple) else []
        return value.lower() in (str(word).lower() for word in words)

    return test
