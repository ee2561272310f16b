"""`--dry-run` of commands that change something: the plan's description, and nothing is written.

Exit codes: 0 nothing would change; 2 something would; 1 it would be refused.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing.output import Format, print_records
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import carry_out, failure_of
from swarm_tui.cli.plumbing.views import view_of
from swarm_tui.clusters.allowance import named
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.resources.printable import printable

if TYPE_CHECKING:
    # What only a dry run needs.
    from swarm_tui.operations.describe import Description
    from swarm_tui.operations.model import Outcome, Plan
    from swarm_tui.resources.model import ClusterView

WOULD_CHANGE: Final = 2
KINDS: Final = (
    objects_pb2.Node,
    objects_pb2.Service,
    objects_pb2.Task,
    objects_pb2.Network,
    objects_pb2.Volume,
)
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Say what it would come to and change nothing; the exit code is 2 where something would change. With --format json for programs.",
    ),
]


async def view_for(cluster: Cluster, found: Iterable[Any], *, dry_run: bool) -> Snapshot:
    """What a plan is made of: the objects it is about, and for a dry run the whole cluster, as it needs to foretell."""
    return await view_of(cluster, *KINDS, objects=found) if dry_run else Snapshot(found)


async def tell(view: "ClusterView", plan: "Plan", style: Format, failures: Iterable[str] = ()) -> None:
    """Print what the plan would do. Raises Exit, or Failure where it would be refused."""
    from swarm_tui.operations.describe import as_record, describe

    description = describe(plan, view)
    wrong = [*failures, *description.refusals]
    if style is not Format.TABLE:
        print_records([as_record(description)], style)
    elif description.is_change or not wrong:
        print_description(description)
    if wrong:
        raise failure_of(wrong)
    if description.is_change:
        raise typer.Exit(WOULD_CHANGE)


async def create_or_tell(
    cluster: Cluster,
    plan: "Plan",
    dry_run: Format | None,
    say: "Callable[[Outcome], str]",
) -> None:
    """Carry a creation out, or with `dry_run` say in that form what it would come to."""
    if dry_run is None:
        await carry_out(cluster, plan, say=say)
        return
    await tell(await view_for(cluster, (), dry_run=True), plan, dry_run)


def print_description(description: "Description") -> None:
    """What the plan comes to, for people."""
    if not description.is_change:
        say("Nothing would change.")
        return
    say(printable(f"{description.title}   {named(description.level)} · {description.way_back}"))
    for name, text in description.changes:
        say(printable(f"  ~ {name}: {text}"))
    for text in description.effects:
        say(printable(f"    {text}"))
    for text in description.cautions:
        say(printable(f"  ! {text}"))
    for text in description.back:
        say(printable(f"    Taken back by: swarm-tui {text}"))
    for text in description.docker.lines:
        say(printable(f"    Same as: {text}"))
    if description.docker.why_none:
        say(printable(f"    {description.docker.why_none}"))
