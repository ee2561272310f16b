"""`swarm-tui rebalance`: what would move where and why, and moving it."""

from typing import Annotated

import typer
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.rules.placement.balance import Move
from swarm_core.rules.placement.summaries import node_name

from swarm_tui.cli.plumbing import completion
from swarm_tui.cli.plumbing.explaining import KINDS
from swarm_tui.cli.plumbing.output import Format, FormatOption, print_records, print_table
from swarm_tui.cli.plumbing.progress import converge
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import carry_out, run
from swarm_tui.cli.plumbing.views import view_of
from swarm_tui.operations import rebalance as operation
from swarm_tui.operations.model import Plan
from swarm_tui.resources import tasks
from swarm_tui.resources.model import ClusterView

Service = objects_pb2.Service
Task = objects_pb2.Task
_MOVES_MAX = 1000


def rebalance(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SERVICE…]", autocompletion=completion.services)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would move where and why, and move nothing.")
    ] = False,
    moves_max: Annotated[
        int, typer.Option("--max", min=1, help="Move no more tasks than this.", metavar="NUMBER")
    ] = _MOVES_MAX,
    style: FormatOption = Format.TABLE,
) -> None:
    """Spread running tasks anew over the nodes, one at a time and no more than needed; without names those of all services."""

    async def work(cluster: Cluster) -> None:
        named = [await cluster.control.resolve(Service, name) for name in names or ()]
        view = await view_of(cluster, *KINDS)
        found = named or sorted(view.objects(Service), key=lambda one: one.spec.annotations.name)
        moves = operation.moves(view, found, moves_max)
        plan = operation.plan(view, moves)
        if style is not Format.TABLE:
            print_records(_records(plan, moves), style)
        elif not moves:
            say("Nothing to move: no service would be spread more evenly.")
        elif dry_run:
            print_table(
                ["TASK", "MOVE", "WHY"],
                [[step.name, step.done.text, step.done.detail] for step in plan.steps],
            )
        if dry_run or not moves:
            return
        for move, step in zip(moves, plan.steps, strict=True):
            await carry_out(cluster, Plan(plan.title, (step,)), say=lambda outcome: "")
            await converge(cluster, move.task.service_id, quiet=True)
            said = await _landed(cluster, move, view)
            if style is Format.TABLE:
                say(f"{step.name}   {said}")

    run(ctx, work)


async def _landed(cluster: Cluster, move: Move, view: ClusterView) -> str:
    """Where the task's successor runs: nearly always where the plan said, but the scheduler has the last word."""
    after = await cluster.control.find(Task, service_ids=[move.task.service_id])
    places = {
        tasks.node_name(task, view)
        for task in after
        if task.slot == move.task.slot and task.desired_state == task.status.state == types_pb2.RUNNING
    }
    return f"{node_name(move.source)} → {', '.join(sorted(places)) or 'nowhere yet'}"


def _records(plan: Plan, moves: list[Move]) -> list[dict[str, object]]:
    return [
        {
            "Task": step.name,
            "ID": move.task.id,
            "From": node_name(move.source),
            "To": node_name(move.target),
            "Why": step.done.detail,
        }
        for step, move in zip(plan.steps, moves, strict=True)
    ]


COMMANDS = {"rebalance": rebalance}
