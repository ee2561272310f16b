"""The network: messages that may be lost, late, doubled and out of order, and calls that stall where no way is open.

A direction between two hosts is open or blocked. Messages of raft are single datagrams to it. Calls are connections: in
order, not lost, but stalled while a direction is blocked, and given up after KEEPALIVE_S.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from swarm_core.client.errors import Unreachable

from swarm_testkit.simulation.host import Host
from swarm_testkit.simulation.loop import SimulationLoop
from swarm_testkit.simulation.trace import Trace

KEEPALIVE_S = 10.0
_POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Quality:
    """Chances per message; a late one takes up to `late_s`."""

    loss: float = 0.0
    double: float = 0.0
    late: float = 0.0
    delay_s: tuple[float, float] = (0.0005, 0.005)
    late_s: float = 0.0


GOOD = Quality()


class Network:
    def __init__(self, loop: SimulationLoop, rng: random.Random, trace: Trace) -> None:
        self._loop = loop
        self._rng = rng
        self._trace = trace
        self._blocked: set[tuple[str, str]] = set()
        self.quality = GOOD

    # shapes

    def block(self, sources: Iterable[str], targets: Iterable[str]) -> None:
        """Nothing goes from any source to any target, as far as they differ."""
        targets = tuple(targets)
        self._blocked.update((one, other) for one in sources for other in targets if one != other)

    def divide(self, one: Iterable[str], other: Iterable[str]) -> None:
        """Nothing goes between the two sides."""
        one, other = tuple(one), tuple(other)
        self.block(one, other)
        self.block(other, one)

    def heal(self) -> None:
        """Every way is open."""
        self._blocked.clear()

    def is_open(self, source: str, target: str) -> bool:
        return (source, target) not in self._blocked

    # traffic

    def send(
        self,
        source: str,
        target: Host,
        deliver: Callable[[], None],
        *,
        lost: Callable[[], None] | None = None,
    ) -> None:
        """One datagram. `lost` is called later when it will not arrive."""
        quality, rng = self.quality, self._rng
        if not self.is_open(source, target.name) or rng.random() < quality.loss:
            if lost is not None:
                self._loop.call_later(rng.uniform(0.01, 1.0), lost)
            return
        for _ in range(2 if rng.random() < quality.double else 1):
            self._loop.call_later(self._delay_s(), self._arrive, source, target, deliver, lost)

    async def carry(self, source: str, target: Host) -> None:
        """One leg of a call. Raises Unreachable."""
        await asyncio.sleep(self._delay_s())
        give_up = self._loop.now + KEEPALIVE_S
        while not self.is_open(source, target.name):
            if self._loop.now >= give_up:
                raise Unreachable(f"{target.name} does not answer {source}")
            await asyncio.sleep(_POLL_S)
        if target.is_paused:
            await target.running()

    def _arrive(
        self, source: str, target: Host, deliver: Callable[[], None], lost: Callable[[], None] | None
    ) -> None:
        # A message under way is lost too when the way is cut.
        if self.is_open(source, target.name):
            target.when_running(deliver)
        elif lost is not None:
            lost()

    def _delay_s(self) -> float:
        quality, rng = self.quality, self._rng
        if rng.random() < quality.late:
            return rng.uniform(0.0, quality.late_s)
        return rng.uniform(*quality.delay_s)
