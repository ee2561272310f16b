"""Showing a plan before it is carried out, the same way for every verb."""

from swarm_tui.dialogs.plan import PlanDialog
from swarm_tui.operations.describe import describe
from swarm_tui.operations.model import Outcome, Plan
from swarm_tui.verbs.ports import Ports


async def carry_out(ports: Ports, plan: Plan) -> list[Outcome]:
    """Carry the plan out once the person has read what it comes to, and what became of it; a refused one tells its refusals at
    once. Where the level is too low the plan is shown, and cannot be carried out."""
    if plan.refusals:
        return list(await ports.operations.apply(plan))
    description = describe(plan, ports.operations.cluster)
    refusal = ports.operations.allowance.refusal(description.level)
    if await ports.desk.ask(PlanDialog(description, refusal)):
        return list(await ports.operations.apply(plan))
    return []
