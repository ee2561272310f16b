"""The deploy of a stack that a person began here: one at a time, wave by wave, told on a line while it goes on (docs/design/terminal.md 11.27).
What was done stays when it fails or the program ends; a deploy of the same text goes on from there."""

import asyncio
from collections.abc import Callable

from swarm_core.client.errors import CallFailed, Unreachable

from swarm_tui.clusters.session import Session
from swarm_tui.operations.stacks.asked import Deployment
from swarm_tui.operations.stacks.deploy import DeployFailed, Manner, deploy
from swarm_tui.operations.stacks.foretold import services_of
from swarm_tui.operations.stacks.waiting import following_mirror
from swarm_tui.operations.standing import judge
from swarm_tui.resources.format import plural, short_duration
from swarm_tui.widgets.paint import Spans


class Deploys:
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
        self._stack = ""
        self._done = 0
        self._of = 0
        self._heard = ""
        self._left = ""

    @property
    def under_way(self) -> str:
        """How far the deploy is that goes on, as a sentence; empty where there is none."""
        return f"Stack {self._stack} is being deployed: {self._progress()}." if self._stack else ""

    def line(self) -> Spans:
        """What tells that it goes on; nothing while none does."""
        if not self._stack:
            return []
        return [(" ◐ deploy ", "warning+bold"), (f"{self._stack} · {self._progress()}", "text")]

    def _progress(self) -> str:
        return " · ".join(filter(None, (f"{self._done} of {self._of} done", self._heard)))

    async def play(self, asked: Deployment, done: Callable[[], None]) -> None:
        """Carry it out, whose plan a person has read; `done` is called once it has gone well."""
        if self._stack:
            self._tell(self.under_way)
            return
        plan = asked.prepared.plan
        self._stack, self._done, self._heard = asked.stack, 0, ""
        self._of = sum(step.is_change for step in plan.steps)
        self._changed()
        began_s = self._session.clock.monotonic()
        try:
            await self._carry_out(asked)
        except (DeployFailed, CallFailed, Unreachable) as error:
            self._tell_failure(f"Stack {asked.stack} is not deployed whole: {error}")
            return
        except asyncio.CancelledError:
            self._left = f"The deploy of stack {asked.stack} ended with the dashboard ({self._progress()}): deploy it again to go on."
            raise
        finally:
            self._stack = ""
            self._changed()
        took = short_duration(self._session.clock.monotonic() - began_s)
        self._tell(
            f"Stack {asked.stack} is deployed: {plural(services_of(asked.prepared), 'service')}, {took}"
        )
        done()

    async def _carry_out(self, asked: Deployment) -> None:
        session = self._session
        manner = Manner(
            judge, lambda: following_mirror(session.mirror, session.clock), self._hear, waits_at_end=True
        )
        async for outcome in deploy(session, asked.prepared, asked.held, manner):
            if outcome.is_error:
                self._tell_failure(outcome.text)
            self._done += 1
            self._heard = ""
            self._changed()

    def _hear(self, text: str) -> None:
        if text != self._heard:
            self._heard = text
            self._changed()

    def finish(self) -> str:
        """The program has ended: a sentence about what does not go on."""
        return self._left
