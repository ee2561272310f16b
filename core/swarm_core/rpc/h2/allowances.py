"""How often a peer may do what an honest one does seldom, and the error that ends a connection."""

from swarm_core.rpc.h2.bounds import Bounds, Rate
from swarm_core.rpc.h2.frames import Code


class Broken(Exception):
    """The client broke a rule of the connection, or did something too often."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Allowance:
    """A count that is spent, and grows again with time and by what the peer earned. Asked only when it is used up."""

    __slots__ = ("_burst", "_earned", "_left", "_per_second", "_since", "_what")

    def __init__(self, what: str, rate: Rate, now: float) -> None:
        self._what = what
        self._burst = rate.burst
        self._per_second = rate.per_second
        self._left = rate.burst
        self._since = now
        self._earned = 0

    def spend(self, now: float, earned: int = 0) -> None:
        """Take one, or raise `Broken`. `earned` counts from the beginning what the peer may do once more for each."""
        if not self._left:
            grown = int((now - self._since) * self._per_second)
            if not grown + earned - self._earned:
                raise Broken(Code.ENHANCE_YOUR_CALM, f"too many {self._what}")
            self._left = min(self._burst, grown + earned - self._earned)
            self._earned = earned
            if grown:
                self._since = now
        self._left -= 1


class Allowances:
    """Everything of one connection that is counted."""

    __slots__ = ("empties", "ignored", "pings", "refusals", "resets", "settings", "updates")

    def __init__(self, bounds: Bounds, now: float) -> None:
        self.resets = Allowance("streams given up or broken", bounds.resets, now)
        self.refusals = Allowance("streams beyond the limit", bounds.refusals, now)
        self.pings = Allowance("PINGs", bounds.pings, now)
        self.settings = Allowance("SETTINGS", bounds.settings, now)
        self.updates = Allowance("window updates", bounds.updates, now)
        self.empties = Allowance("DATA frames without content", bounds.empties, now)
        self.ignored = Allowance("frames that change nothing", bounds.ignored, now)
