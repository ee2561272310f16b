"""Many deadlines, one timer: a heap that forgives keys that were put off or given up.

Putting a deadline off, which happens at every heartbeat, only writes a dict entry: the heap learns of it when the old
time comes.
"""

import heapq


class Deadlines:
    """A time per key. Times are of one monotonic clock."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._queued: dict[str, float] = {}  # the earliest heap entry of each key

    def set(self, key: str, at: float) -> None:
        """Set or move the deadline of `key`."""
        self._at[key] = at
        queued = self._queued.get(key)
        if queued is None or at < queued:
            self._push(key, at)

    def discard(self, key: str) -> None:
        """Forget `key`, if it is there."""
        self._at.pop(key, None)

    def due(self, key: str) -> float | None:
        """The deadline of `key`, if it has one."""
        return self._at.get(key)

    def __len__(self) -> int:
        return len(self._at)

    def __contains__(self, key: object) -> bool:
        return key in self._at

    def wake_at(self) -> float | None:
        """When to ask `expired` next, maybe too early; None while there is nothing to wait for."""
        return self._heap[0][0] if self._heap else None

    def expired(self, now: float) -> list[str]:
        """Remove and return the keys whose time has come, earliest first."""
        out = []
        while self._heap and self._heap[0][0] <= now:
            queued_at, key = heapq.heappop(self._heap)
            if self._queued.get(key) != queued_at:
                continue
            del self._queued[key]
            at = self._at.get(key)
            if at is None:
                continue
            if at > now:
                self._push(key, at)
            else:
                del self._at[key]
                out.append(key)
        return out

    def _push(self, key: str, at: float) -> None:
        heapq.heappush(self._heap, (at, key))
        self._queued[key] = at
