"""`swarm-tui stack config`, `lint`, `plan` and `deploy`: what begins with compose files."""

import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.compose.changes.plan import Do, StackPlan
from swarm_core.compose.convert.names import Style
from swarm_core.compose.dump import dump
from swarm_core.compose.project import Project
from swarm_core.compose.reading.notes import Level
from swarm_core.specs import notation
from swarm_core.specs.errors import InvalidValue

from swarm_tui.cli.plumbing import pinning
from swarm_tui.cli.plumbing.dry_run import DryRunOption
from swarm_tui.cli.plumbing.output import Format, FormatOption
from swarm_tui.cli.plumbing.pinning import ResolveImage
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import FAILED, USAGE, Failure, Globals, globals_of, run
from swarm_tui.cli.plumbing.stack_files import (
    FilesOption,
    ProfilesOption,
    content,
    lines_of,
    read_project,
    say_warnings,
    stack_name,
    told,
)

if TYPE_CHECKING:
    from swarm_tui.operations.stacks.prepare import Choices, Prepared

CHANGES = 2
"""The exit code of a plan with changes."""


class Names(StrEnum):
    GENERATIONS = "generations"
    DOCKER = "docker"


class SecretNames(StrEnum):
    HASH = "hash"
    RANDOM = "random"


StackArgument = Annotated[
    str | None, typer.Argument(metavar="[STACK]", help="Name of the stack, if the file gives none.")
]
NamesOption = Annotated[
    Names,
    typer.Option(
        "--names",
        help="Names of secrets and configs: one for each content, or docker's.",
        case_sensitive=False,
    ),
]
SecretNamesOption = Annotated[
    SecretNames,
    typer.Option(
        "--secret-names",
        help="Names of secrets: from a hash of the content, or random and changed by 'stack rotate' alone.",
        case_sensitive=False,
    ),
]
ResolveImageOption = Annotated[
    ResolveImage | None,
    typer.Option(
        "--resolve-image",
        help="Ask registries for digests: always, only for images that the files name anew, or never.",
        case_sensitive=False,
        show_default="always",
    ),
]
PruneOption = Annotated[
    bool, typer.Option("--prune", help="Remove services of the stack that the files do not have.")
]


def config(
    ctx: typer.Context,
    files: FilesOption = None,
    profiles: ProfilesOption = None,
    skip_interpolation: Annotated[
        bool, typer.Option("--skip-interpolation", help="Put no variables in.")
    ] = False,
    style: FormatOption = Format.YAML,
) -> None:
    """Print the merged files in their normal form."""
    project = read_project(files, profiles, is_interpolated=not skip_interpolation)
    say_warnings(project)
    if style is Format.JSON:
        from swarm_tui.resources.documents import as_json

        say(as_json(project.plain, indent=2))
    else:
        say(dump(project.plain), nl=False)


def lint(
    ctx: typer.Context,
    files: FilesOption = None,
    profiles: ProfilesOption = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="What docker refuses or reads otherwise is an error.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also what is dropped, and what docker reads otherwise.")
    ] = False,
) -> None:
    """Say what is wrong with compose files, and what docker would make of them."""
    project = read_project(files, profiles)
    _convert_for_lint(project)
    notes = project.notes
    shown = [Level.WARNING, *([Level.IGNORED, Level.DIFFERENT, Level.REFUSED] if explain else [])]
    wrong = [*notes.of(Level.REFUSED), *notes.of(Level.DIFFERENT)] if strict else []
    listed = [note for level in shown for note in notes.of(level) if note not in wrong]
    for line in lines_of(sorted(listed, key=lambda note: (note.mark.file, note.mark.line, note.mark.column))):
        say(line)
    if wrong:
        raise Failure("\nError: ".join(lines_of(wrong)))
    say("Nothing is wrong.")


def _convert_for_lint(project: Project) -> None:
    from swarm_core.compose.changes.waves import waves
    from swarm_core.compose.convert.names import PayloadNames
    from swarm_core.compose.convert.stack import convert

    name = project.name or "stack"
    desired = told(lambda: convert(project, name, PayloadNames(Style.DOCKER), content()))
    told(lambda: waves(desired.dependencies))


def _style(names: Names, secret_names: SecretNames) -> Style:
    if names is Names.DOCKER:
        if secret_names is SecretNames.RANDOM:
            raise Failure("--names docker and --secret-names random cannot go together.", USAGE)
        return Style.DOCKER
    return Style.RANDOM if secret_names is SecretNames.RANDOM else Style.GENERATIONS


def plan(
    ctx: typer.Context,
    stack: StackArgument = None,
    files: FilesOption = None,
    profiles: ProfilesOption = None,
    names: NamesOption = Names.GENERATIONS,
    secret_names: SecretNamesOption = SecretNames.HASH,
    prune: PruneOption = False,
    resolve_image: ResolveImageOption = None,
    style: FormatOption = Format.TABLE,
) -> None:
    """Say what a deploy would do. Exit code 0 for nothing, 2 for changes, 1 for an error."""
    from swarm_tui.cli.plumbing.stack_plan import as_records, say_plan
    from swarm_tui.operations.stacks.look import look
    from swarm_tui.operations.stacks.prepare import Choices, prepare

    project = read_project(files, profiles)
    say_warnings(project)
    name = stack_name(stack, project)
    choices = _pinning(Choices(_style(names, secret_names), prune), resolve_image)

    async def work(cluster: Cluster) -> StackPlan:
        held = await look(cluster, name)
        prepared = told(lambda: prepare(project, held, content(), choices, os.urandom))
        fits = await _fits(cluster, prepared.plan)
        if style is Format.TABLE:
            say_plan(prepared.plan, fits)
        else:
            from swarm_tui.resources.documents import as_json, as_yaml

            records = as_records(prepared.plan, fits)
            say(as_json(records) if style is Format.JSON else as_yaml(records), nl=style is Format.JSON)
        return prepared.plan

    made = run(ctx, work)
    if made.refusals:
        raise Failure("\nError: ".join(made.refusals))
    raise typer.Exit(CHANGES if made.has_changes else 0)


async def _fits(cluster: Cluster, made: StackPlan) -> dict[str, str]:
    """Where the tasks of new and changed services find a place, by the scheduler's own filters."""
    changing: dict[str, Any] = {
        step.name: step.spec for wave in made.waves for step in wave if step.is_change
    }
    if not changing:
        return {}
    from swarm_tui.operations.forms.fit import fit_now

    nodes = await cluster.control.find(objects_pb2.Node)
    tasks = await cluster.control.find(objects_pb2.Task)
    found = {}
    for name, spec in changing.items():
        fit = fit_now(spec, nodes, tasks)
        found[name] = f"fits {fit.fitting} of {fit.nodes} nodes" + (
            f" ({fit.refusals})" if fit.refusals else ""
        )
    return found


def deploy(
    ctx: typer.Context,
    stack: StackArgument = None,
    files: FilesOption = None,
    profiles: ProfilesOption = None,
    names: NamesOption = Names.GENERATIONS,
    secret_names: SecretNamesOption = SecretNames.HASH,
    prune: PruneOption = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Annotated[
        bool | None,
        typer.Option("--wait/--no-wait", help="Wait until every service is there; so on a terminal."),
    ] = None,
    detach: Annotated[
        bool | None,
        typer.Option("--detach", "-d", help="Write everything at once and wait for nothing, as docker does."),
    ] = None,
    wave_timeout: Annotated[
        str, typer.Option("--wave-timeout", help="How long a wave may take.", metavar="DURATION")
    ] = "10m",
    atomic: Annotated[
        bool, typer.Option("--atomic", help="Take everything back when something fails.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    with_registry_auth: Annotated[
        bool, typer.Option("--with-registry-auth", help="Send the docker command's credentials to the nodes.")
    ] = False,
    resolve_image: ResolveImageOption = None,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Make the cluster hold what the files say: plan, ask, and go wave by wave."""
    if dry_run:
        plan(ctx, stack, files, profiles, names, secret_names, prune, resolve_image, style)
    from swarm_tui.cli.plumbing.stack_plan import say_plan
    from swarm_tui.operations.stacks.look import look
    from swarm_tui.operations.stacks.prepare import Choices, prepare

    project = read_project(files, profiles)
    say_warnings(project)
    name = stack_name(stack, project)
    credentials = _credentials() if with_registry_auth else None
    choices = _pinning(Choices(_style(names, secret_names), prune, credentials), resolve_image)
    timeout_s = _seconds(wave_timeout)

    async def work(cluster: Cluster) -> None:
        held = await look(cluster, name)
        prepared = told(lambda: prepare(project, held, content(), choices, os.urandom))
        if prepared.plan.refusals:
            raise Failure("\nError: ".join(prepared.plan.refusals))
        prepared = _within_level(globals_of(ctx), prepared)
        asks = not yes and sys.stdin.isatty()
        if asks or not prepared.plan.has_changes:
            say_plan(prepared.plan, await _fits(cluster, prepared.plan))
        else:
            for text in prepared.plan.warnings:
                say(f"Warning: {text}.", err=True)
        if not prepared.plan.has_writes:
            return
        if asks and prepared.plan.has_changes and not typer.confirm("Deploy this?", default=False, err=True):
            raise Failure("Nothing was changed.", FAILED)
        from swarm_tui.cli.plumbing.stack_progress import carry_out

        at_end = sys.stderr.isatty() if wait is None else wait
        await carry_out(
            cluster,
            prepared,
            held,
            waits=not detach,
            waits_at_end=at_end and not detach,
            timeout_s=timeout_s,
            atomic=atomic,
            quiet=quiet,
        )

    run(ctx, work)


def _within_level(given: Globals, prepared: "Prepared") -> "Prepared":
    """The plan, if it may be carried out to its end: at a lower level old generations and states stay for a later deploy. Raises Failure
    where a service is to go."""
    made = prepared.plan
    going = [
        step.name for step in made.steps if step.noun == "service" and step.do in (Do.REMOVE, Do.REPLACE)
    ]
    if going:
        given.need_highest(f"deploy stack {made.stack}, as service {', '.join(going)} is to be removed")
    if given.is_highest:
        return prepared
    return replace(prepared, plan=replace(made, leftovers=()))


def _pinning(choices: "Choices", asked: ResolveImage | None) -> "Choices":
    wanted = asked or pinning.by_default()
    if wanted is ResolveImage.NEVER:
        return choices
    return replace(choices, pinned=pinning.pinned, pins_unchanged=wanted is ResolveImage.ALWAYS)


def _credentials() -> Callable[[str], str]:
    from swarm_tui.cli.plumbing import registry_auth

    return registry_auth.encoded


def _seconds(text: str) -> float:
    if not re.search(r"[a-zµμ]$", text):
        raise Failure(f"--wave-timeout: {text!r} is no duration (write 10m).", USAGE)
    try:
        return notation.nanoseconds(text) / 1e9
    except InvalidValue as error:
        raise Failure(f"--wave-timeout: {error}.", USAGE) from None


COMMANDS = {"config": config, "lint": lint, "plan": plan, "diff": plan, "deploy": deploy, "up": deploy}
