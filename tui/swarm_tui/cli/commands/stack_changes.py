"""`swarm-tui stack rm` and `rotate`: what changes stacks that are there."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.compose.changes.held import Held

from swarm_tui.cli.plumbing.dry_run import KINDS, DryRunOption, tell
from swarm_tui.cli.plumbing.output import Format, FormatOption
from swarm_tui.cli.plumbing.say import say, say_lines
from swarm_tui.cli.plumbing.session import USAGE, Failure, failure_of, run
from swarm_tui.cli.plumbing.views import view_of
from swarm_tui.operations.model import joined


def rm(
    ctx: typer.Context,
    stacks: Annotated[list[str], typer.Argument(metavar="STACK…")],
    volumes: Annotated[
        bool,
        typer.Option(
            "--volumes",
            help="Cluster volumes with the stack's label as well, with their content. It asks for the stack's name.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    detach: Annotated[
        bool,
        typer.Option(
            "--detach", "-d", help="Try networks and volumes once, and do not wait for tasks to end."
        ),
    ] = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Remove stacks: services, secrets, configs, and networks once no task is on them."""
    from swarm_tui.operations.stacks.look import look
    from swarm_tui.operations.stacks.remove import (
        FOLLOWED,
        FREE_WAIT_S,
        kept_volumes,
        nothing_in,
        plan,
        remove,
        volumes_of,
    )
    from swarm_tui.operations.stacks.waiting import following

    async def found(cluster: Cluster, stack: str) -> tuple[Held, list[objects_pb2.Volume]]:
        return await look(cluster, stack), await volumes_of(cluster, stack) if volumes else []

    async def foretell(cluster: Cluster) -> None:
        all_found = [await found(cluster, stack) for stack in stacks]
        for held, going in all_found:
            if nothing_in(held) and not going:
                say(f"Nothing found in stack: {held.stack}", err=True)
        title = f"Remove stack{'s' if len(stacks) > 1 else ''} {', '.join(stacks)}"
        view = await view_of(cluster, *KINDS, objects_pb2.Secret, objects_pb2.Config)
        await tell(view, joined(title, [plan(held, going) for held, going in all_found]), style)

    async def work(cluster: Cluster) -> None:
        failed = []
        all_found = [await found(cluster, stack) for stack in stacks]
        for held, going in all_found:
            if going and not yes:
                _ask(held.stack, going)
        for held, going in all_found:
            if nothing_in(held) and not going:
                say(f"Nothing found in stack: {held.stack}", err=True)
                continue
            is_whole = True
            async for outcome in remove(
                cluster,
                held,
                going,
                follow=lambda: following(cluster, FOLLOWED),
                within_s=0 if detach else FREE_WAIT_S,
            ):
                is_whole = is_whole and not outcome.is_error
                say(outcome.text, err=outcome.is_error)
            if kept := kept_volumes(held):
                say(f"Kept on the nodes that ran them: volume {', '.join(kept)}", err=True)
            if not is_whole:
                failed.append(held.stack)
        if failed:
            raise failure_of(f"failed to remove some resources from stack: {one}" for one in failed)

    run(ctx, foretell if dry_run else work)


def _ask(stack: str, volumes: Sequence[objects_pb2.Volume]) -> None:
    """Content that goes is asked for by the stack's name. Raises Failure."""
    names = ", ".join(sorted(one.spec.annotations.name for one in volumes))
    if not sys.stdin.isatty():
        raise Failure(
            f"--volumes would remove {names} with all content: say --yes where nobody can be asked."
        )
    say(f"These volumes go with all their content: {names}", err=True)
    typed: str = typer.prompt(f"Type {stack} to go on", default="", show_default=False, err=True)
    if typed != stack:
        raise Failure("Nothing was removed.")


def rotate(
    ctx: typer.Context,
    stack: Annotated[str, typer.Argument(metavar="STACK")],
    name: Annotated[str, typer.Argument(metavar="SECRET", help="As the files call it.")],
    file: Annotated[str, typer.Argument(metavar="[FILE|-]")] = "-",
    is_config: Annotated[bool, typer.Option("--config", help="It is a config.")] = False,
    random: Annotated[
        bool,
        typer.Option(
            "--random", help="Give the new secret a random name, which tells nothing of its content."
        ),
    ] = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Give a secret or config another content, from a file or standard input: every service gets it in one go."""
    from swarm_tui.cli.plumbing.payload_input import read_payload
    from swarm_tui.cli.plumbing.rotating import carry_out, refused
    from swarm_tui.operations.model import Refused
    from swarm_tui.operations.stacks.look import look
    from swarm_tui.operations.stacks.rotate import generations, rotation_of
    from swarm_tui.operations.stacks.rotation import foretold

    if random and is_config:
        raise Failure("--random is for secrets.", USAGE)
    noun = "config" if is_config else "secret"

    async def work(cluster: Cluster) -> None:
        held = await look(cluster, stack)
        try:
            generations(held, noun, name)
            data = read_payload(file, noun, is_secret=not is_config)
            made = rotation_of(held, noun, name, data, os.urandom, is_random=random)
        except Refused as error:
            raise refused(str(error)) from None
        if dry_run:
            view = await view_of(cluster, *KINDS, objects_pb2.Secret, objects_pb2.Config)
            await tell(view, foretold(made, removes=False), style)
            return
        await carry_out(cluster, made, waits=False, removes=False)

    run(ctx, work)


def export(
    ctx: typer.Context,
    stack: Annotated[str, typer.Argument(metavar="STACK")],
    pin: Annotated[bool, typer.Option("--pin", help="Images with their digests.")] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", help="Write compose.yml and configs into this new directory.", metavar="DIR"
        ),
    ] = None,
) -> None:
    """Write a compose file from the services of a stack as they are. Secrets are external: nobody can read them."""
    from swarm_core.compose.dump import dump, escaped
    from swarm_core.compose.export import export as made_of

    from swarm_tui.operations.stacks.look import look

    async def work(cluster: Cluster) -> None:
        held = await look(cluster, stack)
        if not held.own(held.services):
            raise Failure(f"nothing found in stack: {stack}")
        made = made_of(held, is_pinned=pin, has_files=output is not None)
        for text in made.lost:
            say(f"Warning: {text}.", err=True)
        text = dump(escaped(made.document))
        if output is None:
            say_lines(text, nl=False)
            return
        say(_write(Path(output), text, made.files))

    run(ctx, work)


def _write(folder: Path, text: str, files: Mapping[str, bytes]) -> str:
    """Put everything into a new directory; the path of the compose file. Raises OSError."""
    folder.mkdir(parents=True)
    for name, data in {"compose.yml": text.encode(), **files}.items():
        (folder / name).write_bytes(data)
    return str(folder / "compose.yml")


COMMANDS = {"export": export, "rm": rm, "remove": rm, "down": rm, "rotate": rotate}
