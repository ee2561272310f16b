"""From the options before the command to an open cluster, and from a failure to one sentence and an exit code.

Exit codes: 0 done; 1 refused, not found or unreachable; 2 wrong usage; 130 interrupted; 141 nobody reads the output.
"""

import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import typer

from swarm_tui.cli.plumbing.say import say as write

if TYPE_CHECKING:
    # Loaded when a cluster is reached: help and usage errors must not wait for it.
    from google.protobuf.message import Message
    from swarm_core.client import sockets
    from swarm_core.client.cluster import Cluster
    from swarm_core.client.contexts import Context

    from swarm_tui.clusters.allowance import Allowance, Level
    from swarm_tui.operations.model import Outcome, Plan

T = TypeVar("T")
M = TypeVar("M", bound="Message")
FAILED, USAGE, INTERRUPTED = 1, 2, 130


class Failure(Exception):
    """A command that could not be done; the text is a sentence for people. `details` are lines beneath it, `more` further sentences."""

    def __init__(
        self, message: str, exit_code: int = FAILED, *, details: Iterable[str] = (), more: Iterable[str] = ()
    ) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.details, self.more = tuple(details), tuple(more)


def failure_of(sentences: Iterable[str], exit_code: int = FAILED) -> Failure:
    """One or more sentences, each of which is told as an error of its own."""
    first, *more = sentences
    return Failure(first, exit_code, more=more)


@dataclass(frozen=True, slots=True)
class Globals:
    """What was given before the command. Tests give `connect` in place of a socket."""

    socket: str | None = None
    context: str | None = None
    level: int | None = None
    """How far changes may go; None is as far as there is."""
    connect: "Callable[[], Awaitable[Cluster]] | None" = None

    def in_context(self) -> "Context | None":
        """The context to use: the one that was named, or the current one where nothing else was. Raises ValueError, LookupError."""
        from swarm_core.client import sockets
        from swarm_core.client.contexts import read_contexts

        if self.socket is not None or self.connect is not None:
            return None
        if self.context is None and os.environ.get(sockets.ENVIRONMENT_VARIABLE):
            return None
        known = read_contexts(sockets.contexts_file())
        name = known.current if self.context is None else self.context
        return None if name is None else known.named(name)

    def choose(self) -> "sockets.Candidate":
        """The socket to use where there is no context. Raises ValueError or NoSocket."""
        from swarm_core.client import sockets

        return sockets.choose(sockets.candidates(self.socket, os.environ))

    async def open(self) -> "Cluster":
        """The cluster behind it, where a level is given behind a gate that keeps to it."""
        cluster = await self._open()
        if self.level is None:
            return cluster
        from swarm_tui.operations.gate import gated

        return gated(cluster, self.allowance)

    async def _open(self) -> "Cluster":
        if self.connect is not None:
            return await self.connect()
        from swarm_core.client.cluster import Cluster

        if (context := self.in_context()) is not None:
            from swarm_core.client.ways import open_context

            return await open_context(context)
        return await Cluster.open(self.choose())

    @property
    def allowance(self) -> "Allowance":
        """How far commands may go."""
        from swarm_tui.clusters.allowance import BY_COMMAND, Allowance, Level

        level = Level.IMPACT if self.level is None else Level(self.level)
        return Allowance(level, BY_COMMAND)

    @property
    def is_highest(self) -> bool:
        """Whether everything may be done."""
        from swarm_tui.clusters.allowance import Level

        return self.allowance.level is Level.IMPACT

    def need_highest(self, doing: str) -> None:
        """Raise Failure where the level is too low for what only the highest allows, such as "leave the swarm"."""
        from swarm_tui.clusters.allowance import Level

        self.need(Level.IMPACT, doing)

    def need(self, level: "Level", doing: str) -> None:
        """Raise Failure where this level is more than is allowed."""
        if text := self.allowance.refusal(level):
            raise Failure(f"Could not {doing}: {text}.")


def globals_of(ctx: typer.Context) -> Globals:
    """The options before the command. While a line is completed no command has run: they are as they stand on it."""
    root = ctx.find_root()
    if isinstance(root.obj, Globals):
        return root.obj
    return Globals(root.params.get("socket"), root.params.get("context"), root.params.get("level"))


def run(ctx: typer.Context, work: "Callable[[Cluster], Awaitable[T]]") -> T:
    """Do `work` on the cluster that the command's options choose."""
    import asyncio

    return asyncio.run(_on(globals_of(ctx), work))


async def _on(given: Globals, work: "Callable[[Cluster], Awaitable[T]]") -> T:
    cluster = await given.open()
    try:
        return await work(cluster)
    finally:
        await cluster.close()


async def resolved(
    cluster: "Cluster",
    kind: "type[M]",
    names: Iterable[str],
    resolve: "Callable[[Cluster, str], Awaitable[M]] | None" = None,
) -> "tuple[dict[str, M], list[str]]":
    """The objects by the names that were typed, and a sentence for each name that fits none. `resolve` knows further names."""
    from swarm_core.client.control import UnresolvedReference

    found, failures = {}, []
    for name in names:
        try:
            found[name] = await (
                cluster.control.resolve(kind, name) if resolve is None else resolve(cluster, name)
            )
        except UnresolvedReference as error:
            failures.append(str(error))
    return found, failures


async def carry_out(
    cluster: "Cluster",
    plan: "Plan",
    *,
    say: "Callable[[Outcome], str]",
    failures: Iterable[str] = (),
) -> "list[Outcome]":
    """Apply a plan and print what `say` makes of each object that was done; fail at the end with all that was not."""
    from swarm_tui.operations.model import apply

    done, wrong = [], list(failures)
    async for outcome in apply(plan, cluster.control):
        if outcome.is_error:
            wrong.append(outcome.text)
        else:
            done.append(outcome)
            if text := say(outcome):
                write(text)
    if wrong:
        raise failure_of(wrong)
    return done


@contextmanager
def reading(flag: str) -> Iterator[None]:
    """What is wrong with a value is told with the name of its flag."""
    from swarm_core.specs.errors import InvalidValue

    try:
        yield
    except InvalidValue as error:
        raise Failure(f"{flag}: {error}.", USAGE) from None
