"""Where keys, serial numbers and secrets take their chance from.

A `Chance` gives so many random bytes. The system's own is the default everywhere. Components pass their `rng.randbytes`: in
the programs that is `random.SystemRandom`, the same source; a simulation passes one that follows from its seed.
"""

import os
from collections.abc import Callable

Chance = Callable[[int], bytes]
SYSTEM: Chance = os.urandom
