"""How long a test that waits pauses between two looks.

A look has its price: a docker command keeps a processor busy for a twentieth of a second, a call over a new connection keeps both ends busy.
Who looks without a rest slows down what they wait for, and every test beside them. So the pause grows with what the last look took, and
looks take a fifth of the time at most; a look that costs nothing is taken as often as before.
"""

from typing import Final

LEAST_S: Final = 0.02
LONGEST_S: Final = 0.5
"""After a slow look on a busy machine: what one wait may come too late."""
_LOOKS_TO_PAUSES: Final = 4


def pause_s(took_s: float, longest_s: float = LONGEST_S) -> float:
    """Seconds until the next look, after one that took `took_s` by the clock on the wall."""
    return min(max(_LOOKS_TO_PAUSES * took_s, LEAST_S), longest_s)
