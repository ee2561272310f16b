"""Secrets and configs on the command line: the same five commands for both. Payloads come from a file or standard input,
never from an argument, where every process of the machine could read them."""

from typing import Annotated, Any

import typer
from google.protobuf.message import Message
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing import filters
from swarm_tui.cli.plumbing.dry_run import DryRunOption, create_or_tell
from swarm_tui.cli.plumbing.kind_commands import add_inspect, add_ls, add_rm
from swarm_tui.cli.plumbing.nouns import Noun
from swarm_tui.cli.plumbing.output import Format, FormatOption
from swarm_tui.cli.plumbing.payload_input import read_payload
from swarm_tui.cli.plumbing.rotating import add_rotate
from swarm_tui.cli.plumbing.session import reading, run
from swarm_tui.resources.model import ResourceKind


def commands(kind: ResourceKind[Any], spec_type: type[Any], *, is_secret: bool) -> Noun:
    """The noun's commands."""
    noun = Noun(f"See and change {kind.noun}s.")
    message: type[Message] = kind.message
    has_driver = "driver" in spec_type.DESCRIPTOR.fields_by_name

    @noun.command(summary=f"Create a {kind.noun} from a file, or from standard input with '-'.")
    def create(
        ctx: typer.Context,
        name: Annotated[str, typer.Argument(metavar=kind.noun.upper())],
        file: Annotated[str, typer.Argument(metavar="[FILE|-]")] = "-",
        label: Annotated[
            list[str] | None, typer.Option("--label", "-l", help="Label.", metavar="KEY=VALUE")
        ] = None,
        driver: Annotated[str | None, typer.Option("--driver", "-d", hidden=not has_driver)] = None,
        template_driver: Annotated[
            str | None, typer.Option("--template-driver", help="Template engine.", metavar="NAME")
        ] = None,
        dry_run: DryRunOption = False,
        style: FormatOption = Format.TABLE,
    ) -> None:
        from swarm_core.specs import payload

        from swarm_tui.operations import create as creation

        with reading("--label"):
            spec: Any = payload.new(spec_type, name, label or (), template_driver or "")
        if driver:
            with reading("--driver"):
                payload.set_driver(spec, driver)
        else:
            spec.data = read_payload(file, kind.noun, is_secret=is_secret)

        async def work(cluster: Cluster) -> None:
            plan = creation.plan(message, spec)
            await create_or_tell(cluster, plan, style if dry_run else None, lambda outcome: outcome.id)

        run(ctx, work)

    add_rotate(noun, kind, is_secret=is_secret)
    add_ls(noun, kind, filters.PAYLOAD)
    add_inspect(noun, kind)
    add_rm(noun, kind)
    return noun
