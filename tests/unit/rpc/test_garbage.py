"""What calls and connections leave behind: nothing that waits for the collector of cycles, which daemons run seldom."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from swarm_core.api.proto import control_pb2, logbroker_pb2, watch_pb2
from swarm_core.ca import tls
from swarm_core.rpc.call import Call
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.connection import ServerConnection
from swarm_core.rpc.framing import MessageReader, framed
from swarm_core.rpc.h2.upkeep import Upkeep
from swarm_core.rpc.server import Services
from swarm_testkit.raw_http2 import RawClient, raw_client
from swarm_testkit.refusing import Refusing
from swarm_testkit.trust import control_server, make_authority

AUTHORITY = make_authority()
GET = "/docker.swarmkit.v1.Control/GetNode"
LIST = "/docker.swarmkit.v1.Control/ListNodes"
WATCH = "/docker.swarmkit.v1.Watch/Watch"
PUBLISH = "/docker.swarmkit.v1.LogBroker/PublishLogs"


class Handlers:
    """One that answers, one that fails, one that waits, a stream that waits after its first message, and one that reads."""

    def __init__(self) -> None:
        self.waiting = 0

    async def get_node(self, request: Any, caller: Caller) -> control_pb2.GetNodeResponse:
        if request.node_id:
            raise LookupError("no such node")
        return control_pb2.GetNodeResponse()

    async def list_nodes(self, request: Any, caller: Caller) -> None:
        await self._wait()

    async def watch(self, request: Any, caller: Caller) -> AsyncIterator[bytes]:
        yield b""
        await self._wait()

    async def publish_logs(self, requests: AsyncIterator[Any], caller: Caller) -> None:
        self.waiting += 1
        try:
            async for _ in requests:
                pass
        finally:
            self.waiting -= 1

    async def _wait(self) -> None:
        self.waiting += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.waiting -= 1


@pytest.fixture
def before() -> Iterator[list[Any]]:
    """What earlier tests left, and no collector from now on."""
    gc.collect()
    gc.disable()
    try:
        yield _found()
    finally:
        gc.enable()


def _found() -> list[Any]:
    kinds = (Call, ServerConnection, MessageReader, Upkeep)
    return [one for one in gc.get_objects() if isinstance(one, kinds)]


def left(before: list[Any]) -> list[str]:
    known = set(map(id, before))
    return [type(one).__name__ for one in _found() if id(one) not in known]


async def until_left(before: list[Any], *allowed: list[str]) -> None:
    """Wait until no more than this is left. What only the collector would end stays, for it does not run."""
    try:
        async with asyncio.timeout(40):
            while left(before) not in allowed:
                await asyncio.sleep(0.005)
    except TimeoutError:
        assert left(before) in allowed


async def waiting_calls(client: RawClient, handlers: Handlers, first: int) -> None:
    """Three calls that wait, from the stream `first` on."""
    before = handlers.waiting
    client.request(first, LIST, framed(b""))
    client.request(first + 2, WATCH, framed(b""))
    client.request(first + 4, PUBLISH, None, ended=False)
    async with asyncio.timeout(40):
        while handlers.waiting < before + 3:
            await asyncio.sleep(0.005)


async def test_nothing_waits_for_the_collector(tmp_path: Path, before: list[Any]) -> None:
    """Calls that were answered, failed, were cancelled, expired or lost with their connection are gone by themselves."""
    handlers, services, path = Handlers(), Services(plain=(LookupError,)), tmp_path / "c.sock"
    for module, name in ((control_pb2, "Control"), (watch_pb2, "Watch"), (logbroker_pb2, "LogBroker")):
        service = module.DESCRIPTOR.services_by_name[name]
        services.add(service, handlers, Refusing(service, handlers))
    context = tls.client_context(AUTHORITY.root.certificate)
    async with control_server(AUTHORITY, services, path) as server:
        async with raw_client(path, context) as client:
            client.request(1, GET, framed(b""))
            client.request(3, GET, framed(control_pb2.GetNodeRequest(node_id="x").SerializeToString()))
            client.request(5, LIST, framed(b""), (b"grpc-timeout", b"1m"))
            for stream in (1, 3, 5):
                await client.answer(stream)
            await waiting_calls(client, handlers, 7)
            for stream in (7, 9, 11):
                client.reset(stream)
            client.request(13, LIST, framed(b""))
            client.reset(13)
            client.request(15, GET, framed(b""))
            await client.answer(15)
            await waiting_calls(client, handlers, 17)
        async with asyncio.timeout(40):
            while server.listener.connections or handlers.waiting:
                await asyncio.sleep(0.005)
        # Of the core that stands for those that are gone one may stay, once a process.
        await until_left(before, [], ["Upkeep"])
