"""A command inside a container, by the engine's exec (docs/design/exec.md 15.2).

The engine's connection becomes one of bytes. When nobody is there any more it is closed, and what the engine does then is the engine's: as with
docker's own command, a process that reads nothing goes on.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.api.proto.exec_pb2 import ExecInput, ExecSpec, TerminalSize
from swarm_core.engines.api import EngineApi
from swarm_core.engines.attached import STDERR, Pieces
from swarm_core.engines.client import EngineClient
from swarm_core.engines.errors import EngineAway, EngineError, EngineRefused
from swarm_core.runtime.tasks import Group

from swarm_agentd.exec.commands import Typed, Write, output
from swarm_agentd.exec.errors import Fatal, Missing, Temporary

_log = logging.getLogger(__name__)
_ANSWER_S: Final = 20.0
_NOT_FOUND: Final = 404


async def run(url: str, container: str, spec: ExecSpec, streams: tuple[Typed, Write]) -> int:
    """Run what is asked for in a container; its exit code. Raises Missing, Fatal or Temporary."""
    typed, write = streams
    api = EngineApi(EngineClient(url))
    try:
        order = await _made(api, container, spec)
        attached = await order.started()
        try:
            if order.has_terminal:
                await order.resize(spec.terminal)
            await _attended(order, attached, typed, write)
        finally:
            attached.close()
        return await order.exit_code()
    except EngineRefused as error:
        raise (Missing if error.status == _NOT_FOUND else Fatal)(str(error)) from None
    except EngineError as error:
        raise Temporary(str(error)) from None
    finally:
        await api.close()


@dataclass(frozen=True, slots=True)
class _Order:
    api: EngineApi
    id: str
    has_terminal: bool

    async def started(self) -> Pieces:
        """The connection of bytes."""
        attached = Pieces(self.api.url, has_terminal=self.has_terminal)
        body = {"Detach": False, "Tty": self.has_terminal}
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self.api.hijack(f"/exec/{self.id}/start", None, body, lambda: attached)
                await attached.begun()
        except TimeoutError:
            attached.close()
            raise EngineAway("the engine did not begin the command") from None
        return attached

    async def resize(self, size: TerminalSize) -> None:
        try:
            await self.api.post(
                f"/exec/{self.id}/resize", {"h": size.rows, "w": size.columns}, timeout=_ANSWER_S
            )
        except EngineRefused as error:
            # A command that has ended already has no terminal any more.
            _log.info("the terminal of command %s keeps its size: %s", self.id, error)

    async def exit_code(self) -> int:
        """0 of one that runs on: nobody is there to be told another."""
        told = await self.api.get_object(f"/exec/{self.id}/json", timeout=_ANSWER_S)
        return int(told.get("ExitCode") or 0)


async def _made(api: EngineApi, container: str, spec: ExecSpec) -> _Order:
    has_terminal = spec.HasField("terminal")
    body: dict[str, Any] = {
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": has_terminal,
        "Cmd": list(spec.command),
        "Env": list(spec.env),
        "User": spec.user,
        "WorkingDir": spec.directory,
    }
    if has_terminal:
        # From API 1.42 on; an older engine is told the size once the command runs.
        body["ConsoleSize"] = [spec.terminal.rows, spec.terminal.columns]
    made = await api.post(f"/containers/{container}/exec", None, body, timeout=_ANSWER_S)
    return _Order(api, str(made["Id"]), has_terminal)


async def _attended(order: _Order, attached: Pieces, typed: Typed, write: Write) -> None:
    """Until the command has said its last, or nobody is there any more. Raises EngineError."""
    async with Group() as group:
        told = group.spawn(_copy(attached, write), name="command output")
        typing = group.spawn(_type(order, attached, typed), name="command input")
        await asyncio.wait((told, typing), return_when=asyncio.FIRST_COMPLETED)
        group.cancel_all()
    failure = None if told.cancelled() else told.result()
    if failure is not None:
        raise failure


async def _copy(attached: Pieces, write: Write) -> EngineError | None:
    """What broke it off; it is raised outside of the group."""
    try:
        async for stream, data in attached.pieces():
            await write(output("stderr" if stream == STDERR else "stdout", data))
    except EngineError as error:
        return error
    return None


async def _type(order: _Order, attached: Pieces, typed: Typed) -> None:
    """Until nobody is there any more. A command that reads no more takes nothing."""
    async for one in typed:
        # What is wrong with the engine is seen where its output is read.
        with suppress(EngineAway):
            await _give(order, attached, one)


async def _give(order: _Order, attached: Pieces, one: ExecInput) -> None:
    match one.WhichOneof("what"):
        case "data":
            await attached.send(one.data)
        case "end":
            await attached.send(b"\x04" if order.has_terminal else b"")
        case "size" if order.has_terminal:
            await order.resize(one.size)
