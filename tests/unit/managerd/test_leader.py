"""Where calls for the leader go, as leaders come and go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from swarm_core.api.proto import health_pb2
from swarm_core.manager.health import RAFT, Health
from swarm_core.managerd.leader import RaftLeaderLocator
from swarm_core.managerd.membership import advertised_address
from swarm_core.raft_node.membership import Member
from swarm_core.rpc import channel as channels
from swarm_core.rpc.errors import Unavailable, Unknown
from swarm_core.rpc.grpcio import grpc
from swarm_core.rpc.server import Services
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.free_ports import free_port
from swarm_testkit.trust import make_authority, remote_server

AUTHORITY = make_authority()
IDENTITY = AUTHORITY.manager("m1")


@dataclass
class Raft:
    """What the locator asks of the node."""

    raft_id: int = 1
    leader_id: int = 0
    is_leader: bool = False
    is_handing_over: bool = False
    is_member: bool = True
    leaderless_s: float = 0.0
    said_s: float = 0.01
    election_s: float = 0.1
    addresses: dict[int, str] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def all(self) -> list[Member]:
        return [Member(raft_id, str(raft_id), address) for raft_id, address in self.addresses.items()]

    def led_by(self, raft_id: int) -> None:
        self.leader_id, self.is_leader = raft_id, raft_id == self.raft_id
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


def dial(address: str) -> grpc.aio.Channel:
    return channels.secure(
        address,
        roots=IDENTITY.roots,
        server_name="swarm-manager",
        certificate=IDENTITY.certificate,
        key=IDENTITY.key,
    )


@asynccontextmanager
async def locating(raft: Raft, *, is_ready: bool = True) -> AsyncIterator[RaftLeaderLocator]:
    locator = RaftLeaderLocator(raft, raft, raft, dial, SystemClock(), is_ready=lambda: is_ready)
    task = asyncio.get_running_loop().create_task(locator.run())
    try:
        yield locator
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def manager() -> AsyncIterator[str]:
    services, health = Services(), Health()
    health.set(RAFT, True)
    services.add(health_pb2.DESCRIPTOR.services_by_name["Health"], health)
    async with remote_server(AUTHORITY, services) as server:
        yield server.address


async def test_the_leader_s_calls_stay() -> None:
    """Once its components run."""
    raft = Raft()
    raft.led_by(1)
    async with locating(raft) as locator:
        assert await locator.leader() is None
    async with locating(raft, is_ready=False) as locator:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(locator.leader(), 0.2)


async def test_calls_wait_for_a_leader_and_go_to_it() -> None:
    """The same connection serves all calls, until another one leads."""
    raft = Raft(addresses={2: "127.0.0.1:2", 3: "127.0.0.1:3"})
    async with locating(raft) as locator:
        waiting = asyncio.get_running_loop().create_task(locator.leader())
        await asyncio.sleep(0.02)
        assert not waiting.done()
        raft.led_by(2)
        second = await waiting
        assert second is not None
        assert await locator.leader() is second
        raft.led_by(3)
        third = await locator.leader()
        assert third not in (None, second)


async def test_without_quorum_calls_fail_with_the_reason() -> None:
    """When there has been no leader for long, nobody waits."""
    async with locating(Raft(leaderless_s=60)) as locator:
        with pytest.raises(Unknown, match="too few managers"):
            await locator.leader()


async def test_after_a_failure_the_same_leader_must_answer() -> None:
    """A leader that starts again is reached over a new connection; one that is away is waited for, not for ever."""
    async with manager() as address:
        # A handshake may take its time: the patience is that of a long election.
        raft = Raft(addresses={2: address}, election_s=20.0)
        raft.led_by(2)
        async with locating(raft) as locator:
            first = await locator.leader()
            again = await locator.leader(other_than=first)
            assert again not in (None, first)
    raft = Raft(addresses={2: f"127.0.0.1:{free_port()}"})
    raft.led_by(2)
    async with locating(raft) as locator:
        first = await locator.leader()
        with pytest.raises(Unavailable, match="cannot be reached"):
            await locator.leader(other_than=first)


async def test_a_leader_whose_address_comes_late_is_reached_within_a_second() -> None:
    """Nothing tells of it: who waits looks again."""
    raft = Raft(election_s=20.0)
    raft.led_by(2)
    async with locating(raft) as locator:
        waiting = asyncio.get_running_loop().create_task(locator.leader())
        await asyncio.sleep(0.02)
        raft.addresses[2] = "127.0.0.1:2"
        assert await asyncio.wait_for(waiting, 40) is not None


async def test_a_handover_is_waited_for() -> None:
    """A leader that is handing over answers no more, and does not refuse either."""
    raft = Raft(is_handing_over=True, addresses={2: "127.0.0.1:2"})
    raft.led_by(1)
    async with locating(raft) as locator:
        waiting = asyncio.get_running_loop().create_task(locator.leader())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        raft.led_by(2)
        assert await waiting is not None


def test_the_address_that_others_are_told() -> None:
    """What was given; else the listening one; for all addresses the one that leads to the others."""
    assert advertised_address("10.0.0.1:1", "0.0.0.0:2") == "10.0.0.1:1"
    assert advertised_address("", "10.0.0.1:2") == "10.0.0.1:2"
    assert advertised_address("", "") == ""
    assert advertised_address("", "0.0.0.0:2", towards="127.0.0.1:9") == "127.0.0.1:2"
    host, _, port = advertised_address("", "[::]:2").rpartition(":")
    assert port == "2"
    assert host not in ("", "0.0.0.0", "[::]")
