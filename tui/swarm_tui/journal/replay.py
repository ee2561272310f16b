"""A mirror that shows a cluster as of a moment: it answers as the live one does, so that every view can read it.

Rules (docs/design/journal.md 5)
1. The clock of the past stands at the moment, and goes through the time before it as the records do: curves, counts of
   failures and ages are those of the moment.
2. Going on from the moment shown costs what lies between; going back begins at a keyframe.
"""

from typing import Any

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.managers import Managers
from swarm_core.client.watch import Action, Change, Changed, Listed

from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Clock
from swarm_tui.journal.records import Verb
from swarm_tui.journal.tape import Reel, Step
from swarm_tui.resources.refs import ClusterId

_ACTIONS = {Verb.CREATED: Action.CREATED, Verb.UPDATED: Action.UPDATED, Verb.REMOVED: Action.REMOVED}


class PastClock:
    """Stands at a moment; waiting is real."""

    def __init__(self, clock: Clock, at_ns: int) -> None:
        self._clock = clock
        self.at_ns = at_ns

    def wall_ns(self) -> int:
        return self.at_ns

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class Replay:
    """See the module's text. The steps of a reel are given in their order."""

    def __init__(self, clock: PastClock, cluster: ClusterId) -> None:
        self.clock = clock
        self.mirror = Mirror(clock, cluster=cluster)
        self._statuses: dict[str, types_pb2.ManagerStatus] = {}
        self.is_blind = False
        """The stream was away at this moment: what is shown is what was known."""

    def show(self, reel: Reel, at_ns: int) -> None:
        """Show the moment that the reel leads to. Listeners are told."""
        if reel.listed is not None:
            self.clock.at_ns = reel.from_ns
            self.is_blind = False
            self.mirror.apply(Listed(reel.listed, _version(reel.listed)))
            nodes = (item for item in reel.listed if isinstance(item, objects_pb2.Node))
            self._statuses = {
                node.id: node.manager_status for node in nodes if node.HasField("manager_status")
            }
        for step in reel.steps:
            self._take(step)
        self.clock.at_ns = at_ns
        self.mirror.flush()

    def _take(self, step: Step) -> None:
        self.clock.at_ns = step.at_ns
        changes = []
        statuses = dict(self._statuses)
        for verb, item in step.changes:
            if item is None:
                self.is_blind = verb is Verb.LOST
                continue
            changes.append(Change(_ACTIONS[verb], item))
            if isinstance(item, objects_pb2.Node):
                if verb is not Verb.REMOVED and item.HasField("manager_status"):
                    statuses[item.id] = item.manager_status
                else:
                    statuses.pop(item.id, None)
        if statuses != self._statuses:
            self._statuses = statuses
            self.mirror.apply(Managers(dict(statuses), None))
        if changes:
            self.mirror.apply(Changed(tuple(changes), _version([change.object for change in changes])))


def _version(items: Any) -> int:
    return max((item.meta.version.index for item in items), default=0)
