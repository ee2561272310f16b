"""The course of a drill, from the drain to the score, for whoever begins one: the command and the dashboard.

Rules (docs/design/terminal.md 11.20)
1. The nodes take tasks again in any case: when everything is at full strength, when time is over, and when the drill is cancelled.
2. Somebody who makes one of the nodes active meanwhile ends the drill.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from swarm_core.api.proto import objects_pb2

from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Clock
from swarm_tui.operations import nodes as operation
from swarm_tui.operations.drill import Drill, Score
from swarm_tui.operations.model import Plan
from swarm_tui.resources import nodes
from swarm_tui.resources.model import ClusterView

TIMEOUT_S: Final = 600.0
GIVEN_BACK: Final = "not reached: somebody let a node take tasks before"
_NS_PER_S: Final = 1_000_000_000

Apply: TypeAlias = Callable[[Plan], Awaitable[bool]]
"""Carries a plan out and tells of it; whether all of it was done."""


def objection(view: ClusterView, ids: Sequence[str]) -> str:
    """Why there is nothing to try, as a sentence; empty where there is."""
    for id_ in ids:
        node = view.get(objects_pb2.Node, id_)
        if node is None or not nodes.takes_tasks(node):
            name = nodes.name(node, view) if node is not None else "The node"
            return f"{name} takes no tasks: there is nothing to try."
    return ""


async def play(
    drill: Drill, mirror: Mirror, clock: Clock, apply: Apply, *, timeout_s: float = TIMEOUT_S
) -> Score | None:
    """Drain the drill's nodes, wait for full strength, and give them back; None where they could not be drained."""
    changed = asyncio.Event()
    unlisten = mirror.listen(lambda _: changed.set())
    began_ns = _now_ns(clock)
    why_not = ""
    try:
        if not await apply(operation.availability(mirror, drill.ids, "drain")):
            return None
        async with asyncio.timeout(timeout_s):
            why_not = await _until_over(drill, mirror, clock, changed)
    except TimeoutError:
        why_not = f"not reached in {timeout_s:g} s: {drill.progress()}"
    finally:
        unlisten()
        await apply(operation.availability(mirror, drill.ids, "active"))
    return drill.score(began_ns, why_not)


async def _until_over(drill: Drill, mirror: Mirror, clock: Clock, changed: asyncio.Event) -> str:
    """Look on until it is over; why it ended before, or nothing."""
    was_drained = False
    while True:
        changed.clear()
        is_drained = not any(_takes_tasks(mirror, id_) for id_ in drill.ids)
        # Before the mirror knows of the drain everything is at full strength still.
        if is_drained:
            drill.look(mirror, _now_ns(clock))
        if drill.is_over:
            return ""
        if was_drained and not is_drained:
            return GIVEN_BACK
        was_drained = was_drained or is_drained
        await changed.wait()


def _takes_tasks(mirror: Mirror, id_: str) -> bool:
    node = mirror.get(objects_pb2.Node, id_)
    return node is not None and nodes.takes_tasks(node)


def _now_ns(clock: Clock) -> int:
    return int(clock.monotonic() * _NS_PER_S)
