"""Changes of engines by commands: the plans are those of the dashboard (docs/design/engine-views.md 18.5), told or carried out.

Rules (docs/design/engine-commands.md 16.2)
1. Each name is planned for itself: what is refused is told at the end, and the rest is done.
2. What one engine is asked is done in turn, what several are asked side by side. Who is told of it reads it in the order of the names.
3. Exit codes of a dry run are those of `dry_run`: 0 nothing would change; 2 something would; 1 something would be refused.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from swarm_tui.cli.plumbing.dry_run import tell
from swarm_tui.cli.plumbing.output import Format
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import Failure, failure_of
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.resources.printable import printable

if TYPE_CHECKING:
    # Loaded when something is changed: help and usage errors must not wait for it.
    from swarm_tui.cli.plumbing.engines import Chosen
    from swarm_tui.operations.model import Outcome, Plan

T = TypeVar("T")
DryOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Say what it would come to and change nothing; the exit code is 2 where something would change.",
    ),
]
_NOTHING: Final = Snapshot(())
"""Plans of engines foretell nothing of a cluster."""


async def carry_out_each(
    names: Iterable[str],
    find: "Callable[[str], Sequence[T]]",
    plan: "Callable[[Sequence[T]], Plan]",
    *,
    is_dry: bool,
    said: "Callable[[str, Outcome], str]" = lambda name, outcome: name,
) -> None:
    """Do what is asked of what each name finds, and print what `said` makes of the name and its outcome; or only tell it. Fails at the end
    with all that could not be done. `find` raises EngineError or Failure."""
    from swarm_core.engines.errors import EngineError

    wrong: list[str] = []
    wanted: list[T] = []
    owners: dict[str, str] = {}
    for name in dict.fromkeys(names):
        try:
            found = find(name)
        except EngineError as error:
            wrong.append(f"{name}: {str(error).rstrip('.')}.")
            continue
        except Failure as failure:
            wrong.append(str(failure))
            continue
        for one in found:
            alone = plan([one])
            wrong += alone.refusals
            if not alone.refusals:
                wanted.append(one)
                owners |= {step.action.id: name for step in alone.steps if step.action.id}  # type: ignore[union-attr]
    whole = plan(wanted)
    if is_dry:
        await tell_plan(whole, wrong)
    else:
        wrong += await _carried_out(whole, lambda outcome: said(owners[outcome.id], outcome))
    if wrong:
        raise failure_of(wrong)


async def on_each_engine(
    chosen: "Chosen",
    plan: "Callable[[Sequence[str]], Plan]",
    *,
    is_dry: bool,
    said: "Callable[[str, Outcome], str]" = lambda name, outcome: f"{name}: {outcome.detail}",
) -> None:
    """Do the same on every engine that the options choose. One that does not live is a failure; the others do it."""
    keys = {record.name: record.key for record in chosen.records}
    await carry_out_each(keys, lambda name: [keys[name]], plan, is_dry=is_dry, said=said)


async def tell_plan(plan: "Plan", wrong: Iterable[str] = ()) -> None:
    """Print what the plan would do. Raises Exit where something would change, Failure where something would be refused."""
    from swarm_tui.operations.model import Nothing

    if not plan.refusals:
        for step in plan.steps:
            if isinstance(step.action, Nothing):
                say(printable(f"Nothing would change: {step.done.text}."))
    if not plan.refusals and all(isinstance(step.action, Nothing) for step in plan.steps):
        if failures := list(wrong):
            raise failure_of(failures)
        return
    await tell(_NOTHING, plan, Format.TABLE, wrong)


async def carry_out(plan: "Plan", said: "Callable[[Outcome], str]") -> None:
    """Do what the plan says, and print what `said` makes of each outcome. Raises Failure with all that could not be done."""
    if wrong := await _carried_out(plan, said):
        raise failure_of(wrong)


async def _carried_out(plan: "Plan", said: "Callable[[Outcome], str]") -> list[str]:
    """What could not be done, each a sentence."""
    from swarm_core.client.control import Control

    from swarm_tui.clusters.no_calls import NoCalls
    from swarm_tui.operations.model import apply

    wrong: list[str] = []
    order = [step.action.id for step in plan.steps]  # type: ignore[union-attr]
    waiting: dict[str, Outcome] = {}
    async for outcome in apply(plan, Control(NoCalls("no manager stands behind engines"))):
        if outcome.is_error:
            wrong.append(outcome.text)
        waiting[outcome.id] = outcome
        while order and order[0] in waiting:
            first = waiting.pop(order.pop(0))
            if not first.is_error and (text := said(first)):
                say(text)
    return wrong
