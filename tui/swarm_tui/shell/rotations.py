"""The rotation of a secret or config that a person began here: one at a time, service by service, told on a line while it goes on
(docs/design/stacks.md 12.12). What was done stays when it fails or the program ends, and `z` takes it back where nothing was removed.
"""

from collections.abc import Callable

from swarm_core.client.errors import CallFailed, Unreachable

from swarm_tui.clusters.session import Session
from swarm_tui.operations.forecast.changed import changed
from swarm_tui.operations.model import Outcome
from swarm_tui.operations.stacks.deploy import Manner
from swarm_tui.operations.stacks.rotating import RotationFailed, rotate
from swarm_tui.operations.stacks.rotation import RotationAsked, foretold
from swarm_tui.operations.stacks.waiting import following_mirror
from swarm_tui.operations.standing import judge
from swarm_tui.operations.undo import Deeds
from swarm_tui.resources.format import plural, short_duration
from swarm_tui.widgets.paint import Spans


class Rotations:
    """See the module's text. `tell` and `tell_failure` say a sentence to the person; `show` takes the line, which is empty when it is over."""

    def __init__(
        self,
        session: Session,
        deeds: Deeds,
        tell: Callable[[str], None],
        tell_failure: Callable[[str], None],
        show: Callable[[Spans], None],
    ) -> None:
        self._session = session
        self._deeds = deeds
        self._tell = tell
        self._tell_failure = tell_failure
        self._show = show
        self._asked: RotationAsked | None = None
        self._done: list[Outcome] = []
        self._heard = ""

    @property
    def under_way(self) -> str:
        """How far the rotation is that goes on, as a sentence; empty where there is none."""
        return f"{self._asked.made.title} goes on: {self._progress()}." if self._asked is not None else ""

    def _progress(self) -> str:
        assert self._asked is not None
        pointed = max(len(self._done) - 1, 0)
        count = (
            f"{min(pointed, len(self._asked.made.users))} of {plural(len(self._asked.made.users), 'service')}"
        )
        return " · ".join(filter(None, (count, self._heard)))

    def _changed(self) -> None:
        if self._asked is None:
            self._show([])
        else:
            title = f" ◐ {self._asked.made.title.lower()} "
            self._show([(title, "warning+bold"), (f"· {self._progress()}", "text")])

    async def play(self, asked: RotationAsked) -> None:
        """Carry it out, whose plan a person has read."""
        if self._asked is not None:
            self._tell(self.under_way)
            return
        self._asked, self._done, self._heard = asked, [], ""
        self._changed()
        plan = foretold(asked.made, removes=asked.removes)
        pairs = changed(plan, self._session.mirror)
        began_s = self._session.clock.monotonic()
        try:
            await self._carry_out(asked)
        except (RotationFailed, CallFailed, Unreachable) as error:
            self._tell_failure(f"{asked.made.title} did not come to its end: {error}")
        else:
            took = short_duration(self._session.clock.monotonic() - began_s)
            self._tell(f"{asked.made.title} is done: {asked.made.name}, {took}")
        finally:
            self._deeds.note(plan, pairs, self._done)
            self._asked = None
            self._changed()

    async def _carry_out(self, asked: RotationAsked) -> None:
        session = self._session
        manner = Manner(judge, lambda: following_mirror(session.mirror, session.clock), self._hear)
        async for outcome in rotate(session, asked.made, manner, removes=asked.removes):
            self._done.append(outcome)
            self._heard = ""
            self._changed()

    def _hear(self, text: str) -> None:
        if text != self._heard:
            self._heard = text
            self._changed()
