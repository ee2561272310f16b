"""A command inside a container, by the engine's exec (docs/design/exec.md 15.2).

The engine's connection becomes one of bytes; without a terminal they come in frames that name the stream. When nobody is there any more the
connection is closed, and what the engine does then is the engine's: as with docker's own command, a process that reads nothing goes on.
"""

import asyncio
import json
import logging
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.api.proto.exec_pb2 import ExecInput, ExecOutput, ExecSpec, TerminalSize
from swarm_core.engines.client import EngineClient
from swarm_core.engines.errors import EngineAway
from swarm_core.runtime.tasks import Group

from swarm_agentd.exec.commands import Typed, Write, output
from swarm_agentd.exec.errors import Fatal, Missing, Temporary

_log = logging.getLogger(__name__)
_FRAME: Final = struct.Struct(">BxxxI")
_STREAMS: Final = {0: "stdout", 1: "stdout", 2: "stderr"}
_PIECE: Final = 64 * 1024
_HEAD_MAX: Final = 64 * 1024
_ANSWER_S: Final = 20.0
_JSON: Final = (("Content-Type", "application/json"),)


async def run(
    url: str, api_version: str, container: str, spec: ExecSpec, streams: tuple[Typed, Write]
) -> int:
    """Run what is asked for in a container; its exit code. Raises Missing, Fatal or Temporary."""
    typed, write = streams
    engine = EngineClient(url)
    try:
        order = _Order(engine, f"/v{api_version}", spec.HasField("terminal"))
        exec_id = await order.create(container, spec)
        async with order.started(exec_id) as (reader, writer):
            if order.has_terminal:
                await order.resize(exec_id, spec.terminal)
            async with Group() as group:
                told = group.spawn(
                    _copy(reader, write, has_frames=not order.has_terminal), name="command output"
                )
                attended = group.spawn(_type(order, exec_id, typed, writer), name="command input")
                await asyncio.wait((told, attended), return_when=asyncio.FIRST_COMPLETED)
                group.cancel_all()
        return await order.exit_code(exec_id)
    except EngineAway as away:
        raise Temporary(str(away)) from None
    finally:
        await engine.close()


@dataclass(frozen=True, slots=True)
class _Order:
    engine: EngineClient
    prefix: str
    has_terminal: bool

    async def create(self, container: str, spec: ExecSpec) -> str:
        body = {
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
            "Tty": self.has_terminal,
            "Cmd": list(spec.command),
            "Env": list(spec.env),
            "User": spec.user,
            "WorkingDir": spec.directory,
        }
        if self.has_terminal:
            # From API 1.42 on; an older engine is told the size once the command runs.
            body["ConsoleSize"] = [spec.terminal.rows, spec.terminal.columns]
        made = await self._ask("POST", f"/containers/{container}/exec", body)
        return str(made["Id"])

    async def resize(self, exec_id: str, size: TerminalSize) -> None:
        try:
            await self._ask("POST", f"/exec/{exec_id}/resize?h={size.rows}&w={size.columns}")
        except (Missing, Fatal) as error:
            # A command that has ended already has no terminal any more.
            _log.info("the terminal of command %s keeps its size: %s", exec_id, error)

    async def exit_code(self, exec_id: str) -> int:
        """0 of one that runs on: nobody is there to be told another."""
        told = await self._ask("GET", f"/exec/{exec_id}/json")
        return int(told.get("ExitCode") or 0)

    @asynccontextmanager
    async def started(self, exec_id: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """The connection of bytes."""
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        transport, protocol = await self.engine.connect(lambda: asyncio.StreamReaderProtocol(reader))
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            body = json.dumps({"Detach": False, "Tty": self.has_terminal}).encode()
            writer.write(
                f"POST {self.prefix}/exec/{exec_id}/start HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            await self._check_head(reader)
            yield reader, writer
        finally:
            transport.abort()

    async def _check_head(self, reader: asyncio.StreamReader) -> None:
        try:
            async with asyncio.timeout(_ANSWER_S):
                head = await reader.readuntil(b"\r\n\r\n")
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            raise Temporary("the engine did not begin the command") from None
        status = int(head.split(b" ", 2)[1])
        if status not in (101, 200):
            text = (await reader.read(_HEAD_MAX)).decode(errors="replace")
            raise Fatal(f"the engine refused the command ({status}): {text.strip()}")

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = b"" if body is None else json.dumps(body).encode()
        async with (
            asyncio.timeout(_ANSWER_S),
            self.engine.request(method, self.prefix + path, _JSON if data else (), data or None) as response,
        ):
            text = await response.read()
        told = json.loads(text) if text else {}
        if response.status == 404:
            raise Missing(told.get("message", "not found"))
        if response.status >= 400:
            raise Fatal(told.get("message", f"the engine answered {response.status}"))
        return dict(told)


async def _copy(reader: asyncio.StreamReader, write: Write, *, has_frames: bool) -> None:
    if not has_frames:
        while data := await reader.read(_PIECE):
            await write(ExecOutput(stdout=data))
        return
    with suppress(asyncio.IncompleteReadError):
        while True:
            number, length = _FRAME.unpack(await reader.readexactly(_FRAME.size))
            while length:
                data = await reader.readexactly(min(length, _PIECE))
                length -= len(data)
                await write(output(_STREAMS.get(number, "stdout"), data))


async def _type(order: _Order, exec_id: str, typed: Typed, writer: asyncio.StreamWriter) -> None:
    """Until nobody is there any more. A command that reads no more takes nothing."""
    async for one in typed:
        with suppress(OSError):
            await _give(order, exec_id, one, writer)


async def _give(order: _Order, exec_id: str, one: ExecInput, writer: asyncio.StreamWriter) -> None:
    match one.WhichOneof("what"):
        case "data":
            writer.write(one.data)
            await writer.drain()
        case "end" if order.has_terminal:
            writer.write(b"\x04")
        case "end":
            writer.write_eof()
        case "size" if order.has_terminal:
            await order.resize(exec_id, one.size)
