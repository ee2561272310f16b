"""`engine add`, `rm` and `maintain`: the plans of the dashboard on the person's list, told or carried out. No engine is asked."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer
from swarm_core.engines.listed import engines_file, read_listed
from swarm_core.engines.opening import no_engines_yet
from swarm_core.engines.records import EngineEntry, EngineRecord

from swarm_tui.cli.plumbing.engine_steps import carry_out, tell_plan
from swarm_tui.cli.plumbing.engines import hands_on, need_level, view_of_records
from swarm_tui.operations.engines import levels

if TYPE_CHECKING:
    from swarm_tui.clusters.engine_hands import EngineHands
    from swarm_tui.engines.mirror import EngineMirror
    from swarm_tui.operations.model import Plan


def hands_on_list(given: EngineEntry | None = None) -> "EngineHands":
    """What the list is changed with. `given`: what an engine that is added has besides its name and address."""
    return hands_on(no_engines_yet(), given)


def view_of_list(names: Sequence[str]) -> "EngineMirror":
    """The engines of the list. Raises LookupError where it has none of a name, ValueError where it cannot be read."""
    listed = read_listed(engines_file())
    for name in names:
        listed.named(name)
    records = [EngineRecord(one, in_maintenance=one.key in listed.in_maintenance) for one in listed.entries]
    return view_of_records(records, no_engines_yet().clock)


def change_list(ctx: typer.Context, plan: "Plan", *, is_dry: bool) -> None:
    """Carry the plan out and print the names, or tell it. Raises Failure, and for a dry run Exit."""
    if is_dry:
        asyncio.run(tell_plan(plan))
        return
    need_level(ctx, levels.LIST, "change the list of engines")
    asyncio.run(carry_out(plan, lambda outcome: outcome.name))
