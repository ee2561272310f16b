"""`ls`, `inspect` and `rm` of a noun that means the cluster's objects, and with `--engine` those of engines: volumes, networks."""

from typing import Annotated, Any

import typer

from swarm_tui.cli.plumbing.dry_run import DryRunOption
from swarm_tui.cli.plumbing.engines import EnginesOption, OnEnginesOption
from swarm_tui.cli.plumbing.kind_commands import (
    filter_tests,
    inspect_kind,
    list_kind,
    name_argument,
    remove_kind,
)
from swarm_tui.cli.plumbing.nouns import Noun
from swarm_tui.cli.plumbing.output import FilterOption, Format, FormatOption, InspectFormatOption, QuietOption
from swarm_tui.resources.model import ResourceKind


def add_ls(noun: Noun, kind: ResourceKind[Any]) -> None:
    """The command that lists them."""

    @noun.command(summary=f"List the {kind.plural}; with --engine those of engines.")
    def ls(
        ctx: typer.Context,
        filter_: FilterOption = None,
        style: FormatOption = Format.TABLE,
        quiet: QuietOption = False,
        engine: OnEnginesOption = None,
        engines: EnginesOption = None,
    ) -> None:
        if engine:
            from swarm_tui.cli.plumbing.engine_objects import ON, Place

            ON[kind.noun].ls(Place(ctx, engine, engines), filter_, style, quiet=quiet)
            return
        list_kind(ctx, kind, filter_tests(kind), filter_, style=style, quiet=quiet)


def add_inspect(noun: Noun, kind: ResourceKind[Any]) -> None:
    """The command that shows them whole."""
    Names = Annotated[list[str], name_argument(kind)]

    @noun.command(summary=f"Show everything about {kind.plural}.")
    def inspect(
        ctx: typer.Context,
        names: Names,
        style: InspectFormatOption = Format.JSON,
        pretty: Annotated[bool, typer.Option("--pretty", help="Print for people.")] = False,
        engine: OnEnginesOption = None,
        engines: EnginesOption = None,
    ) -> None:
        if engine:
            from swarm_tui.cli.plumbing.engine_objects import ON, Place, refuse_cluster_flags

            refuse_cluster_flags({"--pretty": pretty})
            ON[kind.noun].inspect(Place(ctx, engine, engines), names, style)
            return
        inspect_kind(ctx, kind, names, style, pretty=pretty)


def add_rm(noun: Noun, kind: ResourceKind[Any]) -> None:
    """The command that removes them, for a kind without further flags."""
    Names = Annotated[list[str], name_argument(kind)]

    @noun.command(summary=f"Remove {kind.plural}; with --engine those of engines.")
    def rm(
        ctx: typer.Context,
        names: Names,
        dry_run: DryRunOption = False,
        style: FormatOption = Format.TABLE,
        engine: OnEnginesOption = None,
        engines: EnginesOption = None,
    ) -> None:
        if engine:
            from swarm_tui.cli.plumbing.engine_objects import ON, Place

            ON[kind.noun].rm(Place(ctx, engine, engines), names, is_dry=dry_run)
            return
        remove_kind(ctx, kind, names, style if dry_run else None)
