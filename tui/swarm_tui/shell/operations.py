"""What the interface asks of the cluster: each a question to the person where one is due, then a plan that is applied.

Runs in workers of the screen. What is done and what it says is decided in `swarm_tui.operations`.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from swarm_core.api.proto import objects_pb2, specs_pb2
from textual.screen import Screen

from swarm_tui.clusters.session import Session
from swarm_tui.dialogs.choose import Choose
from swarm_tui.dialogs.confirm import Confirm
from swarm_tui.dialogs.scale import Scale
from swarm_tui.operations import create, nodes, remove, scale
from swarm_tui.operations.model import Outcome, Plan, apply
from swarm_tui.resources.model import ResourceKind
from swarm_tui.resources.nodes import availability

_ERROR_S, _DONE_S = 10, 4


class Operations:
    """Scale, remove, create, and node availability."""

    def __init__(self, screen: Screen[Any], session: Session) -> None:
        self._screen = screen
        self._session = session

    async def scale(self, ids: Sequence[str]) -> None:
        """Ask for an amount and scale these services to it."""
        mirror = self._session.mirror
        ids = [id_ for id_ in ids if mirror.get(objects_pb2.Service, id_) is not None]
        if not ids:
            return
        if refusals := scale.refusals(mirror, ids):
            for text in refusals:
                self._say(Outcome(text, is_error=True))
            return
        dialog = Scale(
            scale.subject_of(mirror, ids), scale.present(mirror, ids), partial(scale.judge, mirror, ids)
        )
        amount = await self._screen.app.push_screen_wait(dialog)
        if amount is not None:
            await self._apply(scale.plan(mirror, ids, amount))

    async def remove(self, kind: ResourceKind[Any], ids: Sequence[str]) -> None:
        """Ask for the name (or, for several, their number) and remove these objects."""
        plan = remove.plan(self._session.mirror, kind, ids)
        if not plan.steps:
            return
        if await self._screen.app.push_screen_wait(Confirm(plan.title, plan.warnings, plan.word)):
            await self._apply(plan)

    async def set_availability(self, ids: Sequence[str]) -> None:
        """Ask which, and set the availability of these nodes."""
        mirror = self._session.mirror
        found = [node for id_ in ids if (node := mirror.get(objects_pb2.Node, id_)) is not None]
        if not found:
            return
        options = [(word, f"{word.ljust(8)} {means}") for word, means in nodes.AVAILABILITIES]
        title = f"Availability of {nodes.subject_of(mirror, ids)}"
        word = await self._screen.app.push_screen_wait(Choose(title, options, availability(found[0])))
        if word is not None:
            await self._apply(nodes.availability(mirror, ids, word))

    async def create(self, spec: specs_pb2.ServiceSpec, done: Callable[[str], Awaitable[None]]) -> None:
        """Create a service; `done` gets its id."""
        for outcome in await self._apply(create.plan(objects_pb2.Service, spec)):
            if not outcome.is_error:
                await done(outcome.id)

    async def _apply(self, plan: Plan) -> list[Outcome]:
        outcomes = []
        async for outcome in apply(plan, self._session.control):
            self._say(outcome)
            outcomes.append(outcome)
        return outcomes

    def _say(self, outcome: Outcome) -> None:
        self._screen.notify(
            outcome.told,
            severity="error" if outcome.is_error else "information",
            timeout=_ERROR_S if outcome.is_error else _DONE_S,
            markup=False,
        )
