"""A port of this machine that leads to a port of a task, with both halves of the carrying (docs/design/exec.md 15.4)."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from swarm_agentd.agent.port_streams import carry
from swarm_agentd.exec.connecting import connect_to
from swarm_core.api.proto.exec_pb2 import ExecEnd, ExecInput, ExecOutput, ExecSpec
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed
from swarm_core.runtime.tasks import cancel_and_wait
from swarm_testkit.free_ports import free_port
from swarm_tui.clusters.forward import HOST, Forward, parse_ports

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Cluster:
    """Carries each call to the port as a node does, over queues as short as a manager's."""

    def __init__(self) -> None:
        self.ended: asyncio.Queue[str] = asyncio.Queue()

    async def run_in_task(self, spec: ExecSpec, typed: AsyncIterator[ExecInput]) -> AsyncIterator[ExecOutput]:
        if spec.task_id != "t":
            raise CallFailed("FAILED_PRECONDITION", f"task {spec.task_id} does not run")
        outputs: asyncio.Queue[ExecOutput] = asyncio.Queue(4)
        running = asyncio.ensure_future(self._run(spec, typed, outputs))
        try:
            while True:
                output = await outputs.get()
                yield output
                if output.HasField("end"):
                    return
        finally:
            await cancel_and_wait(running)
            self.ended.put_nowait("ended")

    async def _run(
        self, spec: ExecSpec, typed: AsyncIterator[ExecInput], outputs: "asyncio.Queue[ExecOutput]"
    ) -> None:
        try:
            await carry(await connect_to([HOST], spec.port), typed, outputs.put)
        except OSError as error:
            await outputs.put(ExecOutput(end=ExecEnd(exit_code=126, error=error.strerror)))
        else:
            await outputs.put(ExecOutput(end=ExecEnd()))


class Bench:
    """A forward to a server of the test; `troubles` is what was said of it."""

    def __init__(self, cluster: Cluster, remote: int) -> None:
        self.cluster = cluster
        self.task_id = "t"
        self.troubles: list[str] = []
        self.forward = Forward(cast(Control, cluster), remote, self._find, self.troubles.append)

    async def _find(self) -> str:
        return self.task_id

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(HOST, self.forward.local)


@asynccontextmanager
async def bench(handle: Handler) -> AsyncIterator[Bench]:
    async with await asyncio.start_server(cast(Any, handle), HOST, 0) as server:
        made = Bench(Cluster(), server.sockets[0].getsockname()[1])
        made.forward.listen(0)
        running = asyncio.ensure_future(made.forward.run())
        try:
            yield made
        finally:
            await cancel_and_wait(running)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Gives back everything at once, after its end."""
    writer.write(await reader.read())
    writer.close()


async def test_what_is_sent_comes_back_after_its_end() -> None:
    """15.4.3: the end of what is sent is passed on, and what is answered then still arrives; a megabyte comes whole."""
    data = b"0123456789abcdef" * 65536
    async with bench(echo) as made:
        reader, writer = await made.connect()
        writer.write(data)
        writer.write_eof()
        assert await reader.read() == data
        assert await made.cluster.ended.get() == "ended"
        assert (made.troubles, made.forward.total) == ([], 1)
        writer.close()


async def test_the_other_side_may_end_first() -> None:
    """15.4.3: a port that has said its last is still sent what comes."""
    rest: asyncio.Queue[bytes] = asyncio.Queue()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.write_eof()
        await rest.put(await reader.read())
        writer.close()

    async with bench(handle) as made:
        reader, writer = await made.connect()
        assert await reader.read() == b"bye"
        writer.write(b"more")
        writer.write_eof()
        assert await rest.get() == b"more"
        writer.close()


async def test_several_at_once_know_nothing_of_one_another() -> None:
    """15.4.2: one that waits holds back no other; each has its own."""
    async with bench(echo) as made:
        waiting = await made.connect()
        for number in range(5):
            reader, writer = await made.connect()
            writer.write(str(number).encode())
            writer.write_eof()
            assert await reader.read() == str(number).encode()
            writer.close()
        waiting[1].write(b"at last")
        waiting[1].write_eof()
        assert await waiting[0].read() == b"at last"
        waiting[1].close()


async def test_who_does_not_read_holds_the_other_side_back() -> None:
    """15.4.3: a port that writes for ever is not read for ever."""
    sent, is_held = 0, asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        while True:
            writer.write(bytes(65536))
            drained = asyncio.ensure_future(writer.drain())
            # What is taken is taken at once on one machine; what is not for so many turns of the loop is held back.
            for _ in range(2000):
                if drained.done():
                    break
                await asyncio.sleep(0)
            else:
                is_held.set()
                drained.cancel()
                return
            sent += 65536

    async with bench(handle) as made:
        _, writer = await made.connect()
        await is_held.wait()
        assert sent < 64 << 20
        writer.close()


async def test_who_goes_away_ends_it_on_the_other_side() -> None:
    """15.4.3: a client that is gone is seen at the port, also while nothing flows."""
    gone: asyncio.Queue[bytes] = asyncio.Queue()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        try:
            await gone.put(await reader.read())
        except ConnectionError:
            await gone.put(b"")
        writer.close()

    async with bench(handle) as made:
        reader, writer = await made.connect()
        assert await reader.readexactly(5) == b"hello"
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        writer.transport.abort()
        assert await gone.get() == b""
        assert await made.cluster.ended.get() == "ended"


async def test_what_breaks_there_breaks_here() -> None:
    """15.4.3: no half answer looks like a whole one; the sentence says what it was, and the next connection is taken."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        writer.transport.abort()

    async with bench(handle) as made:
        for count in (1, 2):
            reader, writer = await made.connect()
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
            assert len(made.troubles) == count
        assert "Connection reset" in made.troubles[0]


async def test_a_task_that_took_the_place_of_another_is_found() -> None:
    """15.4.2: the task is asked for with each connection; one that does not run is told of."""
    async with bench(echo) as made:
        made.task_id = "old"
        reader, writer = await made.connect()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        assert "task old does not run" in made.troubles[0]
        made.task_id = "t"
        reader, writer = await made.connect()
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()


async def test_nobody_listens_there() -> None:
    """15.4.1: what the node says of it is told."""
    async with bench(echo) as made:
        made.forward.remote = number = free_port()
        reader, writer = await made.connect()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        assert f"nothing listens on port {number}" in made.troubles[0]


@pytest.mark.parametrize(
    ("text", "here", "there"),
    [("80", 80, 80), ("8080:80", 8080, 80), (":80", 0, 80), (" 1:65535 ", 1, 65535)],
)
def test_ports_as_they_are_written(text: str, here: int, there: int) -> None:
    """15.4.5: [LOCAL:]REMOTE, and an empty LOCAL for any that is free."""
    assert parse_ports(text) == (here, there)


@pytest.mark.parametrize("text", ["", ":", "80:", "0", "65536", "a", "-1", "1:2:3", "²", "0:80", "9" * 30])
def test_what_is_no_port(text: str) -> None:
    """15.4.5: one sentence says how ports are written."""
    with pytest.raises(ValueError, match="is no port: write 80"):
        parse_ports(text)
