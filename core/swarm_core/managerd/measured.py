"""A manager whose figures are told: `Measured` makes the parts that are looked at, and answers who asks (docs/design/metrics.md).

Loaded only where somebody asked for figures.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final

from prometheus_client import CollectorRegistry

from swarm_core.api.proto.manager_figures_pb2 import Measured as Measurements
from swarm_core.api.proto.objects_pb2 import Cluster, Task
from swarm_core.api.proto.types_pb2 import RUNNING
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.http.hosts import Host
from swarm_core.http.listeners import CannotListen
from swarm_core.managerd import figures
from swarm_core.managerd.meters import Watched
from swarm_core.metrics import page
from swarm_core.metrics.checks import Check
from swarm_core.rpc.observed import CallObserver
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.listening import AddressUnusable
from swarm_core.store.events import Event, Updated
from swarm_core.store.measured import MeasuredStore
from swarm_core.store.memory import MemoryStore
from swarm_core.watch.queue import Overflow

APPLIED_BEHIND_MAX: Final = 1000
"""So many committed entries may not be in the store yet: more are seconds of work, and what is told is old."""


class Measured:
    """Implements managerd.meters.Meters. `host` is where it is asked."""

    def __init__(self, host: Host, clock: Clock) -> None:
        self._host, self._clock = host, clock
        self._registry = CollectorRegistry()
        self.figures = figures.Figures(self._registry, clock.monotonic)
        self._standing = figures.register(self._registry)
        self.calls: CallObserver | None = self.figures
        self.decided: Callable[[float, int], None] | None = self.figures.decided
        self.synced: Callable[[float], None] | None = self.figures.syncs.observe

        self.told: Callable[[], Measurements] | None = self.figures.told

    def store(self) -> MemoryStore | None:
        return MeasuredStore(clock=self._clock, times=self.figures.times)

    @asynccontextmanager
    async def serving(self, manager: Watched) -> AsyncIterator[None]:
        async def ready() -> Iterable[Check]:
            return checks(manager)

        self._standing.manager = manager
        try:
            async with page.serving(self._host, page.Told(self._registry, ready)):
                yield
        except CannotListen as error:
            raise AddressUnusable(str(error)) from None
        finally:
            self._standing.manager = None

    async def run(self, manager: Watched) -> None:
        """How long tasks take from their making to their running, of those that begin to run while this manager leads."""
        while True:
            with manager.store.subscribe(Task) as commits:
                try:
                    async for batch in commits:
                        if manager.raft.leadership.is_leader:
                            for commit in batch:
                                self._take(commit.events)
                except Overflow:
                    continue  # figures may miss some; the manager must not

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            if not isinstance(event, Updated):
                continue
            task, old = event.object, event.old
            assert isinstance(task, Task) and isinstance(old, Task)
            if old.status.state < RUNNING == task.status.state:
                took_ns = timestamp_ns(task.status.applied_at) - timestamp_ns(task.meta.created_at)
                self.figures.starts.observe(max(took_ns, 0) / 1e9)


def checks(manager: Watched) -> list[Check]:
    """Whether a manager can do its work (docs/design/metrics.md M.3)."""
    raft = manager.raft
    if not raft.members.is_member:
        return [Check("raft", "it takes no part in raft yet")]
    behind = raft.status().hard_state.commit - raft.applied_index
    return [
        Check("raft"),
        Check(
            "leader", "" if raft.leadership.leader_id else "no leader is known; look at the other managers"
        ),
        Check(
            "applied",
            f"{behind} committed entries are not in the store yet" if behind > APPLIED_BEHIND_MAX else "",
        ),
        Check("store", "" if manager.store.count(Cluster) else "the cluster object is not here yet"),
        Check("control", "" if manager.is_serving() else "the control socket does not answer yet"),
        *_of_leader(manager),
    ]


def _of_leader(manager: Watched) -> Iterable[Check]:
    if manager.raft.leadership.is_leader:
        taken_over = manager.parts.manager.is_leading
        yield Check("leading", "" if taken_over else "it leads and has not taken over yet")
