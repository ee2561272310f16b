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


@dataclass(slots=True)
class Played:
    """What rounds came to; `findings` by the round's number."""

    count: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    operations: int = 0
    names: int = 0
    slowest_s: float = 0.0
    findings: dict[int, list[str]] = field(default_factory=dict)


async def play(kind: str, numbers: Iterable[int], *, goes_on: Callable[[], bool] = lambda: True) -> Played:
    """Play them in their order, while it `goes_on`, up to the first one with a finding: its cluster may be broken. Logs of that one are kept."""
    numbers = list(numbers)
    played = Played()
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
            findings = await _one(kind, round_, found, clients, faults, played)
            findings += logs.surprises()
            played.count += 1
            if findings:
                kept = Path(tempfile.mkdtemp(prefix=f"swarm-round-{kind}-{number}-"))
                for daemon in found.ours:
                    shutil.copy(daemon.log, kept)
                played.findings[number] = [*findings, f"the logs are in {kept}"]
                break
        played.names = len(clients.histories)
        played.operations = sum(len(history) for history in clients.histories.values())
    return played


async def _one(
    kind: str, round_: Round, found: Field, clients: RegisterClients, faults: Faults, played: Played
) -> list[str]:
    """Play one; its findings."""
    async with _at_work(clients):
        found.order(round_.order)
        async with asyncio.TaskGroup() as group:
            suffered = [group.create_task(faults.suffer(fault)) for fault in round_.faults]
            group.create_task(recovery.order(found, found.managers[0]))
        happened = [done for task in suffered if (done := task.result()) is not None]
        played.faults.update(what for what, _ in happened)
        ended = _start_again(happened, found)
        taken_s, amiss = await recovery.whole_again(found, _WELL_S.get(kind, _WELL_ELSE_S))
        played.slowest_s = round(max(played.slowest_s, taken_s), 1)
        await asyncio.sleep(_LAST_WRITES_S)
    after = ", ".join(f"{what} ({place.name})" for what, place in happened) or "no fault"
    if ended:
        return [f"{place.name} ended by itself after {after}" for place in ended]
    if amiss:
        return [f"not well {taken_s:.0f} s after {after}: {amiss}"]
    for place in found.managers:
        try:
            async with control_of(place) as control:
                await clients.read_all(control)
        except (ClientError, TimeoutError) as error:
            return [f"{place.name} stopped to answer after {after}: {error!r}"]
    return [
        f"no order explains what clients saw of {name} after {after}: {history}"
        for name, history in clients.unexplained().items()
    ]


def _start_again(happened: list[tuple[str, Place]], found: Field) -> list[Place]:
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
