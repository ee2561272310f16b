"""`swarm-tui service edit`: a service in the person's own editor, as the form shows it, and the difference sent."""

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.specs.checks import check_service
from swarm_core.specs.errors import SpecError

from swarm_tui.cli.plumbing import completion
from swarm_tui.cli.plumbing.dry_run import DryRunOption, tell, view_for
from swarm_tui.cli.plumbing.output import Format, FormatOption
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import Failure, carry_out, run
from swarm_tui.cli.plumbing.views import view_of
from swarm_tui.operations.forms import twin
from swarm_tui.operations.forms.editing import EditorFailed, edited
from swarm_tui.operations.forms.filled import Filled

Service = objects_pb2.Service
_NEEDED = (objects_pb2.Network, objects_pb2.Secret, objects_pb2.Config)


def edit(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="SERVICE", autocompletion=completion.services)],
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for the tasks.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Change a service as YAML in your editor ($VISUAL, $EDITOR). A file that is left as it is changes nothing."""

    async def work(cluster: Cluster) -> None:
        found = await cluster.control.resolve(Service, name)
        known = await view_of(cluster, *_NEEDED, objects=[found])
        filled = Filled(known, found)
        for one in twin.lost(filled.judged.spec, known):
            say(f"Kept as it is: {one}.", err=True)
        if not _took(filled):
            say("Nothing is changed.")
            return
        plan = filled.plan()
        if dry_run:
            await tell(await view_for(cluster, [found], dry_run=True), plan, style)
            return
        await carry_out(cluster, plan, say=lambda outcome: name)
        if not detach:
            from swarm_tui.cli.plumbing.progress import converge

            await converge(cluster, found.id, quiet=quiet)

    run(ctx, work)


def _took(filled: Filled) -> bool:
    """Whether the editor left something else. Raises Failure, and keeps what was written, where that is no service."""
    before = filled.text
    try:
        after = edited(before, os.environ)
    except EditorFailed as error:
        raise Failure(f"{error}{_kept(error.text) if error.text != before else ''}") from None
    if after == before:
        return False
    filled.take(after)
    if filled.wrong_text is not None:
        raise Failure(f"{filled.wrong_text}.{_kept(after)}")
    try:
        check_service(filled.judged.spec)
    except SpecError as error:
        raise Failure(f"{error}.{_kept(after)}") from None
    return filled.is_changed


def _kept(text: str) -> str:
    """What was written, in a file of its own, and where."""
    descriptor, path = tempfile.mkstemp(prefix="swarm-tui-", suffix=".yaml")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return f" What you wrote is kept in {Path(path)}."


COMMANDS = {"edit": edit}
