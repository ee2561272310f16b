"""Move a task to another node where that spreads its service more evenly; by the rules of `swarm-tui rebalance`, one at a time."""

from dataclasses import replace

from swarm_core.api.proto import objects_pb2

from swarm_tui.clusters.merged import Merged
from swarm_tui.operations import rebalance
from swarm_tui.operations.model import Plan
from swarm_tui.verbs.confirming import carry_out
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context


async def run(ports: Ports) -> None:
    cluster, ids = ports.cluster, ports.ids
    found = [service for id_ in ids if (service := cluster.get(objects_pb2.Service, id_)) is not None]
    if not found:
        return
    if isinstance(cluster, Merged):
        refusal = "Could not move tasks of several clusters at once: mark those of one."
        await ports.operations.apply(Plan("Move", refusals=(refusal,)))
        return
    moves = rebalance.moves(cluster, found, 1)
    if not moves:
        refusal = "Nothing to move: no service of these would be spread more evenly."
        await ports.operations.apply(Plan("Move", refusals=(refusal,)))
        return
    plan = rebalance.plan(cluster, moves)
    why = tuple(f"It is uneven now: {step.done.detail}." for step in plan.steps)
    await carry_out(ports, replace(plan, notes=why))


VERB = Verb(
    "list.move",
    ("M",),
    "move",
    "move one task of a service to a node where it spreads more evenly",
    Context.LIST,
    run,
    is_on_objects=True,
    changes=True,
)
