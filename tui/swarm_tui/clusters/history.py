"""What share of its goal each service ran in the last minutes: the little curve beside a service.

The goal is the one of that time: what ran as it was meant to then is whole, whatever the goal is now.

A minute keeps the lowest share that was seen in it (the first one its last) and the share it ended with; minutes without a change carry the last
one on. Nothing is sampled, so an idle cluster costs nothing.
"""

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from swarm_core.api.proto import objects_pb2

from swarm_tui.resources import services
from swarm_tui.resources.model import ClusterView

MINUTES = 10
_MINUTE_NS = 60_000_000_000
_MOMENT_NS = 100_000_000


@dataclass(slots=True)
class _Minute:
    minute: int
    lowest: float
    last: float


class History:
    """Shares per service and minute."""

    def __init__(self) -> None:
        self.changed: set[str] = set()
        """Services of which other tasks run than when they were recorded."""
        self.changed_ns = 0
        """When the first of these changed."""
        self._services: defaultdict[str, deque[_Minute]] = defaultdict(partial(deque, maxlen=MINUTES + 1))

    def change(self, service_id: str, now_ns: int) -> None:
        """Other tasks run now."""
        if not self.changed:
            self.changed_ns = now_ns
        self.changed.add(service_id)

    def catch_up(self, view: ClusterView, *, before_ns: int | None = None) -> None:
        """Record what changed, unless it is of the same moment as `before_ns`: changes of a moment are recorded as one."""
        if self.changed and (before_ns is None or before_ns - self.changed_ns > _MOMENT_NS):
            self.record_all(tuple(self.changed), view, self.changed_ns)

    def record_all(self, service_ids: Iterable[str], view: ClusterView, now_ns: int) -> None:
        """Keep what share of its goal each service runs from now on, and the lowest since the last time; of a service that is gone nothing."""
        for service_id in service_ids:
            service = view.get(objects_pb2.Service, service_id)
            if service is None:
                self.forget(service_id)
                continue
            goal, sums = services.wanted(service, view), view.service_sums(service_id)
            lowest, share = (min(n / goal, 1.0) if goal else 0.0 for n in (sums.lowest, sums.running))
            self.record(service_id, lowest, share, now_ns)
            sums.lowest = sums.running

    def record(self, service_id: str, lowest: float, running: float, now_ns: int) -> None:
        """The service runs this share of its goal from now on; since the last time it ran `lowest` at least."""
        self.changed.discard(service_id)
        minute = now_ns // _MINUTE_NS
        kept = self._services[service_id]
        if kept and (newest := kept[-1]).minute >= minute:
            # The minute a service appears in is a climb from nothing, which is no trouble to show.
            newest.lowest = running if len(kept) == 1 else min(newest.lowest, lowest)
            newest.last = running
        else:
            kept.append(_Minute(minute, min(kept[-1].last, lowest) if kept else running, running))

    def forget(self, service_id: str) -> None:
        """The service is gone."""
        self._services.pop(service_id, None)
        self.changed.discard(service_id)

    def minutes(self, service_id: str, now_ns: int) -> list[float | None]:
        """The last MINUTES minutes, oldest first; None for a minute before the service was seen."""
        out: list[float | None] = []
        kept = self._services.get(service_id, deque())
        last: float | None = None
        position = 0
        for minute in range(now_ns // _MINUTE_NS - MINUTES + 1, now_ns // _MINUTE_NS + 1):
            value = last
            while position < len(kept) and kept[position].minute <= minute:
                value = kept[position].lowest if kept[position].minute == minute else kept[position].last
                last = kept[position].last
                position += 1
            out.append(value)
        return out
