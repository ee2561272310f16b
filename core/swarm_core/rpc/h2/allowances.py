"""How often a peer may do what an honest one does seldom."""

from swarm_core.rpc.h2.bounds import Rate


class Allowance:
    """A count that is spent, and grows again with time and by what the peer earned. Asked only when it is used up."""

    __slots__ = ("_burst", "_earned", "_left", "_per_second", "_since")

    def __init__(self, rate: Rate, now: float) -> None:
        self._burst = rate.burst
        self._per_second = rate.per_second
        self._left = rate.burst
        self._since = now
        self._earned = 0

    def spend(self, now: float, earned: int = 0) -> bool:
        """Take one. `earned` counts from the beginning what the peer may do once more for each. False: too often."""
        if not self._left:
            grown = int((now - self._since) * self._per_second)
            if not grown + earned - self._earned:
                return False
            self._left = min(self._burst, grown + earned - self._earned)
            self._earned = earned
            if grown:
                self._since = now
        self._left -= 1
        return True
