"""Whether a brief write may be done on the event loop itself: where it takes less time than handing it to a thread and back.

Rules
1. At once only while brief writes have been quick in the mean, in whatever thread they ran. A new disk has to show it first.
   One slow write among many quick ones counts little: another process may have had the processor meanwhile.
2. A stall on the loop stops everything else there. After one the thread does the next writes, and twice as many after each
   further stall: a disk that stalls now and then does it to the loop ever more rarely. Many writes without a stall undo that.
"""

QUICK_S = 0.0005
STALL_S = 0.05
IN_THREAD_FIRST, IN_THREAD_MAX = 256, 1 << 16
_COUNTED_S_MAX = 4 * QUICK_S
_WEIGHT = 1 / 16
_FORGIVING = 16


class Quickness:
    """What brief writes have taken so far."""

    def __init__(self) -> None:
        self._mean_s = _COUNTED_S_MAX
        self._in_thread_next = IN_THREAD_FIRST
        self._in_thread_left = 0
        self._without_stall = 0

    @property
    def is_quick(self) -> bool:
        """Whether the next one may be done at once."""
        return self._mean_s < QUICK_S and not self._in_thread_left

    def took(self, seconds: float, *, at_once: bool) -> None:
        """One more has taken so long."""
        self._mean_s += (min(seconds, _COUNTED_S_MAX) - self._mean_s) * _WEIGHT
        if at_once:
            self._done_at_once(is_stall=seconds > STALL_S)
        elif self._in_thread_left:
            self._in_thread_left -= 1

    def _done_at_once(self, *, is_stall: bool) -> None:
        if is_stall:
            self._in_thread_left = self._in_thread_next
            self._in_thread_next = min(2 * self._in_thread_next, IN_THREAD_MAX)
            self._without_stall = 0
            return
        self._without_stall += 1
        if self._without_stall >= _FORGIVING * self._in_thread_next:
            self._in_thread_next = max(self._in_thread_next // 2, IN_THREAD_FIRST)
            self._without_stall = 0
