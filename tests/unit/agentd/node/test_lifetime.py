"""Readiness and end of a node can be awaited (docs/design/node.md 6.3)."""

import asyncio

import pytest
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.lifetime import Lifetime
from swarm_core.runtime.tasks import Group
from swarm_testkit.manual_clock import settle


async def test_ready_then_ended() -> None:
    """Everybody who waits is told; a polite end raises nothing."""
    life, told = Lifetime(), []

    async def wait(name: str) -> None:
        await life.until_ready()
        told.append(f"{name} ready")
        await life.until_ended()
        told.append(f"{name} ended")

    async def live() -> None:
        with life.lived():
            await asyncio.Event().wait()

    async with asyncio.timeout(40), Group() as group:
        group.spawn(wait("a"), name="a")
        group.spawn(wait("b"), name="b")
        node = group.spawn(live(), name="node")
        await settle()
        assert told == []
        life.ready()
        await settle()
        assert told == ["a ready", "b ready"]
        node.cancel()
    assert told == ["a ready", "b ready", "a ended", "b ended"]


async def test_an_end_before_readiness() -> None:
    """Its reason is raised, to those who wait for either."""
    life = Lifetime()
    with pytest.raises(NodeError), life.lived():
        raise NodeError("no disk")
    with pytest.raises(NodeError, match="no disk"):
        await life.until_ready()
    with pytest.raises(NodeError, match="no disk"):
        await life.until_ended()


async def test_a_polite_end_before_readiness() -> None:
    """Who waits for readiness does not wait for ever."""
    life = Lifetime()
    with pytest.raises(asyncio.CancelledError), life.lived():
        raise asyncio.CancelledError
    with pytest.raises(NodeError, match="ended before it was ready"):
        await life.until_ready()
    await life.until_ended()
