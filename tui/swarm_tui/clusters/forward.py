"""A port of this machine that leads to a port of a task (docs/design/exec.md 15.4). Headless: commands and the dashboard share it.

Rules
1. It listens on the loopback address alone. Each connection is a call of its own to the manager, and they know nothing of one another.
2. Which task it leads to is asked anew for each connection: one that took the place of another is found.
3. Each direction ends by itself. Who does not read holds the other side back: a few pieces wait, and nothing grows.
4. A connection that breaks, or that nobody took, is reset here: no half answer looks like a whole one.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Final, cast

from swarm_core.api.proto.exec_pb2 import ExecInput, ExecSpec
from swarm_core.client.control import Control, UnresolvedReference
from swarm_core.client.errors import CallFailed, ClientError

from swarm_tui.clusters.inside import NotRun

HOST: Final = "127.0.0.1"
PORT_MAX: Final = 65_535
NOT_BY_DOCKER: Final = "a Docker Engine leads this cluster: its nodes make no connections for a manager; publish the port, or use ssh to the node"
_PIECE: Final = 32 * 1024
_WAITING: Final = 4
_BACKLOG: Final = 128
Inputs = asyncio.Queue[ExecInput]


def parse_ports(text: str) -> tuple[int, int]:
    """`8080:80`, `80` for the same number here, `:80` for any free one (0): here, there. Raises ValueError with half a sentence."""
    here, colon, there = text.strip().rpartition(":")
    remote = _number(there)
    if not colon:
        return remote, remote
    return (_number(here) if here else 0), remote


def _number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < len("100000") else 0
    if not 0 < number <= PORT_MAX:
        raise ValueError(f"{text!r} is no port: write 80, 8080:80 or :80, with numbers from 1 to {PORT_MAX}")
    return number


async def why_not(control: Control) -> str:
    """Why no port of this cluster's tasks can be reached, as half a sentence; empty where one may be. Raises ClientError."""
    return NOT_BY_DOCKER if await control.raft_status() is None else ""


class NotTaken(Exception):
    """The port of this machine cannot be had; the text is the rest of a sentence."""


class Forward:
    """One port that is open here. `find` says which task each connection goes to; it may raise what a client raises. `trouble` takes a
    sentence about a connection that came to nothing."""

    def __init__(
        self,
        control: Control,
        remote: int,
        find: Callable[[], Awaitable[str]],
        trouble: Callable[[str], None],
    ) -> None:
        self._control, self._find, self._trouble = control, find, trouble
        self.remote = remote
        self.local = 0
        self.open = self.total = 0
        self._listening: socket.socket | None = None

    def listen(self, local: int) -> None:
        """Take the port of this machine; 0 is any free one. Raises NotTaken."""
        try:
            self._listening = socket.create_server((HOST, local), backlog=_BACKLOG)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise NotTaken(f"port {local} of this machine: {reason}") from None
        self.local = self._listening.getsockname()[1]

    async def run(self) -> None:
        """Take connections until cancelled; all of them end then."""
        assert self._listening is not None, "listen first"
        async with asyncio.TaskGroup() as group:

            def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                group.create_task(self._served(reader, writer), name=f"connection to port {self.remote}")

            async with await asyncio.start_server(taken, sock=self._listening, limit=_PIECE) as server:
                await server.serve_forever()

    def close(self) -> None:
        """Give the port back, where `run` was never begun."""
        if self._listening is not None:
            self._listening.close()

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.total += 1
        try:
            spec = ExecSpec(task_id=await self._find(), port=self.remote)
            await _carried(self._control, spec, reader, writer)
        except (NotRun, ClientError, UnresolvedReference) as error:
            self._trouble(_sentence(error, self.remote))
            _reset(writer)
        except OSError:
            # Who connected here broke it off, and knows.
            _reset(writer)
        finally:
            self.open -= 1
            writer.close()


def _sentence(error: Exception, port: int) -> str:
    if isinstance(error, CallFailed) and error.code == "UNIMPLEMENTED":
        return f"Could not connect to port {port}: {NOT_BY_DOCKER}."
    return f"Could not connect to port {port}, or go on: {str(error).rstrip('.')}."


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close it so that the other side sees that something went wrong."""
    peer = writer.get_extra_info("socket")
    with suppress(OSError):  # it is lost already
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()


async def _carried(
    control: Control, spec: ExecSpec, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One connection to its end. Raises NotRun, ClientError or OSError."""
    inputs: Inputs = asyncio.Queue(_WAITING)
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(_settled(_read(reader, inputs)), name="read here")
        following = group.create_task(_settled(_follow(control, spec, inputs, writer)), name="written here")
        await asyncio.wait((reading, following), return_when=asyncio.FIRST_COMPLETED)
        if not following.done() and reading.result() is None:
            await asyncio.wait((following,))
        failure = following.result() if following.done() else reading.result()
        reading.cancel()
        following.cancel()
    if failure is not None:
        raise failure


async def _settled(work: Awaitable[None]) -> Exception | None:
    """What it failed with; it is raised outside of the group."""
    try:
        await work
    except (NotRun, ClientError, OSError) as error:
        return cast(Exception, error)
    return None


async def _read(reader: asyncio.StreamReader, inputs: Inputs) -> None:
    while data := await reader.read(_PIECE):
        await inputs.put(ExecInput(data=data))
    await inputs.put(ExecInput(end=True))


async def _typed(inputs: Inputs) -> AsyncIterator[ExecInput]:
    """The call's own end would end what is asked for: it goes on until the other side has ended."""
    while True:
        yield await inputs.get()


async def _follow(control: Control, spec: ExecSpec, inputs: Inputs, writer: asyncio.StreamWriter) -> None:
    async with aclosing(control.run_in_task(spec, _typed(inputs))) as outputs:  # type: ignore[type-var]
        async for output in outputs:
            match output.WhichOneof("what"):
                case "stdout":
                    writer.write(output.stdout)
                    await writer.drain()
                case "closed":
                    writer.write_eof()
                case "end":
                    if output.end.error:
                        raise NotRun(output.end.error)
                    return
                case _:
                    pass
    raise NotRun("the connection to the cluster ended before it did")
