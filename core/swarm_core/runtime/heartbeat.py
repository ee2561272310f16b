"""A sign of life from a program's event loop to whoever started it: a line on standard output now and then, for as long as the loop turns.

Rules
1. The line is written by the loop itself. Whoever reads it knows that callbacks are called and timers are kept, however late.
2. It never waits. When nobody reads, a few lines are left lying and no more are added, so that what else is said there has room.
"""

import array
import fcntl
import os
import termios

from swarm_core.runtime.clock import Clock

WORD = "alive"
BEAT_S = 2.0
_UNREAD_BYTES_MAX = 256


async def beat(descriptor: int, clock: Clock) -> None:
    """Say it through this pipe until cancelled. Returns when nobody can read it any more, and when it is no pipe."""
    line = f"{WORD}\n".encode()
    while True:
        await clock.sleep(BEAT_S)
        try:
            if _unread_bytes(descriptor) < _UNREAD_BYTES_MAX:
                os.write(descriptor, line)
        except OSError:
            return


def _unread_bytes(descriptor: int) -> int:
    """What lies in a pipe; the kernel tells it at both ends."""
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]
