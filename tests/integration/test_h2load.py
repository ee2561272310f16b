"""Our server under nghttp2's load generator: every call of every connection is answered."""

import asyncio
from pathlib import Path

import pytest
from swarm_core.rpc.h2.bounds import STRANGERS
from swarm_testkit import h2load
from swarm_testkit.host import lacking
from swarm_testkit.trust import EchoServices, echo_services, make_authority, remote_server

ROOT = "/docker.swarmkit.v1.CA/GetRootCACertificate"
CALLS = 2_000


@pytest.fixture(autouse=True)
def _tool() -> None:
    if h2load.is_missing():
        lacking("h2load is not installed")


@pytest.mark.parametrize("at_once", [1, STRANGERS.streams])
async def test_every_call_is_answered(tmp_path: Path, at_once: int) -> None:
    """One at a time, and as many at once as a stranger may have open: none fails and nothing is refused."""
    authority = make_authority()
    echo = EchoServices(b"root")
    async with remote_server(authority, echo_services(echo)) as server:
        load = await asyncio.to_thread(
            h2load.load, server.address, ROOT, tmp_path, calls=CALLS, clients=10, at_once=at_once
        )
        assert (load.succeeded, load.failed, load.ok) == (CALLS, 0, CALLS)
        assert len(echo.callers) == CALLS
        assert server.listener.refusals.total == {}


async def test_more_at_once_than_allowed(tmp_path: Path) -> None:
    """Streams that a client opens beyond its share before it has read our settings are refused, one by one; every other call of
    the same connections is answered."""
    authority, clients, at_once = make_authority(), 4, 100
    echo = EchoServices(b"root")
    async with remote_server(authority, echo_services(echo)) as server:
        load = await asyncio.to_thread(
            h2load.load, server.address, ROOT, tmp_path, calls=CALLS, clients=clients, at_once=at_once
        )
        assert load.succeeded == load.ok == len(echo.callers)
        assert load.ok >= CALLS - clients * (at_once - STRANGERS.streams)
