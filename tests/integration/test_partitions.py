"""Managers on hosts of their own: leaders are killed, paused and cut off under clients that create, change, read and remove.

What every client saw is written down, and one order of one register must explain it for each name.
"""

import asyncio
import contextlib
import itertools
import os
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed, ClientError
from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.host import lacking
from swarm_testkit.hosts import Hosts, hosts, missing_parts
from swarm_testkit.managers import Cluster, config_spec, eventually, paused, quickenings, through, write
from swarm_testkit.simulation.history import Operation, Tag, explain

# More than the test run has time for: SWARM_ROUNDS=100.
ROUNDS = int(os.environ.get("SWARM_ROUNDS", "5"))
FAULTS = ("leader killed", "leader cut off", "leader paused", "follower cut off", "daemon killed")
CLIENTS, NAMES = 5, 2
CALL_S = 8.0
# A leader answers reads and refusals from its own copy: until it gives up, two election timeouts at most, and what a
# message may be late.
LEASE_S = 2 * 20 * 0.08 + 2.0
SEED = 11
pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(240 + 40 * ROUNDS)]
# What refuses a call because of what is stored.
REFUSALS = {
    "create": ("ALREADY_EXISTS",),
    "change": ("NOT_FOUND", "out of sequence"),
    "remove": ("NOT_FOUND",),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A config as a client read it."""

    tag: Tag
    item: objects_pb2.Config


class Clients:
    """Clients of all managers, and what they saw of each name."""

    def __init__(self, nodes: list[Daemon]) -> None:
        self.nodes = nodes
        self.names = ["r0-0"]
        self.histories: dict[str, list[Operation]] = defaultdict(list)
        self.stopping = asyncio.Event()
        self._numbers = itertools.count(1)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(self._client(number))

    async def _client(self, number: int) -> None:
        rng = random.Random(number)
        while not self.stopping.is_set():
            with contextlib.suppress(ClientError, TimeoutError):
                async with through(self.nodes[number % len(self.nodes)]) as control:
                    while not self.stopping.is_set():
                        await self._operate(control, rng.choice(self.names), rng)
                        await asyncio.sleep(rng.uniform(0.01, 0.06))
            await asyncio.sleep(0.05)

    async def _operate(self, control: Control, name: str, rng: random.Random) -> None:
        seen = await self.read(control, name)
        new = next(self._numbers)
        if seen is None:
            spec = config_spec(name)
            spec.annotations.labels["tag"] = f"{new} 0"
            await self._attempt(name, "create", control.create(objects_pb2.Config, spec), new=(new, 0))
        elif rng.random() < 0.6:
            spec = type(seen.item.spec)()
            spec.CopyFrom(seen.item.spec)
            spec.annotations.labels["tag"] = f"{seen.tag[0]} {new}"
            work = control.update(objects_pb2.Config, seen.item, spec)
            await self._attempt(name, "change", work, expected=seen.tag, new=(seen.tag[0], new))
        else:
            work = control.remove(objects_pb2.Config, seen.item.id)
            await self._attempt(name, "remove", work, expected=seen.tag)

    async def read(self, control: Control, name: str) -> Seen | None:
        """What the leader shows, written down. Raises ClientError, TimeoutError."""
        start = time.monotonic()
        async with asyncio.timeout(CALL_S):
            found = await control.find(objects_pb2.Config, names=[name])
        seen = None
        if found:
            creation, change = found[0].spec.annotations.labels["tag"].split()
            seen = Seen((int(creation), int(change)), found[0])
        tag = None if seen is None else seen.tag
        self._note(name, "read", start - LEASE_S, ok=True, seen=tag)
        return seen

    async def _attempt(self, name: str, verb: str, work, **what) -> None:  # type: ignore[no-untyped-def]
        start = time.monotonic()
        try:
            async with asyncio.timeout(CALL_S):
                await work
        except CallFailed as error:
            if any(text in f"{error.code} {error}" for text in REFUSALS[verb]):
                self._note(name, verb, start - LEASE_S, ok=False, **what)
                return
            self._note(name, verb, start, ok=None, **what)
            raise
        except (ClientError, TimeoutError, asyncio.CancelledError):
            self._note(name, verb, start, ok=None, **what)
            raise
        self._note(name, verb, start, ok=True, **what)

    def _note(self, name: str, verb: str, start: float, *, ok: bool | None, **what) -> None:  # type: ignore[no-untyped-def]
        self.histories[name].append(Operation(verb, start, time.monotonic(), ok, **what))


@pytest.fixture
def three() -> Iterator[Hosts]:
    if lack := missing_parts():
        lacking(lack)
    with hosts(3) as found:
        yield found


async def first_write(nodes: list[Daemon], name: str) -> float:
    """Seconds until a write that begins now is done, through whichever of these managers."""
    start = time.monotonic()

    async def attempt(node: Daemon) -> bool:
        async with asyncio.timeout(CALL_S):
            await write(node, f"{name}-{time.monotonic_ns()}")
        return True

    tries = itertools.cycle(nodes)
    await eventually(lambda: attempt(next(tries)), what="a write after a fault")
    return time.monotonic() - start


async def one_round(fault: str, number: int, found: Cluster, three: Hosts) -> float:
    """Make a fault, wait until writes go on, and end it; how long writes were away."""
    leader = await found.leader(asked=found.nodes[number % 3])
    at = found.nodes.index(leader)
    others = found.others(leader)
    if fault == "leader killed":
        leader.kill_manager()
        return await first_write(others, f"f{number}")
    if fault == "daemon killed":
        leader.kill()
        seconds = await first_write(others, f"f{number}")
        leader.start()
        return seconds
    if fault == "leader paused":
        with paused(leader.manager_pid()):
            return await first_write(others, f"f{number}")
    if fault == "follower cut off":
        at = found.nodes.index(others[0])
        others = [leader, others[1]]
    three.cut(at)
    try:
        return await first_write(others, f"f{number}")
    finally:
        three.mend(at)


async def test_one_order_explains_what_clients_saw(three: Hosts) -> None:
    """Nothing acknowledged is lost, nothing is seen that was not there."""
    taken: list[tuple[float, str]] = []
    with private_directory() as directory:
        found = Cluster(directory)
        try:
            for number in range(3):
                await found.add(host=three.address(number), enter=three.enter(number))
            for node in found.nodes:  # LEASE_S counts on it
                wait_until(lambda node=node: quickenings(node) > 0, what="short ticks")
            clients = Clients(found.nodes)
            running = asyncio.get_running_loop().create_task(clients.run())
            try:
                for number in range(ROUNDS):
                    clients.names = [f"r{number}-{at}" for at in range(NAMES)]
                    for node in found.nodes:
                        await found.serves(node)
                    await asyncio.sleep(0.3)
                    fault = FAULTS[number % len(FAULTS)]
                    taken.append((await one_round(fault, number, found, three), fault))
                    assert not running.done(), running.exception()
            finally:
                clients.stopping.set()
                await running
            for node in found.nodes:
                await found.serves(node)
            for node in found.nodes:
                async with through(node) as control:
                    for name in list(clients.histories):
                        await clients.read(control, name)
        except BaseException as error:
            error.add_note(found.tails())
            raise
        finally:
            for node in found.nodes:
                node.destroy()
    unexplained = [name for name, operations in clients.histories.items() if not explain(operations)]
    assert not unexplained, [clients.histories[name] for name in unexplained]
    operations = [one for history in clients.histories.values() for one in history]
    assert sum(one.ok is True and one.verb != "read" for one in operations) > 5 * ROUNDS
    sys.stderr.write(
        f"{ROUNDS} rounds, {len(operations)} operations on {len(clients.histories)} names; writes go on after"
        f" {statistics.median(s for s, _ in taken):.2f} s in the middle, the slowest {sorted(taken)[-5:]}\n"
    )
