"""Components run while this member leads, and end with its leadership."""

import asyncio
import random
from collections.abc import Callable
from typing import NoReturn

import pytest
from swarm_core.manager.manager import Manager
from swarm_core.raft_node.errors import NotLeader
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.clock import SystemClock
from swarm_core.runtime.tasks import Group


class Doomed:
    """A component with a task in a group of its own, which fails as soon as leadership is lost."""

    name = "doomed"

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self.runs = 0

    async def run(self) -> None:
        self.runs += 1
        async with Group() as group:
            group.spawn(self._fail(), name="fails")

    async def _fail(self) -> NoReturn:
        await self.lost.wait()
        raise ValueError("the proposal was refused")


async def prepare() -> None:
    """There is nothing to take over."""


async def test_a_failure_does_not_hide_the_end_of_leadership() -> None:
    """A component that fails in the moment in which leadership is lost ends, and the manager can be cancelled."""
    clock, component = SystemClock(), Doomed()
    manager = Manager(
        (component,), prepare=prepare, clock=clock, backoff=lambda: Backoff(random.Random(1), base_s=0.0)
    )
    async with asyncio.timeout(40):
        async with Group() as group:
            group.spawn(manager.run(), name="manager")
            manager.set_leadership(True)
            while not (manager.is_leading and component.runs):
                await asyncio.sleep(0)
            component.lost.set()
            # Its group has heard of the failure, and is about to end with it.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            manager.set_leadership(False)
            group.cancel_all()
    assert component.runs == 1


class Refused:
    """A component whose first write comes while leadership is handed over."""

    name = "refused"

    def __init__(self) -> None:
        self.runs = 0

    async def run(self) -> None:
        self.runs += 1
        if self.runs == 1:
            raise NotLeader("leadership is being handed over")
        await asyncio.get_running_loop().create_future()


async def test_a_refused_write_is_no_surprise(caplog: pytest.LogCaptureFixture) -> None:
    """Its component is started again, with one line and no traceback."""
    component = Refused()
    manager = Manager(
        (component,),
        prepare=prepare,
        clock=SystemClock(),
        backoff=lambda: Backoff(random.Random(1), base_s=0.0),
    )
    async with asyncio.timeout(40), Group() as group:
        group.spawn(manager.run(), name="manager")
        manager.set_leadership(True)
        while component.runs < 2:
            await asyncio.sleep(0)
        group.cancel_all()
    (record,) = [one for one in caplog.records if "is started again" in one.getMessage()]
    assert record.exc_info is None and "handed over" in record.getMessage()


class Busy:
    """A component that looks through everything when it starts."""

    name = "busy"

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    async def run(self) -> None:
        self._note("component")
        await asyncio.get_running_loop().create_future()


async def test_others_have_their_turn_between_two_components() -> None:
    """Who waits for an answer does not wait until every component has looked through the store."""
    notes: list[str] = []

    async def ask() -> None:
        while True:
            notes.append("others")
            await asyncio.sleep(0)

    components = tuple(Busy(notes.append) for _ in range(4))
    manager = Manager(
        components, prepare=prepare, clock=SystemClock(), backoff=lambda: Backoff(random.Random(1))
    )
    async with asyncio.timeout(40), Group() as group:
        group.spawn(manager.run(), name="manager")
        manager.set_leadership(True)
        group.spawn(ask(), name="others")
        while not manager.is_leading:
            await asyncio.sleep(0)
        group.cancel_all()
    started = "".join(note[0] for note in notes)
    assert started.count("c") == 4
    assert "cc" not in started


class Slow:
    """A component whose start takes the loop for a while, by the clock of the test."""

    name = "slow"

    def __init__(self, clock: "SteppedClock", note: Callable[[str], None], *, takes_s: float) -> None:
        self._clock, self._note, self._takes_s = clock, note, takes_s

    async def run(self) -> None:
        self._note("start")
        self._clock.now += self._takes_s
        await asyncio.get_running_loop().create_future()


class SteppedClock:
    """Time goes on where a component takes it; sleeps are noted, and cost turns of the loop only."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self.now, self._note = 0.0, note

    def monotonic(self) -> float:
        return self.now

    def wall_ns(self) -> int:
        return round(self.now * 1e9)

    async def sleep(self, seconds: float) -> None:
        if seconds:
            self._note(f"pause {seconds:.2f}")
        await asyncio.sleep(0)


async def test_calls_are_answered_before_the_loops_have_started() -> None:
    """The member answers as leader once the components that are called have started. Each component that took long to start is followed
    by as long a pause, up to a bound, in which others are answered."""
    notes: list[str] = []
    clock = SteppedClock(notes.append)
    served, loops = ((Slow(clock, notes.append, takes_s=seconds),) for seconds in (0.02, 5.0))
    manager = Manager(served, loops, prepare=prepare, clock=clock, backoff=lambda: Backoff(random.Random(1)))
    async with asyncio.timeout(40), Group() as group:
        group.spawn(manager.run(), name="manager")
        manager.set_leadership(True)
        while not manager.is_leading:
            await asyncio.sleep(0)
        assert notes == ["start", "pause 0.02"]
        while len(notes) < 4:
            await asyncio.sleep(0)
        group.cancel_all()
    assert notes == ["start", "pause 0.02", "start", "pause 0.10"]
