"""`rotate` of secrets and configs, whether they stand alone or belong to a stack."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing.dry_run import KINDS, DryRunOption, tell
from swarm_tui.cli.plumbing.nouns import Noun
from swarm_tui.cli.plumbing.output import Format, FormatOption
from swarm_tui.cli.plumbing.payload_input import edited_payload, read_payload
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure, failure_of, resolved, run
from swarm_tui.cli.plumbing.views import view_of
from swarm_tui.resources.model import ResourceKind

if TYPE_CHECKING:
    from swarm_tui.operations.stacks.rotation import Rotation


def add_rotate(noun: Noun, kind: ResourceKind[Any], *, is_secret: bool) -> None:
    """The command that gives one another content."""

    @noun.command(
        summary=f"Give a {kind.noun} another content, from a file or standard input: each service that uses it gets the new one."
    )
    def rotate(
        ctx: typer.Context,
        name: Annotated[str, typer.Argument(metavar=kind.noun.upper())],
        file: Annotated[str, typer.Argument(metavar="[FILE|-]")] = "-",
        edit: Annotated[
            bool,
            typer.Option(
                "--edit",
                "-e",
                help="Write it in your editor ($VISUAL, $EDITOR), in a file that nobody else can read.",
            ),
        ] = False,
        prune: Annotated[
            bool, typer.Option("--prune", help="Remove the old one once no service uses it.")
        ] = False,
        detach: Annotated[
            bool,
            typer.Option("--detach", "-d", help="Point all services to it at once, and wait for none."),
        ] = False,
        quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
        dry_run: DryRunOption = False,
        style: FormatOption = Format.TABLE,
    ) -> None:
        if edit and file != "-":
            raise Failure("Give a file or --edit, not both.", USAGE)
        from swarm_core.specs.errors import SpecError

        from swarm_tui.operations.model import Refused
        from swarm_tui.operations.stacks.rotate import rotation_for
        from swarm_tui.operations.stacks.rotation import foretold

        async def work(cluster: Cluster) -> None:
            found, failures = await resolved(cluster, kind.message, [name])
            if failures:
                raise failure_of(failures)
            data = (
                edited_payload(found[name].spec.data, kind.noun, is_secret=is_secret)
                if edit
                else read_payload(file, kind.noun, is_secret=is_secret)
            )
            if data is None:
                say("Nothing is changed.")
                return
            try:
                made = await rotation_for(cluster, kind.noun, found[name], data, os.urandom)
            except (Refused, SpecError) as error:
                raise Failure(f"Could not rotate {kind.noun} {name}: {error}.") from None
            if dry_run:
                view = await view_of(cluster, *KINDS, objects_pb2.Secret, objects_pb2.Config)
                await tell(view, foretold(made, removes=prune), style)
                return
            await carry_out(cluster, made, waits=not detach, removes=prune, quiet=quiet)

        run(ctx, work)


def refused(text: str) -> Failure:
    """What ends a command that was refused, as a sentence."""
    return Failure(f"{text[:1].upper()}{text[1:]}.")


async def carry_out(
    cluster: Cluster, made: "Rotation", *, waits: bool, removes: bool, quiet: bool = False
) -> None:
    """Rotate, and tell it: what was done on standard output, how far services are on standard error. Raises Failure."""
    from swarm_tui.operations.stacks.deploy import Manner
    from swarm_tui.operations.stacks.rotating import RotationFailed, rotate
    from swarm_tui.operations.stacks.waiting import following
    from swarm_tui.operations.standing import judge

    told: dict[str, None] = {}

    def show(text: str) -> None:
        if not quiet and text not in told:
            told[text] = None
            say(text, err=True)

    try:
        async for outcome in rotate(
            cluster, made, Manner(judge, lambda: following(cluster), show, waits), removes=removes
        ):
            say(outcome.text)
    except RotationFailed as failure:
        raise failure_of(failure.sentences) from None
