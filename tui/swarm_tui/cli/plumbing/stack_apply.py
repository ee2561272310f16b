"""What `stack deploy` and `stack rollback` have in common: the flags, the plan that is shown or asked for, and its way out."""

import re
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.compose.changes.held import Held
from swarm_core.compose.changes.plan import StackPlan
from swarm_core.specs import notation
from swarm_core.specs.errors import InvalidValue

from swarm_tui.cli.plumbing import pinning
from swarm_tui.cli.plumbing.output import Format
from swarm_tui.cli.plumbing.pinning import ResolveImage
from swarm_tui.cli.plumbing.say import say, say_lines
from swarm_tui.cli.plumbing.session import FAILED, USAGE, Failure, Globals, failure_of
from swarm_tui.cli.plumbing.views import view_of

if TYPE_CHECKING:
    from swarm_tui.operations.stacks.prepare import Choices, Prepared

CHANGES = 2
"""The exit code of a plan with changes."""

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
WaitOption = Annotated[
    bool | None,
    typer.Option("--wait/--no-wait", help="Wait until every service is there; so on a terminal."),
]
DetachOption = Annotated[
    bool | None,
    typer.Option("--detach", "-d", help="Write everything at once and wait for nothing, as docker does."),
]
WaveTimeoutOption = Annotated[
    str, typer.Option("--wave-timeout", help="How long a wave may take.", metavar="DURATION")
]
AtomicOption = Annotated[bool, typer.Option("--atomic", help="Take everything back when something fails.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
RegistryAuthOption = Annotated[
    bool, typer.Option("--with-registry-auth", help="Send the docker command's credentials to the nodes.")
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


@dataclass(frozen=True, slots=True)
class Manner:
    """How a plan is carried out, as the flags say."""

    yes: bool
    wait: bool | None
    detach: bool
    timeout_s: float
    atomic: bool
    quiet: bool


def seconds(text: str) -> float:
    """What --wave-timeout says. Raises Failure."""
    if not re.search(r"[a-zµμ]$", text):
        raise Failure(f"--wave-timeout: {text!r} is no duration (write 10m).", USAGE)
    try:
        return notation.nanoseconds(text) / 1e9
    except InvalidValue as error:
        raise Failure(f"--wave-timeout: {error}.", USAGE) from None


def completed(
    choices: "Choices", asked: ResolveImage | None, *, with_registry_auth: bool = False
) -> "Choices":
    """The choices with where digests and credentials come from."""
    if with_registry_auth:
        from swarm_tui.cli.plumbing import registry_auth

        choices = replace(choices, credentials=registry_auth.encoded)
    wanted = asked or pinning.by_default()
    if wanted is ResolveImage.NEVER:
        return choices
    return replace(choices, pinned=pinning.pinned, pins_unchanged=wanted is ResolveImage.ALWAYS)


async def show(cluster: Cluster, plan: StackPlan, style: Format) -> None:
    """Print a plan."""
    from swarm_tui.cli.plumbing.stack_plan import as_records, say_plan

    fits = await _fits(cluster, plan)
    if style is Format.TABLE:
        say_plan(plan, fits)
        return
    from swarm_tui.resources.documents import as_json, as_yaml

    records = as_records(plan, fits)
    say_lines(as_json(records) if style is Format.JSON else as_yaml(records), nl=style is Format.JSON)


def end_of_plan(plan: StackPlan) -> None:
    """How a command ends that only shows a plan. Raises Failure, Exit."""
    if plan.refusals:
        raise failure_of(plan.refusals)
    raise typer.Exit(CHANGES if plan.has_changes else 0)


async def apply(
    cluster: Cluster, given: Globals, prepared: "Prepared", held: Held, manner: Manner, question: str
) -> None:
    """Show the plan where somebody can be asked, ask, and carry it out. Raises Failure."""
    if prepared.plan.refusals:
        raise failure_of(prepared.plan.refusals)
    prepared = _within_level(given, prepared)
    asks = not manner.yes and sys.stdin.isatty()
    if asks or not prepared.plan.has_changes:
        await show(cluster, prepared.plan, Format.TABLE)
    else:
        for text in prepared.plan.warnings:
            say(f"Warning: {text}.", err=True)
    if not prepared.plan.has_writes:
        return
    if asks and prepared.plan.has_changes and not typer.confirm(question, default=False, err=True):
        raise Failure("Nothing was changed.", FAILED)
    from swarm_tui.cli.plumbing.stack_progress import carry_out

    at_end = sys.stderr.isatty() if manner.wait is None else manner.wait
    await carry_out(
        cluster,
        prepared,
        held,
        waits=not manner.detach,
        waits_at_end=at_end and not manner.detach,
        timeout_s=manner.timeout_s,
        atomic=manner.atomic,
        quiet=manner.quiet,
    )


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
    volumes = (await view_of(cluster, objects_pb2.Volume)).objects(objects_pb2.Volume)
    found = {}
    for name, spec in changing.items():
        fit = fit_now(spec, nodes, tasks, volumes)
        found[name] = f"fits {fit.fitting} of {fit.nodes} nodes" + (
            f" ({fit.refusals})" if fit.refusals else ""
        )
    return found


def _within_level(given: Globals, prepared: "Prepared") -> "Prepared":
    """The plan, if it may be carried out to its end: at a lower level old generations and states stay for a later deploy. Raises Failure
    where a service is to go."""
    from swarm_tui.operations.stacks.foretold import going, within

    made = prepared.plan
    if gone := going(made):
        given.need_highest(f"deploy stack {made.stack}, as service {', '.join(gone)} is to be removed")
    return within(prepared, is_highest=given.is_highest)
