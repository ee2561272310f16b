"""Output of containers of an engine at this program's own, and its input and terminal at theirs."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import typer
from swarm_core.engines.attached import STDERR, STDOUT, Frames
from swarm_core.engines.errors import EngineGarbage

from swarm_tui.cli.plumbing.lines import moment_ns
from swarm_tui.cli.plumbing.plain_wish import is_drawn_over
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.cli.plumbing.streams import ending_with_the_reader
from swarm_tui.clusters import inside
from swarm_tui.engines.inside import run_in_container
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
        if is_drawn_over(sys.stderr if self._is_error else sys.stdout):
            text = line.removesuffix(b"\r").decode(errors="replace")
            typer.echo(colours_only(text), err=self._is_error, color=True)
        else:
            typer.echo(line, err=self._is_error)


async def _has_terminal(api: "EngineApi", id_: str) -> bool:
    whole = await api.get_object(f"/containers/{id_}/json")
    return bool((whole.get("Config") or {}).get("Tty"))


async def run_inside(
    api: "EngineApi", id_: str, body: Mapping[str, Any], *, is_detached: bool = False
) -> int:
    """Run a command in a container; its exit code. Raises EngineError or Failure."""
    if body["Tty"] and body["AttachStdin"] and not inside.is_terminal():
        raise Failure("--tty needs a terminal at standard input and output.")
    return await run_in_container(api, id_, body, is_detached=is_detached)


def since_s(text: str, now_ns: int, flag: str = "--since") -> str:
    """A moment as engines take it, from a time or an age. Raises Failure."""
    at_ns = moment_ns(text, now_ns, flag)
    return f"{at_ns // NS_PER_S}.{at_ns % NS_PER_S:09d}"
