"""A mirror that shows a cluster as of a moment: it answers as the live one does, so that every view can read it.

Rules (docs/design/journal.md 5)
1. The clock of the past stands at the moment, and goes through the time before it as the records do: curves, counts of
   failures and ages are those of the moment.
2. Going on from the moment shown costs what lies between; going back begins at a keyframe.
"""

from swarm_core.client.watch import Lost, Resumed

from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Clock
from swarm_tui.journal.retold import Retold
from swarm_tui.journal.tape import Reel, Step
from swarm_tui.resources.refs import ClusterId


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
        self._told = Retold()
        self.is_blind = False
        """The stream was away at this moment: what is shown is what was known."""

    def show(self, reel: Reel, at_ns: int) -> None:
        """Show the moment that the reel leads to. Listeners are told."""
        if reel.listed is not None:
            self.clock.at_ns = reel.from_ns
            self.is_blind = False
            self.mirror.apply(self._told.listing(reel.listed))
        for step in reel.steps:
            self._take(step)
        self.clock.at_ns = at_ns
        self.mirror.flush()

    def _take(self, step: Step) -> None:
        self.clock.at_ns = step.at_ns
        for update in self._told.step(step):
            match update:
                case Lost():
                    self.is_blind = True
                case Resumed():
                    self.is_blind = False
                case _:
                    self.mirror.apply(update)
