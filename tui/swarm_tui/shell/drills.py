"""The drill that a person began here: one at a time. Its nodes are given back in any case, also when the program ends meanwhile
(docs/design/terminal.md 11.20)."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Session
from swarm_tui.operations.describe import Description
from swarm_tui.operations.drill import Drill, Score, headline, told
from swarm_tui.operations.drill_course import objection, play
from swarm_tui.operations.model import Outcome, Plan, apply

GIVE_BACK_S: Final = 30.0
"""So long a program that ends waits for the nodes to be given back."""


class Drills:
    """See the module's text. `tell` and `tell_failure` say a sentence to the person."""

    def __init__(
        self, session: Session, tell: Callable[[str], None], tell_failure: Callable[[str], None]
    ) -> None:
        self._session = session
        self._tell = tell
        self._tell_failure = tell_failure
        self._drill: Drill | None = None
        self._last: Drill | None = None
        self._score: Score | None = None
        self._over = asyncio.Event()
        self._has_failed = False
        """Of the last change that was asked for, which at the end is the giving back."""

    @property
    def under_way(self) -> str:
        """How far the drill is that goes on, as a sentence; empty where there is none."""
        drill = self._drill
        return f"A drill of {drill.subject} is under way: {drill.progress()}." if drill is not None else ""

    def lines(self) -> Sequence[str]:
        """How the drill stands that goes on, or the score of the last one; nothing before the first."""
        if self.under_way:
            return (self.under_way,)
        return told(self._score) if self._score is not None else ()

    async def play(self, ids: Sequence[str], description: Description) -> None:
        """The drill, whose drain a person has read."""
        if self._drill is not None:
            self._tell(self.under_way)
            return
        mirror: Mirror = self._session.mirror
        self._drill = self._last = drill = Drill(mirror, ids, description)
        self._over.clear()
        try:
            score = await play(drill, mirror, self._session.clock, self._apply)
        finally:
            self._drill = None
            self._over.set()
        if score is not None:
            self._score = score
            self._tell(f"{headline(score)} {told(score)[-1]} :score tells it whole.")

    async def finish(self, timeout_s: float = GIVE_BACK_S) -> str:
        """The program ends: wait until the nodes are given back. A sentence says what to do where they could not be."""
        drill = self._last
        if drill is None:
            return ""
        try:
            async with asyncio.timeout(timeout_s):
                await self._over.wait()
        except TimeoutError:
            self._has_failed = True
        # Somebody may have given them back by hand since.
        if not self._has_failed or not objection(self._session.mirror, drill.ids):
            return ""
        names = drill.subject.replace(", ", " ")
        return f"The drill's nodes could not be given back: 'swarm-tui node activate {names}' does it."

    async def _apply(self, plan: Plan) -> bool:
        """Not among the deeds that can be undone: the drill takes it back itself."""
        outcomes: list[Outcome] = [outcome async for outcome in apply(plan, self._session.control)]
        for outcome in outcomes:
            if outcome.is_error:
                self._tell_failure(outcome.told)
            else:
                self._tell(outcome.told)
        self._has_failed = any(outcome.is_error for outcome in outcomes)
        return not self._has_failed
