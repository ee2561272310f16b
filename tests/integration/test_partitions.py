"""Managers on hosts of their own: leaders are killed, paused and cut off under clients that create, change, read and remove.

What every client saw is written down, and one order of one register must explain it for each name.
"""

import asyncio
import itertools
import os
import statistics
import sys
import time
from collections.abc import Iterator

import pytest
from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.host import lacking
from swarm_testkit.hosts import Hosts, hosts, missing_parts
from swarm_testkit.managers import Cluster, eventually, paused, quickenings, through, write
from swarm_testkit.register_clients import RegisterClients

# More than the test run has time for: SWARM_ROUNDS=100.
ROUNDS = int(os.environ.get("SWARM_ROUNDS", "5"))
FAULTS = ("leader killed", "leader cut off", "leader paused", "follower cut off", "daemon killed")
CLIENTS, NAMES = 5, 2
CALL_S = 8.0
# A leader answers reads and refusals from its own copy: until it gives up, two election timeouts at most, and what a
# message may be late.
LEASE_S = 2 * 20 * 0.08 + 2.0
pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(240 + 40 * ROUNDS)]


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
            sockets = [node.socket for node in found.nodes]
            clients = RegisterClients(sockets, ["r0-0"], count=CLIENTS, call_s=CALL_S, lease_s=LEASE_S)
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

                async def read_all(node: Daemon = node) -> bool:
                    async with through(node) as control:
                        for name in list(clients.histories):
                            await clients.read(control, name)
                    return True

                await eventually(read_all, what="the last reads")
        except BaseException as error:
            error.add_note(found.tails())
            raise
        finally:
            for node in found.nodes:
                node.destroy()
    unexplained = clients.unexplained()
    assert not unexplained, unexplained
    operations = [one for history in clients.histories.values() for one in history]
    assert sum(one.ok is True and one.verb != "read" for one in operations) > 5 * ROUNDS
    sys.stderr.write(
        f"{ROUNDS} rounds, {len(operations)} operations on {len(clients.histories)} names; writes go on after"
        f" {statistics.median(s for s, _ in taken):.2f} s in the middle, the slowest {sorted(taken)[-5:]}\n"
    )
