"""`swarm-tui stack history` and `rollback`: what was applied of a stack, and the way back to it (docs/design/stacks.md 12.11)."""

from itertools import pairwise
from typing import Annotated

import typer
from swarm_core.client.cluster import Cluster
from swarm_core.compose.changes import earlier, state
from swarm_core.compose.changes.plan import StackPlan

from swarm_tui.cli.plumbing.dry_run import DryRunOption
from swarm_tui.cli.plumbing.output import Format, FormatOption, print_records, print_table
from swarm_tui.cli.plumbing.session import Failure, globals_of, run
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
from swarm_tui.cli.plumbing.stack_files import told
from swarm_tui.resources import format as fmt

StackArgument = Annotated[str, typer.Argument(metavar="STACK")]
_SHOWN_MAX = 3


def history(ctx: typer.Context, stack: StackArgument, style: FormatOption = Format.TABLE) -> None:
    """List what was applied of a stack: the present application and up to four before it, with what each of them changed."""
    from swarm_tui.operations.stacks.look import look

    async def work(cluster: Cluster) -> None:
        held = await look(cluster, stack)
        kept = state.newest_first(held.own(held.configs).values())
        if not kept:
            raise Failure(f"nothing is known of stack {stack}: it was never deployed by this program")
        states = told(lambda: [state.read(config) for config in kept])
        # What the oldest one changed is not known any more, unless it was the first.
        changes: list[tuple[str, ...] | None] = [earlier.changes(old, new) for new, old in pairwise(states)]
        changes.append(earlier.changes(None, states[-1]) if states[-1].number == 1 else None)
        since = [config.meta.created_at.ToNanoseconds() for config in kept]
        records = [
            {
                "Application": one.number,
                "IsPresent": one is states[0],
                "Since": fmt.moment(since_ns),
                "Changed": None if changed is None else list(changed),
            }
            for one, since_ns, changed in zip(states, since, changes, strict=True)
        ]
        if style is not Format.TABLE:
            print_records(records, style)
            return
        now_ns = cluster.clock.wall_ns()
        rows = [
            [
                f"{one.number}{' (now)' if one is states[0] else ''}",
                fmt.ago(since_ns, now_ns),
                _few(changed),
            ]
            for one, since_ns, changed in zip(states, since, changes, strict=True)
        ]
        print_table(["APPLICATION", "SINCE", "CHANGED"], rows)

    run(ctx, work)


def _few(changed: tuple[str, ...] | None) -> str:
    if changed is None:
        return "not known any more"
    more = f" and {len(changed) - _SHOWN_MAX} more" if len(changed) > _SHOWN_MAX else ""
    return ", ".join(changed[:_SHOWN_MAX]) + more


def rollback(
    ctx: typer.Context,
    stack: StackArgument,
    to: Annotated[
        int | None,
        typer.Option(
            "--to", help="Number of the application, as stack history lists it.", min=1, metavar="N"
        ),
    ] = None,
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
    """Make the stack what it was before the last deploy, or at an earlier one: plan, ask, and go wave by wave."""
    from swarm_tui.operations.model import Refused
    from swarm_tui.operations.stacks.look import look
    from swarm_tui.operations.stacks.prepare import Choices, prepare_earlier

    choices = completed(Choices(), resolve_image, with_registry_auth=with_registry_auth)
    manner = Manner(yes, wait, bool(detach), seconds(wave_timeout), atomic, quiet)

    async def work(cluster: Cluster) -> StackPlan:
        held = await look(cluster, stack)
        try:
            prepared = told(lambda: prepare_earlier(held, to, choices))
        except Refused as refusal:
            raise Failure(f"{str(refusal)[:1].upper()}{str(refusal)[1:]}.") from None
        if dry_run:
            await show(cluster, prepared.plan, style)
        else:
            await apply(cluster, globals_of(ctx), prepared, held, manner, "Go back to this?")
        return prepared.plan

    made = run(ctx, work)
    if dry_run:
        end_of_plan(made)


COMMANDS = {"history": history, "rollback": rollback}
