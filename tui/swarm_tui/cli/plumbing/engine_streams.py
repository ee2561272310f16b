"""Output of containers of an engine at this program's own, and its input and terminal at theirs."""

import asyncio
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import typer
from swarm_core.engines.attached import STDERR, STDOUT, Attached, Frames
from swarm_core.engines.errors import EngineError, EngineGarbage

from swarm_tui.cli.plumbing.lines import moment_ns
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.cli.plumbing.streams import ending_with_the_reader
from swarm_tui.clusters import inside
from swarm_tui.resources.printable import colours_only

if TYPE_CHECKING:
    from swarm_core.engines.api import EngineApi, Query

NS_PER_S: Final = 1_000_000_000
_LINE_BYTES_MAX: Final = 1 << 20


async def print_logs(api: "EngineApi", id_: str, query: "Query") -> None:
    """What a container said, to its end or until the reader goes. Raises EngineError."""
    has_terminal = await _has_terminal(api, id_)
    lines = {STDOUT: _Lines(is_error=False), STDERR: _Lines(is_error=True)}
    frames = Frames(lambda stream, data: lines[max(stream, STDOUT)].take(data), has_terminal=has_terminal)
    with ending_with_the_reader():
        async with api.open("GET", f"/containers/{id_}/logs", query) as response:
            async for data in response.content.iter_any():
                try:
                    frames.feed(data)
                except ValueError as error:
                    raise EngineGarbage(f"the container engine at {api.url} answered {error}") from None
    for one in lines.values():
        one.end()


class _Lines:
    """What was said, line by line. A terminal gets colours and no other commands; a file or a pipe the bytes as they are."""

    def __init__(self, *, is_error: bool) -> None:
        self._is_error = is_error
        self._rest = b""

    def take(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE_BYTES_MAX:
            whole, self._rest = [*whole, self._rest], b""
        for line in whole:
            self._write(line)

    def end(self) -> None:
        if self._rest:
            self._write(self._rest)

    def _write(self, line: bytes) -> None:
        if (sys.stderr if self._is_error else sys.stdout).isatty():
            text = line.removesuffix(b"\r").decode(errors="replace")
            typer.echo(colours_only(text), err=self._is_error, color=True)
        else:
            typer.echo(line, err=self._is_error)


def hear(stream: int, data: bytes) -> None:
    """Output at this program's own, as it is."""
    inside.write_here(2 if stream == STDERR else 1, data)


async def _has_terminal(api: "EngineApi", id_: str) -> bool:
    whole = await api.get_object(f"/containers/{id_}/json")
    return bool((whole.get("Config") or {}).get("Tty"))


async def run_inside(
    api: "EngineApi", id_: str, body: Mapping[str, Any], *, is_detached: bool = False
) -> int:
    """Run a command in a container; its exit code. Raises EngineError or Failure."""
    has_terminal = bool(body["Tty"])
    if has_terminal and body["AttachStdin"] and not inside.is_terminal():
        raise Failure("--tty needs a terminal at standard input and output.")
    made = await api.post(f"/containers/{id_}/exec", body=dict(body))
    run = str(made["Id"])
    if is_detached:
        await api.post(f"/exec/{run}/start", body={"Detach": True, "Tty": has_terminal})
        return 0
    attached = Attached(api.url, hear, has_terminal=has_terminal)
    await api.hijack(f"/exec/{run}/start", None, {"Detach": False, "Tty": has_terminal}, lambda: attached)
    await attached.begun()
    await talk(api, attached, f"/exec/{run}", reads=bool(body["AttachStdin"]), has_terminal=has_terminal)
    told = await api.get_object(f"/exec/{run}/json")
    return int(told.get("ExitCode") or 0)


async def talk(api: "EngineApi", attached: Attached, path: str, *, reads: bool, has_terminal: bool) -> None:
    """Be the other end until the engine has sent its last byte. Raises EngineError."""
    is_raw = has_terminal and reads and inside.is_terminal()
    sizes = asyncio.Event()
    if is_raw:
        sizes.set()

    async def tell_sizes() -> None:
        while True:
            await sizes.wait()
            sizes.clear()
            rows, columns = inside.terminal_size()
            try:
                await api.post(f"{path}/resize", {"h": rows, "w": columns})
            except EngineError:
                return  # what ran has ended meanwhile

    with inside.raw(is_wanted=is_raw), inside.resized(sizes.set, is_wanted=is_raw):
        others = [inside.read_here(attached.send)] if reads else []
        if is_raw:
            others.append(tell_sizes())
        try:
            await inside.with_beside(attached.ended(), *others)
        finally:
            attached.close()


def since_s(text: str, now_ns: int, flag: str = "--since") -> str:
    """A moment as engines take it, from a time or an age. Raises Failure."""
    at_ns = moment_ns(text, now_ns, flag)
    return f"{at_ns // NS_PER_S}.{at_ns % NS_PER_S:09d}"
