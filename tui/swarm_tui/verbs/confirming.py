"""Showing a plan before it is carried out, the same way for every verb."""

import asyncio
from collections.abc import Callable
from typing import Final

from swarm_core.api.proto import objects_pb2

from swarm_tui.clusters.merged import Merged
from swarm_tui.clusters.still import Still
from swarm_tui.dialogs.plan import PlanDialog
from swarm_tui.operations.across import described
from swarm_tui.operations.describe import Description, describe
from swarm_tui.operations.model import Outcome, Plan
from swarm_tui.resources.model import ClusterView
from swarm_tui.verbs.ports import Ports

_MANY: Final = 2_000
"""So many tasks are played through in some 30 ms."""


async def carry_out(ports: Ports, plan: Plan) -> list[Outcome]:
    """Carry the plan out once the person has read what it comes to, and what became of it; a refused one tells its refusals at
    once. Where the level is too low the plan is shown, and cannot be carried out."""
    if plan.refusals:
        return list(await ports.operations.apply(plan))
    if await confirmed(ports, plan) is not None:
        return list(await ports.operations.apply(plan))
    return []


async def confirmed(
    ports: Ports, plan: Plan, retold: Callable[[Description], Description] = lambda described: described
) -> Description | None:
    """What the plan comes to, once the person has read it and wants it; `retold` may say it in other words."""
    assert not plan.refusals, "nobody is asked whether to do what is refused"
    try:
        description = retold(await _described(plan, ports.operations.cluster))
    except ValueError as error:
        ports.desk.tell_failure(str(error))
        return None
    if not description.is_change:
        ports.desk.say(f"{plan.title}: nothing would change.")
        return None
    refusal = ports.operations.allowance.refusal(description.level)
    return description if await ports.desk.ask(PlanDialog(description, refusal)) else None


async def _described(plan: Plan, cluster: ClusterView) -> Description:
    """What it comes to is played through on every task there is: where they are many, beside, so that keys go on."""
    if len(cluster.objects(objects_pb2.Task)) < _MANY or isinstance(cluster, Merged):
        return described(plan, cluster)
    return await asyncio.to_thread(describe, plan, Still(cluster))
