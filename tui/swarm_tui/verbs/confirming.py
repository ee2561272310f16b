"""Showing a plan before it is carried out, the same way for every verb."""

from swarm_tui.dialogs.plan import PlanDialog
from swarm_tui.operations.describe import describe
from swarm_tui.operations.model import Plan
from swarm_tui.verbs.ports import Ports


async def carry_out(ports: Ports, plan: Plan) -> None:
    """Carry the plan out once the person has read what it comes to; a refused one tells its refusals at once."""
    answer: bool | None = bool(plan.refusals)
    if not answer:
        answer = await ports.desk.ask(PlanDialog(describe(plan, ports.operations.cluster)))
    if answer:
        await ports.operations.apply(plan)
