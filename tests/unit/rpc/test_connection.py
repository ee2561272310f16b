"""When a connection writes what its handlers say (docs/design/rpc.md 9.1), seen at its transport."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from swarm_core.rpc.call import Call, Served
from swarm_core.rpc.caller import Peer
from swarm_core.rpc.connection import ServerConnection, Service, Terms
from swarm_core.rpc.eager import Runners
from swarm_core.rpc.framing import framed
from swarm_core.rpc.h2.bounds import MEMBERS
from swarm_core.rpc.refusals import Refusals
from swarm_core.runtime.tasks import Group
from swarm_testkit.raw_http2 import RawClient

PATH = "/docker.swarmkit.v1.Control/GetNode"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


class Wire(asyncio.Transport):
    """Both ends: what the client wrote, for the connection, and what the connection wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return False


class Book:
    def call_begins(self, connection: ServerConnection) -> bool:
        return True

    def call_ended(self, connection: ServerConnection) -> None:
        """Nobody counts."""


class Bench:
    """A connection whose handler waits for the gate, and then says `messages`, the last one as its answer where it says one."""

    def __init__(self, group: Group, messages: int) -> None:
        self._messages = messages
        self.gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting = self.ended = 0
        self.seen: list[int] = []
        self.wire, self._sent = Wire(), Wire()
        self._client = RawClient(cast(asyncio.StreamReader, None), cast(asyncio.StreamWriter, self._sent))
        served = Served(PATH, False, lambda call: None, self._serve)
        service = Service({PATH: served}, Runners(group), Refusals())
        self.connection = ServerConnection(
            service, Peer("", None), Terms(MEMBERS, 1_000_000, Book(), lambda connection: None)
        )
        self.connection.connection_made(self.wire)
        self.connection.data_received(PREFACE)

    async def _serve(self, call: Call, message: bytes | None) -> None:
        self.waiting += 1
        await self.gate
        loop = asyncio.get_running_loop()
        if self._messages == 1:
            # Noted in the next turn, before anything else of it that is scheduled from now on.
            loop.call_soon(lambda: self.seen.append(len(self.wire.written)))
            call.answer(b"answer")
        else:
            loop.call_soon(lambda: self.seen.append(len(self.wire.written)))
            for _ in range(self._messages):
                await call.write(b"message")
        self.ended += 1

    async def written_after(self, calls: int) -> tuple[list[int], int]:
        """How many writes each of so many calls had seen in the turn after it spoke, and how many there were in the end."""
        for number in range(calls):
            self._client.request(2 * number + 1, PATH, framed(b""))
        asyncio.get_running_loop().call_soon(self.connection.data_received, b"".join(self._sent.written))
        while self.waiting < calls:
            await asyncio.sleep(0)
        self.wire.written.clear()
        self.gate.set_result(None)
        while self.ended < calls:
            await asyncio.sleep(0)
        for _ in range(3):
            await asyncio.sleep(0)
        return self.seen, len(self.wire.written)


@asynccontextmanager
async def bench(messages: int) -> AsyncIterator[Bench]:
    async with asyncio.timeout(40), Group() as group:
        yield Bench(group, messages)
        group.cancel_all()


async def test_the_only_call_is_answered_at_once() -> None:
    """No turn of the loop lies between its answer and the write."""
    async with bench(1) as one:
        assert await one.written_after(1) == ([1], 1)


async def test_answers_of_several_calls_are_collected() -> None:
    """What they say in one turn is one write."""
    async with bench(1) as several:
        seen, writes = await several.written_after(8)
        assert writes == 1 and len(seen) == 8


async def test_a_stream_sends_the_first_message_at_once_and_collects_the_others() -> None:
    """Of what the only stream says in one turn."""
    async with bench(5) as stream:
        assert await stream.written_after(1) == ([1], 2)


class GoneAtItsEnd(Wire):
    """As uvloop's TLS is where the peer went away before the last bytes were sent."""

    def __init__(self) -> None:
        super().__init__()
        self.is_aborted = False

    def close(self) -> None:
        raise RuntimeError("cannot switch state from 0 to 4")

    def abort(self) -> None:
        self.is_aborted = True


async def test_a_peer_that_is_gone_before_the_end_was_sent() -> None:
    """A connection that ends by a broken rule and cannot be closed politely is dropped, and nothing fails."""
    async with bench(1) as one:
        wire = GoneAtItsEnd()
        one.connection.connection_made(wire)
        one.connection.data_received(bytes((0, 0, 1, 6, 0, 0, 0, 0, 0, 0)))  # a ping of one byte
        assert one.connection.core.is_over and wire.is_aborted
