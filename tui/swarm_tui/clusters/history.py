"""What share of its goal each service ran in the last minutes: the little curve beside a service.

The goal is the one of that time: what ran as it was meant to then is whole, whatever the goal is now.

A minute keeps the lowest share that was seen in it (the first one its last) and the share it ended with; minutes without a change carry the last
one on. Nothing is sampled, so an idle cluster costs nothing.
"""

from collections import defaultdict, deque
from dataclasses import dataclass
from functools import partial

MINUTES = 10
_MINUTE_NS = 60_000_000_000


@dataclass(slots=True)
class _Minute:
    minute: int
    lowest: float
    last: float


class History:
    """Shares per service and minute."""

    def __init__(self) -> None:
        self._services: defaultdict[str, deque[_Minute]] = defaultdict(partial(deque, maxlen=MINUTES + 1))

    def record(self, service_id: str, running: float, now_ns: int) -> None:
        """The service runs this share of its goal from now on."""
        minute = now_ns // _MINUTE_NS
        kept = self._services[service_id]
        if kept and (newest := kept[-1]).minute >= minute:
            # The minute a service appears in is a climb from nothing, which is no trouble to show.
            if running < newest.lowest or len(kept) == 1:
                newest.lowest = running
            newest.last = running
        else:
            before = kept[-1].last if kept else running
            kept.append(_Minute(minute, min(before, running), running))

    def forget(self, service_id: str) -> None:
        """The service is gone."""
        self._services.pop(service_id, None)

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
