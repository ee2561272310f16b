"""Faults on a field, each with its end."""

import asyncio
import contextlib
import os
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager

from swarm_core.api.proto import objects_pb2
from swarm_core.client.errors import ClientError

from swarm_testkit.daemons import Daemon
from swarm_testkit.engines import Engine
from swarm_testkit.rounds import plan
from swarm_testkit.rounds.field import Field, Place, control_of
from swarm_testkit.rounds.plan import Fault

_LEADER_S = 1.0
_STOP_S = 30.0


class Faults:
    """Carries out faults. What meets the same part of the same machine waits for its turn."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._parts: dict[tuple[int, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def suffer(self, fault: Fault) -> tuple[str, Place] | None:
        """Wait until it is time, let it happen, and end it. What happened where; None where this host cannot do it."""
        await asyncio.sleep(fault.at_s)
        place = await self._whom(fault)
        what = (plan.for_engine if isinstance(place.node, Engine) else plan.for_ours)(fault.what)
        if what == plan.CLOCK and place.clock is None:
            return None
        part, way = _WAYS[what]
        async with self._parts[place.number, part], way(self._field, place, fault):
            await asyncio.sleep(fault.lasts_s)
        return what, place

    async def _whom(self, fault: Fault) -> Place:
        places = self._field.places
        if fault.meets_worker:
            return _pick([place for place in places if not place.is_manager], fault.pick)
        leader = await self._leader(fault.pick)
        if fault.meets_leader and leader is not None:
            return leader
        return _pick([place for place in self._field.managers if place is not leader], fault.pick)

    async def _leader(self, pick: float) -> Place | None:
        """The place whose manager leads, as one that answers knows it."""
        with contextlib.suppress(ClientError, TimeoutError, OSError):
            async with asyncio.timeout(_LEADER_S), control_of(_pick(self._field.managers, pick)) as control:
                nodes = await control.find(objects_pb2.Node)
            leading = {node.manager_status.addr for node in nodes if node.manager_status.leader}
            return next((place for place in self._field.managers if place.address in leading), None)
        return None


def _pick(places: list[Place], pick: float) -> Place:
    return places[int(pick * len(places))]


_Way = Callable[[Field, Place, Fault], contextlib.AbstractAsyncContextManager[None]]


def _ours(place: Place) -> Daemon:
    assert isinstance(place.node, Daemon)
    return place.node


@asynccontextmanager
async def _manager_killed(field: Field, place: Place, fault: Fault) -> AsyncIterator[None]:
    del field, fault
    _ours(place).kill_manager()
    yield


@asynccontextmanager
async def _daemon_killed(field: Field, place: Place, fault: Fault) -> AsyncIterator[None]:
    del field, fault
    await asyncio.to_thread(_ours(place).kill)
    yield
    _ours(place).start()


@asynccontextmanager
async def _machine_killed(field: Field, place: Place, fault: Fault) -> AsyncIterator[None]:
    del field, fault
    daemon = _ours(place)
    manager = daemon.manager_pid()
    await asyncio.to_thread(daemon.kill)
    _signal([manager], signal.SIGKILL)
    yield
    daemon.start()


@asynccontextmanager
async def _manager_paused(field: Field, place: Place, fault: Fault) -> AsyncIterator[None]:
    del field, fault
    with _paused([_ours(place).manager_pid()]):
        yield


@asynccontextmanager
async def _machine_paused(field: Field, place: Place, fault: Fault) -> AsyncIterator[None]:
    del field, fault
    daemon = _ours(place)
    with _paused([daemon.manager_pid(), daemon.pid]):
        yield


@asynccontextmanager
async def _engine_killed(field: Field, place: Place, fault: Fault) -> AsyncIterator[None]:
    del field, fault
    assert isinstance(place.node, Engine)
    await asyncio.to_thread(place.node.stop, signal.SIGKILL)
    yield
    await asyncio.to_thread(place.node.start)


@asynccontextmanager
async def _engine_paused(field: Field, place: Place, fault: Fault) -> AsyncIterator[None]:
    del field, fault
    assert isinstance(place.node, Engine)
    with _paused([place.node.pid]):
        yield


@asynccontextmanager
async def _cut(field: Field, place: Place, fault: Fault) -> AsyncIterator[None]:
    del fault
    field.network.cut(place.number)
    try:
        yield
    finally:
        field.network.mend(place.number)


@asynccontextmanager
async def _one_way(field: Field, place: Place, fault: Fault) -> AsyncIterator[None]:
    others = [one for one in field.managers if one is not place]
    deaf = others[int(fault.amount * len(others))]
    field.network.lose(place.number, deaf.number)
    try:
        yield
    finally:
        field.network.find(place.number, deaf.number)


@asynccontextmanager
async def _late(field: Field, place: Place, fault: Fault) -> AsyncIterator[None]:
    delay_ms = 10 + 140 * fault.amount
    async with _bad_cable(
        field, place, "--delay-ms", f"{delay_ms:.0f}", "--jitter-ms", f"{2 * delay_ms:.0f}"
    ):
        yield


@asynccontextmanager
async def _lossy(field: Field, place: Place, fault: Fault) -> AsyncIterator[None]:
    async with _bad_cable(field, place, "--loss", f"{0.02 + 0.23 * fault.amount:.2f}", "--doubled", "0.05"):
        yield


@asynccontextmanager
async def _bad_cable(field: Field, place: Place, *flags: str) -> AsyncIterator[None]:
    await asyncio.to_thread(field.network.worsen, place.number, *flags)
    try:
        yield
    finally:
        await asyncio.to_thread(field.network.better, place.number)


@asynccontextmanager
async def _full_disk(field: Field, place: Place, fault: Fault) -> AsyncIterator[None]:
    del field, fault
    assert place.disk is not None
    await asyncio.to_thread(place.disk.fill)
    try:
        yield
    finally:
        await asyncio.to_thread(place.disk.empty)


@asynccontextmanager
async def _slow_disk(field: Field, place: Place, fault: Fault) -> AsyncIterator[None]:
    del field
    assert place.disk is not None
    still_s = 0.05 + 0.6 * fault.amount
    stalling = asyncio.to_thread(place.disk.stall, fault.lasts_s, still_s=still_s, free_s=0.05)
    async with _meanwhile(stalling):
        yield


@asynccontextmanager
async def _meanwhile(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        group.create_task(work)
        yield


@asynccontextmanager
async def _clock(field: Field, place: Place, fault: Fault) -> AsyncIterator[None]:
    """Mostly by less than the hour that certificates allow for, at times by up to three."""
    del field
    assert place.clock is not None
    furthest_s = 3_000 if fault.amount < 0.8 else 10_800
    place.clock.write_text(f"{(2 * fault.pick - 1) * furthest_s:+.0f}\n")
    try:
        yield
    finally:
        place.clock.write_text("+0\n")


@asynccontextmanager
async def _other_version(field: Field, place: Place, fault: Fault) -> AsyncIterator[None]:
    """Ended politely and started with the other version; it stays."""
    del fault
    daemon = _ours(place)
    await asyncio.to_thread(daemon.stop, _STOP_S)
    daemon.python = field.other_python(daemon)
    yield
    daemon.start()


def _signal(pids: Iterable[int | None], number: signal.Signals) -> None:
    for pid in pids:
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


@contextlib.contextmanager
def _paused(pids: list[int | None]) -> Iterator[None]:
    _signal(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(pids, signal.SIGCONT)


_WAYS: dict[str, tuple[str, _Way]] = {
    plan.MANAGER_KILLED: ("processes", _manager_killed),
    plan.DAEMON_KILLED: ("processes", _daemon_killed),
    plan.MACHINE_KILLED: ("processes", _machine_killed),
    plan.MANAGER_PAUSED: ("processes", _manager_paused),
    plan.MACHINE_PAUSED: ("processes", _machine_paused),
    plan.ENGINE_KILLED: ("processes", _engine_killed),
    plan.ENGINE_PAUSED: ("processes", _engine_paused),
    plan.OTHER_VERSION: ("processes", _other_version),
    plan.CUT: ("port", _cut),
    plan.ONE_WAY: ("neighbours", _one_way),
    plan.LATE: ("cable", _late),
    plan.LOSSY: ("cable", _lossy),
    plan.FULL_DISK: ("disk", _full_disk),
    plan.SLOW_DISK: ("disk", _slow_disk),
    plan.CLOCK: ("clock", _clock),
}
