"""Who waits for which request.

A request id is kept from its proposal until its entry is applied, or until all callers are told that they wait in vain.
When a caller goes away its id stays, so that the entry is still known as ours.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from swarm_core.raft_node.config import PROPOSALS_MAX
from swarm_core.raft_node.errors import Overloaded, ProposalRefused
from swarm_core.runtime.clock import Clock

OnCommit = Callable[[int], None]

_COUNTER_BITS, _CLOCK_BITS = 8, 40


class RequestIds:
    """Ids as etcd makes them: milliseconds above a counter of eight bits, counted up as one number."""

    def __init__(self, clock: Clock) -> None:
        milliseconds = clock.wall_ns() // 1_000_000 & (1 << _CLOCK_BITS) - 1
        self._last = milliseconds << _COUNTER_BITS

    def next(self) -> int:
        self._last += 1
        return self._last


class Taken(Enum):
    """What `Proposals.applied` found."""

    UNKNOWN = 0  # somebody else proposed it
    ABANDONED = 1  # proposed here, but nobody waits any more
    DONE = 2  # its callback ran


@dataclass(frozen=True, slots=True)
class _Waiting:
    on_commit: OnCommit
    future: asyncio.Future[None]
    since: float


class Proposals:
    """The waiting callers by request id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ids = RequestIds(clock)
        self._waiting: dict[int, _Waiting] = {}

    @property
    def oldest_since(self) -> float | None:
        """When (monotonic) the one that waits longest was proposed."""
        return next((one.since for one in self._waiting.values()), None)

    def __len__(self) -> int:
        return len(self._waiting)

    def next_id(self) -> int:
        """The id of the next request."""
        return self._ids.next()

    def check_room(self) -> None:
        """Raises Overloaded."""
        if len(self._waiting) >= PROPOSALS_MAX:
            raise Overloaded

    def begin(self, request_id: int, on_commit: OnCommit) -> asyncio.Future[None]:
        """Done when the entry is applied; fails with what `fail_all` is given."""
        assert request_id not in self._waiting
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = _Waiting(on_commit, future, self._clock.monotonic())
        return future

    def applied(self, request_id: int, index: int) -> Taken:
        """The entry of this request is being applied: run its callback and let its caller go on."""
        found = self._waiting.pop(request_id, None)
        if found is None:
            return Taken.UNKNOWN
        if found.future.done():
            return Taken.ABANDONED
        found.on_commit(index)
        found.future.set_result(None)
        return Taken.DONE

    def refuse(self, request_id: int, error: ProposalRefused) -> None:
        """The entry came to nothing."""
        found = self._waiting.pop(request_id, None)
        if found is not None and not found.future.done():
            found.future.set_exception(error)

    def fail_all(self, make_error: Callable[[], ProposalRefused]) -> None:
        """No callback of those that wait will run."""
        for request_id in list(self._waiting):
            self.refuse(request_id, make_error())
