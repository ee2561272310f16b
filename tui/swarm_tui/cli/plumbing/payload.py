"""Secrets and configs on the command line: the same four commands for both. Payloads come from a file or standard input,
never from an argument, where every process of the machine could read them."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf.message import Message
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing import filters
from swarm_tui.cli.plumbing.nouns import Noun
from swarm_tui.cli.plumbing.output import (
    FilterOption,
    Format,
    FormatOption,
    QuietOption,
    print_listing,
    print_objects,
)
from swarm_tui.cli.plumbing.session import Failure, carry_out, reading, run
from swarm_tui.cli.plumbing.views import view_of
from swarm_tui.resources import services
from swarm_tui.resources.model import ResourceKind


def commands(kind: ResourceKind[Any], spec_type: type[Any], complete: Callable[..., list[str]]) -> Noun:
    """The noun's commands."""
    noun = Noun(f"See and change {kind.noun}s.")
    message: type[Message] = kind.message
    Names = Annotated[list[str], typer.Argument(metavar=f"{kind.noun.upper()}…", autocompletion=complete)]

    @noun.command(summary=f"Create a {kind.noun} from a file, or from standard input with '-'.")
    def create(
        ctx: typer.Context,
        name: Annotated[str, typer.Argument(metavar=kind.noun.upper())],
        file: Annotated[str, typer.Argument(metavar="[FILE|-]")] = "-",
        label: Annotated[
            list[str] | None, typer.Option("--label", "-l", help="Label.", metavar="KEY=VALUE")
        ] = None,
        driver: Annotated[str | None, typer.Option("--driver", "-d", hidden=kind.noun != "secret")] = None,
        template_driver: Annotated[
            str | None, typer.Option("--template-driver", help="Template engine.", metavar="NAME")
        ] = None,
    ) -> None:
        from swarm_core.specs import payload

        from swarm_tui.operations import create as creation

        with reading("--label"):
            spec: Any = payload.new(spec_type, name, label or (), template_driver or "")
        if driver:
            with reading("--driver"):
                payload.set_driver(spec, driver)
        else:
            spec.data = _read(file)

        async def work(cluster: Cluster) -> None:
            await carry_out(cluster, creation.plan(message, spec), say=lambda outcome: outcome.id)

        run(ctx, work)

    @noun.command(summary=f"List the {kind.noun}s.")
    def ls(
        ctx: typer.Context,
        filter_: FilterOption = None,
        style: FormatOption = Format.TABLE,
        quiet: QuietOption = False,
    ) -> None:
        async def work(cluster: Cluster) -> None:
            view = await view_of(cluster, message)
            found = filters.chosen(view.objects(message), filter_, filters.PAYLOAD, view)
            now_ns = cluster.clock.wall_ns()
            found.sort(key=lambda item: kind.sort_keys["name"](item, view, now_ns))
            print_listing(kind, found, view, now_ns, style=style, quiet=quiet)

        run(ctx, work)

    @noun.command(summary=f"Show everything about {kind.noun}s.")
    def inspect(
        ctx: typer.Context,
        names: Names,
        style: FormatOption = Format.JSON,
        pretty: Annotated[bool, typer.Option("--pretty", help="Print for people.")] = False,
    ) -> None:
        async def work(cluster: Cluster) -> None:
            found = [await cluster.control.resolve(message, name) for name in names]
            is_pretty = pretty or style is Format.TABLE
            view = await view_of(cluster, *([services.Service] if is_pretty else []), objects=found)
            print_objects(kind, found, view, cluster.clock.wall_ns(), Format.TABLE if is_pretty else style)

        run(ctx, work)

    @noun.command(summary=f"Remove {kind.noun}s.")
    def rm(ctx: typer.Context, names: Names) -> None:
        async def work(cluster: Cluster) -> None:
            from swarm_tui.cli.plumbing.removal import remove_each

            await remove_each(cluster, kind, names)

        run(ctx, work)

    return noun


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}.") from None
