"""The drain with the replacements first that a person began here: one at a time (docs/design/plans.md 13.9). Where it does not come to its end,
also because the program ends, specs and nodes are as they were.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from swarm_core.api.proto.objects_pb2 import Node

from swarm_tui.clusters.session import Session
from swarm_tui.operations import surge as operation
from swarm_tui.operations.forecast.model import Pair
from swarm_tui.operations.model import Outcome, Plan, apply
from swarm_tui.operations.surge import Surge
from swarm_tui.operations.surge_course import Course, SurgeFailed
from swarm_tui.operations.undo import Deeds
from swarm_tui.resources import nodes
from swarm_tui.widgets.paint import Spans

GIVE_BACK_S: Final = 30.0
"""So long a program that ends waits for specs and nodes to be as they were."""


class Surges:
    """See the module's text. `tell` and `tell_failure` say a sentence to the person; `changed` is called when `line` is another."""

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
        self._surge: Surge | None = None
        self._subject = ""
        self._course: Course | None = None
        self._work: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._over.set()

    @property
    def under_way(self) -> str:
        """How far the drain is that goes on, as a sentence; empty where there is none."""
        if self._surge is None or self._course is None:
            return ""
        return f"{self._surge.title}: {self._course.progress()}."

    def line(self) -> Spans:
        """What tells that it goes on; nothing while none does."""
        if self._surge is None or self._course is None:
            return []
        return [(f" ◐ surge {self._subject} ", "warning+bold"), (f"· {self._course.progress()}", "text")]

    def is_of(self, ids: Sequence[str]) -> bool:
        """Whether the one that goes on is of any of these nodes."""
        return self._surge is not None and not set(ids).isdisjoint(self._surge.ids)

    def stop(self) -> None:
        """End it: what moved stays, specs and nodes are as they were."""
        if self._work is not None:
            self._work.cancel()

    async def play(self, surge: Surge, deeds: Deeds) -> None:
        """Carry it out, whose plan a person has read. What it did goes to `deeds`, so that it can be taken back."""
        if self._surge is not None:
            self._tell(self.under_way)
            return
        mirror = self._session.mirror
        before = [node for id_ in surge.ids if (node := mirror.get(Node, id_)) is not None]
        self._surge, self._work = surge, asyncio.current_task()
        self._subject = names = ", ".join(nodes.name(node, mirror) for node in before)
        self._course = course = Course(surge, mirror, self._session.clock, self._apply, self._changed)
        self._over.clear()
        self._changed()
        try:
            await course.run()
        except SurgeFailed as error:
            self._tell_failure(str(error))
        except asyncio.CancelledError:
            self._tell(f"{surge.title}: ended. What moved stays where it is.")
            raise
        else:
            self._note(surge, deeds, before, course.drained)
            self._tell(f"{names} drained: {course.progress()}")
        finally:
            self._surge = self._course = self._work = None
            self._over.set()
            self._changed()

    async def finish(self, timeout_s: float = GIVE_BACK_S) -> str:
        """The program ends: wait until all is as it was. A sentence says what to do where that could not be."""
        surge = self._surge
        try:
            async with asyncio.timeout(timeout_s):
                await self._over.wait()
        except TimeoutError:
            pass
        mirror = self._session.mirror
        if surge is None or not operation.marked_for(mirror, surge.ids):
            return ""
        found = (mirror.get(Node, id_) for id_ in surge.ids)
        names = " ".join(nodes.name(node, mirror) for node in found if node is not None)
        return f"The drain of {names} was cut off: 'swarm-tui node drain --surge {names}' completes it, with --stop it is given up."

    @staticmethod
    def _note(surge: Surge, deeds: Deeds, before: Sequence[Node], drained: Sequence[Outcome]) -> None:
        """As one change of the nodes, from what they were before they were paused."""
        was = {node.id: node for node in before}
        outcomes = [
            Outcome(one.text, name=one.name, id=one.id, was=was[one.id].spec, made=one.made)
            for one in drained
            if one.id in was and not one.is_error
        ]
        pairs = [Pair(was[one.id], one.made) for one in outcomes]
        deeds.note(Plan(surge.title), pairs, outcomes)

    async def _apply(self, plan: Plan) -> list[Outcome]:
        """Its parts are no changes of their own, which could be undone."""
        outcomes = [outcome async for outcome in apply(plan, self._session.control)]
        for outcome in outcomes:
            if outcome.is_error:
                self._tell_failure(outcome.told)
        return outcomes
