"""Many engines, open for the dashboard: the cluster of engines, who names them, the mirror that follows, and the session over it.

What is opened lives while `run` runs, and asks nobody anything before.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from swarm_core.client.control import Control
from swarm_core.client.errors import ClientError
from swarm_core.client.sockets import NoSocket
from swarm_core.engines.cluster import running
from swarm_core.engines.discovery import Discovery, Source
from swarm_core.engines.opening import Opened

from swarm_tui.clusters.allowance import Allowance
from swarm_tui.clusters.engine_hands import EngineBook, EngineHands, Runs
from swarm_tui.clusters.no_calls import NoCalls
from swarm_tui.clusters.session import Clock, Session
from swarm_tui.engines.calls import ObjectCalls
from swarm_tui.engines.following import Following
from swarm_tui.engines.logs import EngineLogs, is_over
from swarm_tui.engines.mirror import EngineMirror
from swarm_tui.engines.stats import ContainerStats
from swarm_tui.resources.refs import ClusterId

TITLE: Final = "engines"
_AGAIN_S: Final = 5.0


class EngineRoom:
    """See the module's text. `opened` has no engines but those that `sources` name; `tell` is told what is wrong with these."""

    def __init__(
        self,
        opened: Opened,
        sources: Sequence[Source],
        clock: Clock,
        allowance: Allowance,
        tell: Callable[[str], None],
        book: EngineBook,
        runs: Runs,
    ) -> None:
        self.opened = opened
        self._sources, self._tell = sources, tell
        self.mirror = EngineMirror(clock, cluster=ClusterId(TITLE))
        self._clock = clock
        self._stats = ContainerStats(opened.cluster, self.mirror, clock)
        calls = ObjectCalls(opened.cluster, self.mirror)
        self.session = Session(
            TITLE,
            self.mirror,
            Control(NoCalls("no manager stands behind engines")),
            EngineLogs(self.opened.cluster, self.mirror, clock),
            clock,
            allowance=allowance,
            engines=EngineHands(opened, book, runs, self._stats),
            whole=calls.whole,
            inside=calls.run_inside,
            relist=self._list_anew,
            is_log_over=is_over,
        )

    async def run(self) -> None:
        """Until cancelled."""
        cluster = self.opened.cluster
        async with running(cluster), asyncio.TaskGroup() as group:
            group.create_task(self._stats.run())
            discovery = Discovery(cluster)
            for source in self._sources:
                group.create_task(self._discover(discovery, source))
            group.create_task(Following(cluster, self.mirror, self._clock).run())

    def _list_anew(self) -> None:
        """Ask every engine for all that it has; try those again now that do not answer."""
        for record in self.opened.cluster.engines():
            self.opened.cluster.wake(record.key)

    async def _discover(self, discovery: Discovery, source: Source) -> None:
        """Have the engines that the source names, for as long as it names any. One that cannot be asked is told, and asked again."""
        told: tuple[str, ...] = ()
        while True:
            try:
                async for found in source.lists():
                    await discovery.take(source.name, found)
                    told = self._tell_new(source, discovery.problems[source.name], told)
                return
            except (ClientError, NoSocket, LookupError, ValueError, OSError) as error:
                told = self._tell_new(source, (str(error),), told)
            await self._clock.sleep(_AGAIN_S)

    def _tell_new(self, source: Source, problems: tuple[str, ...], told: tuple[str, ...]) -> tuple[str, ...]:
        for problem in problems:
            if problem not in told:
                self._tell(f"{source.name}: {problem}")
        return problems
