"""`swarm-tui stack config`, `lint`, `plan` and `deploy`: what begins with compose files."""

import os
from enum import StrEnum
from typing import Annotated

import typer
from swarm_core.client.cluster import Cluster
from swarm_core.compose.changes.plan import StackPlan
from swarm_core.compose.convert.names import Style
from swarm_core.compose.dump import dump
from swarm_core.compose.project import Project
from swarm_core.compose.reading.notes import Level

from swarm_tui.cli.plumbing.dry_run import DryRunOption
from swarm_tui.cli.plumbing.output import Format, FormatOption
from swarm_tui.cli.plumbing.say import say, say_lines
from swarm_tui.cli.plumbing.session import USAGE, Failure, failure_of, globals_of, run
from swarm_tui.cli.plumbing.stack_apply import (
    AtomicOption,
    DetachOption,
    Manner,
    QuietOption,
    RegistryAuthOption,
    ResolveImageOption,
    WaitOption,
    WaveTimeoutOption,
    YesOption,
    apply,
    completed,
    end_of_plan,
    seconds,
    show,
)
from swarm_tui.cli.plumbing.stack_files import (
    FilesOption,
    ProfilesOption,
    lines_of,
    read_project,
    say_warnings,
    stack_name,
    told,
)
from swarm_tui.operations.stacks.reading import content


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

        say_lines(as_json(project.plain, indent=2))
    else:
        say_lines(dump(project.plain), nl=False)


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
        raise failure_of(lines_of(wrong))
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
    from swarm_tui.operations.stacks.look import look
    from swarm_tui.operations.stacks.prepare import Choices, prepare

    project = read_project(files, profiles)
    say_warnings(project)
    name = stack_name(stack, project)
    choices = completed(Choices(_style(names, secret_names), prune), resolve_image)

    async def work(cluster: Cluster) -> StackPlan:
        held = await look(cluster, name)
        prepared = told(lambda: prepare(project, held, content(), choices, os.urandom))
        await show(cluster, prepared.plan, style)
        return prepared.plan

    end_of_plan(run(ctx, work))


def deploy(
    ctx: typer.Context,
    stack: StackArgument = None,
    files: FilesOption = None,
    profiles: ProfilesOption = None,
    names: NamesOption = Names.GENERATIONS,
    secret_names: SecretNamesOption = SecretNames.HASH,
    prune: PruneOption = False,
    yes: YesOption = False,
    wait: WaitOption = None,
    detach: DetachOption = None,
    wave_timeout: WaveTimeoutOption = "10m",
    atomic: AtomicOption = False,
    quiet: QuietOption = False,
    with_registry_auth: RegistryAuthOption = False,
    resolve_image: ResolveImageOption = None,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Make the cluster hold what the files say: plan, ask, and go wave by wave."""
    if dry_run:
        plan(ctx, stack, files, profiles, names, secret_names, prune, resolve_image, style)
    from swarm_tui.operations.stacks.look import look
    from swarm_tui.operations.stacks.prepare import Choices, prepare

    project = read_project(files, profiles)
    say_warnings(project)
    name = stack_name(stack, project)
    choices = completed(
        Choices(_style(names, secret_names), prune), resolve_image, with_registry_auth=with_registry_auth
    )
    manner = Manner(yes, wait, bool(detach), seconds(wave_timeout), atomic, quiet)

    async def work(cluster: Cluster) -> None:
        held = await look(cluster, name)
        prepared = told(lambda: prepare(project, held, content(), choices, os.urandom))
        await apply(cluster, globals_of(ctx), prepared, held, manner, "Deploy this?")

    run(ctx, work)


COMMANDS = {"config": config, "lint": lint, "plan": plan, "diff": plan, "deploy": deploy, "up": deploy}
