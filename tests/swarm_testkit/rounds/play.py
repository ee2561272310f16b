"""Plays rounds that follow one another on one cluster, and says what they found."""

import asyncio
import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from swarm_core.client.errors import ClientError

from swarm_testkit.daemons import Daemon
from swarm_testkit.register_clients import RegisterClients
from swarm_testkit.rounds import plan, recovery
from swarm_testkit.rounds.faults import Faults
from swarm_testkit.rounds.field import Field, Place, control_of
from swarm_testkit.rounds.field import field as new_field
from swarm_testkit.rounds.plan import Round

_CLIENTS, _NAMES = 5, 2
_CALL_S = 5.0
_PAUSE_S = 0.2
_WELL_S = {"docker": 150.0}
_WELL_ELSE_S = 90.0
# A leader answers from its own copy until it gives up, two election timeouts at most, and a message may be late. Docker's ticks take a second.
_ELECTION_TICKS, _LATE_S = 20, 2.0
_TICK_S = {"docker": 1.0}
_TICK_ELSE_S = 0.08
_LAST_WRITES_S = 0.3
Happened = tuple[str, Place]
"""A fault that came, and where."""


@dataclass(slots=True)
class Played:
    """What rounds came to; `findings` by the round's number."""

    count: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    operations: int = 0
    names: int = 0
    slowest_s: float = 0.0
    findings: dict[int, list[str]] = field(default_factory=dict)


async def play(
    kind: str,
    numbers: Iterable[int],
    *,
    goes_on: Callable[[], bool] = lambda: True,
    played: Played | None = None,
) -> Played:
    """Play them in their order, while it `goes_on`, up to the first one with a finding: its cluster may be broken. Logs of that one are kept. Rounds that
    are over are in `played` also when this is cancelled."""
    numbers = list(numbers)
    played = Played() if played is None else played
    async with new_field(plan.shape(kind, numbers[0])) as found:
        clients = RegisterClients(
            [place.socket for place in found.managers],
            [""],
            count=_CLIENTS,
            call_s=_CALL_S,
            lease_s=0.0,
            pause_s=_PAUSE_S,
        )
        faults, logs = Faults(found), recovery.Logs(found)
        for number in numbers:
            if played.count and not goes_on():
                break
            round_ = plan.round_of(kind, number)
            clients.names = [f"r{number}-{at}" for at in range(_NAMES)]
            tick_s = _TICK_S.get(kind, _TICK_ELSE_S)
            clients.lease_s = 2 * _ELECTION_TICKS * tick_s + round_.lag_s + _LATE_S
            happened, taken_s, findings = await _one(kind, round_, found, clients, faults)
            findings += logs.surprises()
            played.count += 1
            played.faults.update(what for what, _ in happened)
            played.slowest_s = round(max(played.slowest_s, taken_s), 1)
            played.names = len(clients.histories)
            played.operations = sum(len(history) for history in clients.histories.values())
            if findings:
                kept = Path(tempfile.mkdtemp(prefix=f"swarm-round-{kind}-{number}-"))
                for daemon in found.ours:
                    shutil.copy(daemon.log, kept)
                played.findings[number] = [*findings, f"the logs are in {kept}"]
                break
    return played


async def _one(
    kind: str, round_: Round, found: Field, clients: RegisterClients, faults: Faults
) -> tuple[list[Happened], float, list[str]]:
    """Play one: the faults that came and where, the seconds until all was well again, the findings."""
    async with _at_work(clients):
        found.order(round_.order)
        async with asyncio.TaskGroup() as group:
            suffered = [group.create_task(faults.suffer(fault)) for fault in round_.faults]
            group.create_task(recovery.order(found, found.managers[0]))
        happened = [done for task in suffered if (done := task.result()) is not None]
        ended = _start_again(happened, found)
        taken_s, amiss = await recovery.whole_again(found, _WELL_S.get(kind, _WELL_ELSE_S))
        await asyncio.sleep(_LAST_WRITES_S)
    after = ", ".join(f"{what} ({place.name})" for what, place in happened) or "no fault"
    if ended:
        return happened, taken_s, [f"{place.name} ended by itself after {after}" for place in ended]
    if amiss:
        return happened, taken_s, [f"not well {taken_s:.0f} s after {after}: {amiss}"]
    return happened, taken_s, await _judged(kind, found, clients, after)


async def _judged(kind: str, found: Field, clients: RegisterClients, after: str) -> list[str]:
    """What a cluster that is well again says of the writes that it acknowledged; findings. On a machine with too much to do a manager may fall silent
    again: then it has as long to be well as before, and is asked once more."""
    for place in found.managers:
        try:
            await _read_all(place, clients)
        except (ClientError, TimeoutError) as error:
            taken_s, amiss = await recovery.whole_again(found, _WELL_S.get(kind, _WELL_ELSE_S))
            if amiss:
                return [
                    f"{place.name} stopped to answer after {after}: {error!r}; {taken_s:.0f} s later: {amiss}"
                ]
            try:
                await _read_all(place, clients)
            except (ClientError, TimeoutError) as again:
                return [f"{place.name} stopped to answer twice after {after}: {error!r}, {again!r}"]
    return [
        f"no order explains what clients saw of {name} after {after}: {history}"
        for name, history in clients.unexplained().items()
    ]


async def _read_all(place: Place, clients: RegisterClients) -> None:
    """Note what a manager shows of every name. Raises ClientError, TimeoutError."""
    async with control_of(place) as control:
        await clients.read_all(control)


def _start_again(happened: list[Happened], found: Field) -> list[Place]:
    """Start daemons that ended on a full disk, as a machine's service manager does; those that ended without."""
    full = {place.number for what, place in happened if what == plan.FULL_DISK}
    without = []
    for place in found.places:
        daemon = place.node
        if isinstance(daemon, Daemon) and daemon.process is not None and daemon.process.poll() is not None:
            if place.number in full:
                daemon.start()
            else:
                without.append(place)
    return without


@asynccontextmanager
async def _at_work(clients: RegisterClients) -> AsyncIterator[None]:
    """Meanwhile clients work."""
    clients.stopping.clear()
    async with asyncio.TaskGroup() as group:
        working = group.create_task(clients.run())
        try:
            yield
        finally:
            clients.stopping.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(working), 4 * _CALL_S)
