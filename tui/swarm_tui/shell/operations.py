"""Applies plans for the person in front of the screen: each outcome is told as soon as it is known. A plan is carried out once the mirror shows
what came of it: what is asked for right behind it is planned of that.
"""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

from swarm_core.api.proto.objects_pb2 import Service
from swarm_core.api.proto.service_history_pb2 import ServiceRevision
from swarm_core.compose.changes.held import Held

from swarm_tui.clusters.allowance import Allowance
from swarm_tui.clusters.engine_hands import EngineHands
from swarm_tui.clusters.hearing import has_heard_of, heard
from swarm_tui.clusters.session import Session
from swarm_tui.operations.across import parts_of
from swarm_tui.operations.forecast.changed import Outdated, changed
from swarm_tui.operations.forecast.model import Pair
from swarm_tui.operations.levels import level_of
from swarm_tui.operations.model import Outcome, Plan, Remove, apply
from swarm_tui.operations.stacks.look import look
from swarm_tui.operations.stacks.rotate import rotation_for
from swarm_tui.operations.stacks.rotation import Rotation
from swarm_tui.operations.undo import Deed, Deeds, is_as_left
from swarm_tui.resources.model import ClusterView
from swarm_tui.shell.recording import Recording


class Operations:
    """Changes to one cluster. What is done and what it says is decided in `swarm_tui.operations`."""

    def __init__(self, session: Session, tell: Callable[[Outcome], None], recording: Recording) -> None:
        self._session = session
        self._tell = tell
        self._recording = recording
        self.deeds = Deeds()

    @property
    def cluster(self) -> ClusterView:
        """The cluster as last seen, which plans are made of."""
        return self._session.mirror

    @property
    def engines(self) -> EngineHands | None:
        """What changes of engines are made with, where these are looked at."""
        return self._session.engines

    @property
    def allowance(self) -> Allowance:
        """How far changes may go."""
        return self._session.allowance

    async def rotation(self, noun: str, item: Any, data: bytes) -> Rotation:
        return await rotation_for(self._session, noun, item, data, os.urandom)

    async def earlier_specs(self, service_id: str) -> Sequence[ServiceRevision]:
        home = self._session.mirror.home(Service, service_id)
        return await self._session.of(home.cluster).control.earlier_specs(service_id)

    async def held(self, stack: str) -> Held:
        return await look(self._session, stack)

    async def apply(self, plan: Plan) -> list[Outcome]:
        """Carry a plan out, and tell the person of each outcome as it comes. Where the level is too low nothing of it is begun."""
        plan, pairs = self._tried(plan)
        needed = level_of(plan, pairs)
        if not plan.refusals and (text := self.allowance.refusal(needed)):
            plan = Plan(plan.title, refusals=(f"{plan.title}: {text}.",))
        commands = self._recording.before(plan, pairs)
        outcomes = []
        async for outcome in self._carried_out(plan):
            self._tell(outcome)
            outcomes.append(outcome)
        self.deeds.note(plan, pairs, outcomes)
        self._recording.after(plan, pairs, outcomes, commands)
        await heard(self._session.mirror, lambda: self._shows(plan, outcomes))
        return outcomes

    def shows(self, deed: Deed) -> bool:
        """Whether the mirror has what came of it."""
        mirror = self._session.mirror
        return all(
            has_heard_of(mirror, after) if after is not None else mirror.get(type(before), before.id) is None
            for before, after in ((pair.before, pair.after) for pair in deed.pairs)
        )

    def _shows(self, plan: Plan, outcomes: Sequence[Outcome]) -> bool:
        """Whether the mirror has everything that became different."""
        mirror, well = self._session.mirror, [one for one in outcomes if not one.is_error]
        kinds = {step.action.id: step.action.kind for step in plan.steps if isinstance(step.action, Remove)}
        return all(
            (one.made is None or has_heard_of(mirror, one.made))
            and (not one.is_removal or mirror.get(kinds[one.id], one.id) is None)
            and (one.back is None or is_as_left(one.back, mirror))
            for one in well
        )

    def _tried(self, plan: Plan) -> tuple[Plan, Sequence[Pair]]:
        """The plan and what it changes; a refused one where it fits no more what is there now."""
        try:
            return plan, changed(plan, self.cluster)
        except Outdated as error:
            return Plan(plan.title, refusals=(str(error),)), ()

    async def _carried_out(self, plan: Plan) -> AsyncIterator[Outcome]:
        """Each step by its own cluster. One that cannot be reached leaves the others their parts."""
        try:
            parts = parts_of(plan, self.cluster)
        except ValueError as error:
            yield Outcome(str(error), is_error=True)
            return
        if not self._session.members:
            async for outcome in apply(plan, self._session.control):
                yield outcome
            return
        for text in plan.refusals:
            yield Outcome(text, is_error=True)
        for part in parts if not plan.refusals else ():
            async for outcome in apply(part.plan, self._session.of(part.view.cluster).control):
                yield replace(outcome, text=f"{part.view.cluster}: {outcome.text}")
