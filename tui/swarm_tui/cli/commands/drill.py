"""`swarm-tui drill NODE…`: what would happen if the node went away, tried out, and given back (docs/design/terminal.md 11.20)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Annotated

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing import completion
from swarm_tui.cli.plumbing.dry_run import DryRunOption, tell, view_for
from swarm_tui.cli.plumbing.output import Format, FormatOption
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import Failure, carry_out, resolved, run
from swarm_tui.clusters.changes import Phase
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.operations import nodes as operation
from swarm_tui.operations.describe import describe
from swarm_tui.operations.drill import Drill, told
from swarm_tui.resources import nodes
from swarm_tui.resources.printable import printable

Node = objects_pb2.Node


def drill(
    ctx: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NODE…", autocompletion=completion.nodes)],
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, help="Seconds to wait for full strength.", metavar="SECONDS")
    ] = 600.0,
    dry_run: DryRunOption = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Drain nodes, stop the clock when everything runs elsewhere, and give them back; the score stands beside what was foretold."""

    async def work(cluster: Cluster) -> None:
        found, failures = await resolved(cluster, Node, names)
        if failures:
            raise Failure("\nError: ".join(failures))
        ids = [node.id for node in found.values()]
        if dry_run:
            view = await view_for(cluster, found.values(), dry_run=True)
            await tell(view, operation.availability(view, ids, "drain"), style)
            return
        async with _watched(cluster) as (mirror, changed):
            await _play(cluster, mirror, changed, ids, timeout)

    run(ctx, work)


async def _play(
    cluster: Cluster, mirror: Mirror, changed: asyncio.Event, ids: list[str], timeout: float
) -> None:
    for node in (mirror.get(Node, id_) for id_ in ids):
        if node is None or not nodes.takes_tasks(node):
            raise Failure(
                f"{nodes.name(node, mirror) if node else 'The node'} takes no tasks: there is nothing to try."
            )
    plan = operation.availability(mirror, ids, "drain")
    description = describe(plan, mirror)
    if description.refusals:
        raise Failure("\nError: ".join(description.refusals))
    for text in (description.title, *description.effects, *description.cautions):
        say(printable(text))
    played = Drill(mirror, ids, description)
    clock = cluster.clock
    began_ns = int(clock.monotonic() * 1e9)
    try:
        await carry_out(cluster, plan, say=lambda outcome: "")
        async with asyncio.timeout(timeout):
            while not played.is_over:
                changed.clear()
                if _is_drained(mirror, ids):
                    played.look(mirror, int(clock.monotonic() * 1e9))
                if not played.is_over:
                    await changed.wait()
    except TimeoutError:
        say(f"After {timeout:g} seconds: {played.progress()}.")
    finally:
        # Whatever happened, and whoever interrupts: the nodes take tasks again.
        back = operation.availability(mirror, ids, "active")
        await carry_out(cluster, back, say=lambda outcome: "")
    score = played.score(began_ns)
    for line in told(score):
        say(printable(line))
    if score.seconds is None:
        raise typer.Exit(1)


def _is_drained(mirror: Mirror, ids: list[str]) -> bool:
    """Whether the mirror knows of the drain: before that everything is at full strength still."""
    found = [mirror.get(Node, id_) for id_ in ids]
    return not any(node is not None and nodes.takes_tasks(node) for node in found)


@asynccontextmanager
async def _watched(cluster: Cluster) -> AsyncIterator[tuple[Mirror, asyncio.Event]]:
    """The cluster as it is from now on, and what is set whenever it changed."""
    mirror = Mirror(cluster.clock)
    changed = asyncio.Event()
    mirror.listen(lambda _: changed.set())

    async def feed() -> None:
        async with aclosing(cluster.watch().updates()) as updates:
            await mirror.follow(updates)

    async with asyncio.TaskGroup() as group:
        feeding = group.create_task(feed())
        try:
            while mirror.stream.phase is not Phase.LIVE:
                await changed.wait()
                changed.clear()
            yield mirror, changed
        finally:
            feeding.cancel()


COMMANDS = {"drill": drill}
