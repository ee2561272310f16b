"""The removal of stacks that a person began here: one at a time, told on a line while it goes on, as networks wait for the last tasks
(docs/design/stacks.md 12.7.10). What was done stays when it fails or the program ends; removing the stack again goes on from there."""

import asyncio
from collections.abc import Callable, Sequence

from swarm_core.compose.changes.held import Held

from swarm_tui.clusters.session import Session
from swarm_tui.operations.forecast.changed import changed
from swarm_tui.operations.model import Outcome
from swarm_tui.operations.stacks.remove import foretold, remove
from swarm_tui.operations.stacks.waiting import following_mirror
from swarm_tui.operations.undo import Deeds
from swarm_tui.resources.format import plural, short_duration
from swarm_tui.widgets.paint import Spans


class StackRemovals:
    """See the module's text. `tell` and `tell_failure` say a sentence to the person; `changed` is called when the line is another."""

    def __init__(
        self,
        session: Session,
        tell: Callable[[str], None],
        tell_failure: Callable[[str], None],
        changed: Callable[[], None],
    ) -> None:
        self._session = session
        self._tell = tell
        self._tell_failure = tell_failure
        self._changed = changed
        self._what = ""
        self._done: list[Outcome] = []
        self._of = 0
        self._heard = ""
        self._left = ""

    @property
    def under_way(self) -> str:
        """How far the removal is that goes on, as a sentence; empty where there is none."""
        return f"The removal of {self._what} goes on: {self._progress()}." if self._what else ""

    def line(self) -> Spans:
        """What tells that it goes on; nothing while none does."""
        if not self._what:
            return []
        return [(" ◐ remove ", "warning+bold"), (f"{self._what} · {self._progress()}", "text")]

    def _progress(self) -> str:
        gone = sum(not one.is_error for one in self._done)
        return " · ".join(filter(None, (f"{gone} of {self._of} gone", self._heard)))

    async def play(self, asked: Sequence[Held], deeds: Deeds) -> None:
        """Carry it out, whose plan a person has read; `deeds` is told what was done."""
        if self._what:
            self._tell(self.under_way)
            return
        plan = foretold(asked, self._session.mirror)
        pairs = changed(plan, self._session.mirror)
        names = [held.stack for held in asked]
        self._what = f"stack {names[0]}" if len(names) == 1 else f"stacks {', '.join(names)}"
        what, self._done, self._of, self._heard = self._what, [], len(plan.steps), ""
        self._changed()
        began_s = self._session.clock.monotonic()
        try:
            for held in asked:
                await self._carry_out(held)
        except asyncio.CancelledError:
            self._left = f"The removal of {what} ended with the dashboard ({self._progress()}): remove it again to go on."
            raise
        finally:
            deeds.note(plan, pairs, self._done)
            self._what = ""
            self._changed()
        took = short_duration(self._session.clock.monotonic() - began_s)
        failed = sum(one.is_error for one in self._done)
        if failed:
            self._tell_failure(f"Of {what} {plural(failed, 'object')} could not be removed, {took}")
        else:
            self._tell(f"Removed {what}: {plural(len(self._done), 'object')}, {took}")

    async def _carry_out(self, held: Held) -> None:
        session = self._session
        follow = lambda: following_mirror(session.mirror, session.clock)  # noqa: E731
        async for outcome in remove(session, held, follow=follow, say=self._hear):
            if outcome.is_error:
                self._tell_failure(outcome.text)
            self._done.append(outcome)
            self._heard = ""
            self._changed()

    def _hear(self, text: str) -> None:
        if text != self._heard:
            self._heard = text
            self._changed()

    def finish(self) -> str:
        """The program has ended: a sentence about what does not go on."""
        return self._left
