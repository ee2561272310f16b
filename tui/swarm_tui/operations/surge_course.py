"""The course of a drain with the replacements first, for whoever begins one: the command and the dashboard.

Rules (docs/design/plans.md 13.9)
1. Pause, then move, then drain, then the specs as they were, each only when the one before it was done whole.
2. What goes wrong, time that is over and a person who stops it lead to the same end: the specs as they were, and then the nodes as they were. What
   has moved stays where it is.
3. It is over when no task of what is moved is meant to run on the nodes, and no update of it is on its way: that watches its new tasks for a while.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol, TypeAlias

from swarm_core.api.proto import objects_pb2
from swarm_core.rules.rollout import is_going
from swarm_core.specs import surge as marks

from swarm_tui.clusters.mirror import Mirror
from swarm_tui.operations import surge as parts
from swarm_tui.operations.model import Outcome, Plan
from swarm_tui.operations.standing import failure_of
from swarm_tui.operations.surge import Surge
from swarm_tui.resources import nodes, services
from swarm_tui.resources.why.placement import Nowhere

Node = objects_pb2.Node
Service = objects_pb2.Service
TIMEOUT_S: Final = 3600.0
SOMEBODY: Final = "somebody changed its spec meanwhile"
ACTIVATED: Final = "somebody let a node take tasks meanwhile"

Apply: TypeAlias = Callable[[Plan], Awaitable[Sequence[Outcome]]]
"""Carries a plan out, tells what was not done, and answers what became of each step."""


class WallClock(Protocol):
    def wall_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""


class SurgeFailed(Exception):
    """It did not come to its end; the text is a sentence. The nodes are as they were, as far as that could be done."""


class Course:
    """One drain. `apply` tells what was not done; `heard` is called when `progress` says something else. `clock` dates failures."""

    def __init__(
        self, surge: Surge, mirror: Mirror, clock: WallClock, apply: Apply, heard: Callable[[], None]
    ) -> None:
        self._surge = surge
        self._mirror = mirror
        self._clock = clock
        self._apply = apply
        self._heard = heard
        self._count = {id_: parts.left_there(mirror, id_, surge.ids) for id_ in surge.moving}
        self._since: dict[str, int] = {}
        """The version with which each service was marked: what the mirror shows of an earlier one is of the time before."""
        self._marked: set[str] = set()
        self.drained: Sequence[Outcome] = ()
        """What became of the nodes, once they are drained."""
        self._nowhere = Nowhere(mirror, surge.ids)

    async def run(self, timeout_s: float = TIMEOUT_S) -> None:
        """All of it. Raises SurgeFailed."""
        why = ""
        is_done = False
        try:
            async with asyncio.timeout(timeout_s):
                why = await self._until_moved()
            if not why:
                self.drained = await self._apply(parts.draining(self._mirror, self._surge))
                is_done = not _has_failed(self.drained)
                why = "a node could not be drained"
        except TimeoutError:
            why = f"not done in {timeout_s:g} s, {self.progress()}"
        finally:
            if is_done:
                await self._restore()
            else:
                await self._give_up()
        if not is_done:
            raise SurgeFailed(f"{self._surge.title}: {why}. {self._left()}")

    def progress(self) -> str:
        """How far it is, in one line."""
        left = {id_: parts.left_there(self._mirror, id_, self._surge.ids) for id_ in self._count}
        total = sum(self._count.values())
        text = f"{max(total - sum(left.values()), 0)} of {total} tasks moved"
        on_the_way = [(id_, count) for id_, count in left.items() if count]
        if not on_the_way:
            return f"{text} · watching that they stay" if self._count else text
        id_, count = on_the_way[0]
        return f"{text} · {self._name(id_)}: {count} to go{self._cause(id_)}"

    def _cause(self, service_id: str) -> str:
        service = self._mirror.get(Service, service_id)
        found = services.problems(service, self._mirror, self._clock.wall_ns()) if service is not None else ()
        if service is None or not found:
            return ""
        return f", {self._nowhere.sentence(service, found[0].cause)}"

    def _left(self) -> str:
        left = sum(parts.left_there(self._mirror, id_, self._surge.ids) for id_ in self._count)
        total = sum(self._count.values())
        return (
            f"{total - left} of {total} tasks had moved, and stay where they are; nothing else was stopped."
        )

    async def _until_moved(self) -> str:
        """Begin, and look on until all has moved; why it has to end before, or nothing."""
        changed = asyncio.Event()
        unlisten = self._mirror.listen(lambda _: changed.set())
        try:
            paused = await self._apply(parts.pausing(self._mirror, self._surge))
            if _has_failed(paused):
                return "a node could not be paused"
            while not all(self._knows(Node, one.id, _version(one)) for one in paused):
                await changed.wait()
                changed.clear()
            if not self._are_paused():
                return ACTIVATED
            self._marked = set(self._surge.moving)
            outcomes = await self._apply(parts.marking(self._mirror, self._surge))
            self._marked -= {one.id for one in outcomes if one.is_error}
            if _has_failed(outcomes):
                return "a service could not be changed"
            self._since = {one.id: _version(one) for one in outcomes}
            while not (self._is_over() or (why := self._why_not())):
                self._heard()
                await changed.wait()
                changed.clear()
            return "" if self._is_over() else why
        finally:
            unlisten()

    def _are_paused(self) -> bool:
        found = [self._mirror.get(Node, id_) for id_ in self._surge.ids]
        return not any(node is not None and nodes.availability(node) == "active" for node in found)

    def _shown(self, service_id: str) -> Service | None:
        """The service, once the mirror shows it as it was marked; None before that, and where it is gone."""
        is_known = self._knows(Service, service_id, self._since.get(service_id, 0))
        return self._mirror.get(Service, service_id) if is_known else None

    def _knows(self, kind: type[Node] | type[Service], id_: str, version: int) -> bool:
        """Whether the mirror shows an object as it was then, or as it became since."""
        item: Any = self._mirror.get(kind, id_)
        return item is None or item.meta.version.index >= version

    def _is_over(self) -> bool:
        for id_ in self._count:
            service = self._shown(id_)
            if service is None:
                if self._mirror.get(Service, id_) is not None:
                    return False
            elif is_going(service) or parts.left_there(self._mirror, id_, self._surge.ids):
                return False
        return True

    def _why_not(self) -> str:
        """Why it cannot go on; nothing where it can."""
        if not self._are_paused():
            return ACTIVATED
        for id_ in self._count:
            service = self._shown(id_)
            if service is None:
                continue
            if not marks.is_marked(service.spec) and parts.left_there(self._mirror, id_, self._surge.ids):
                return f"{self._name(id_)}: {SOMEBODY}"
            if failed := failure_of(self._mirror, service, goes_back=False):
                return f"{self._name(id_)}: {failed}"
        return ""

    async def _restore(self) -> bool:
        plan = parts.restoring(self._mirror, self._surge.ids, self._marked)
        return not _has_failed(await self._apply(plan))

    async def _give_up(self) -> None:
        """The specs first: on a node that takes tasks, the enforcer would stop what the constraint keeps off it."""
        if await self._restore():
            for plan in parts.giving_back(self._mirror, self._surge.before):
                await self._apply(plan)

    def _name(self, service_id: str) -> str:
        service = self._mirror.get(Service, service_id)
        return services.name(service) if service is not None else service_id


def _has_failed(outcomes: Sequence[Outcome]) -> bool:
    return any(one.is_error for one in outcomes)


def _version(outcome: Outcome) -> int:
    return outcome.made.meta.version.index if outcome.made is not None else 0
