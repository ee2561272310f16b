"""Whether a brief write may be done on the event loop itself: where it takes less time than handing it to a thread and back.

Rules
1. At once only while brief writes have been quick in the mean, in whatever thread they ran. A new disk has to show it first.
2. One that stalls stops everything else on the loop meanwhile. After a stall at once, the thread does so many writes that the
   disk must have changed, and twice as many after each further stall, so that a disk that stalls now and then does it to the
   loop a few times in its life.
"""

QUICK_S = 0.0005
STALL_S = 0.02
_WEIGHT = 1 / 16
_IN_THREAD_FIRST, _IN_THREAD_MAX = 256, 1 << 20


class Quickness:
    """What brief writes have taken so far."""

    def __init__(self) -> None:
        self._mean_s = 4 * QUICK_S
        self._in_thread_next = _IN_THREAD_FIRST
        self._in_thread_left = 0

    @property
    def is_quick(self) -> bool:
        """Whether the next one may be done at once."""
        return self._mean_s < QUICK_S and not self._in_thread_left

    def took(self, seconds: float, *, at_once: bool) -> None:
        """One more has taken so long."""
        self._mean_s += (seconds - self._mean_s) * _WEIGHT
        if at_once and seconds > STALL_S:
            self._in_thread_left = self._in_thread_next
            self._in_thread_next = min(2 * self._in_thread_next, _IN_THREAD_MAX)
        elif self._in_thread_left:
            self._in_thread_left -= 1
