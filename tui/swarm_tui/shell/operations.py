"""Applies plans for the person in front of the screen: each outcome is told as soon as it is known."""

from collections.abc import Callable

from swarm_core.compose.changes.held import Held

from swarm_tui.clusters.allowance import Allowance
from swarm_tui.clusters.session import Session
from swarm_tui.operations.forecast.changed import changed
from swarm_tui.operations.levels import level_of
from swarm_tui.operations.model import Outcome, Plan, apply
from swarm_tui.operations.stacks.look import look
from swarm_tui.operations.undo import Deeds
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
    def allowance(self) -> Allowance:
        """How far changes may go."""
        return self._session.allowance

    async def held(self, stack: str) -> Held:
        return await look(self._session, stack)

    async def apply(self, plan: Plan) -> list[Outcome]:
        """Carry a plan out, and tell the person of each outcome as it comes. Where the level is too low nothing of it is begun."""
        pairs = changed(plan, self.cluster)
        needed = level_of(plan, pairs)
        if not plan.refusals and (text := self.allowance.refusal(needed)):
            plan = Plan(plan.title, refusals=(f"{plan.title}: {text}.",))
        commands = self._recording.before(plan, pairs)
        outcomes = []
        async for outcome in apply(plan, self._session.control):
            self._tell(outcome)
            outcomes.append(outcome)
        self.deeds.note(plan, pairs, outcomes)
        self._recording.after(plan, pairs, outcomes, commands)
        return outcomes
