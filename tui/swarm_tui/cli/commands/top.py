"""`swarm-tui top`: what tasks or nodes use now, the greatest first (docs/design/usage.md 14.3); and how managers do."""

import asyncio
import sys
from contextlib import aclosing
from enum import StrEnum
from typing import Annotated, Any, Final

import typer
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing import top_managers
from swarm_tui.cli.plumbing.output import Format, FormatOption, print_records, print_table
from swarm_tui.cli.plumbing.plain_wish import is_drawn_over
from swarm_tui.cli.plumbing.say import clear_screen, say
from swarm_tui.cli.plumbing.session import Failure, run
from swarm_tui.cli.plumbing.streams import ending_with_the_reader
from swarm_tui.clusters.following import follow
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources import format as fmt
from swarm_tui.resources import nodes, tasks, usage

_KINDS: Final = (objects_pb2.Node, objects_pb2.Service, objects_pb2.Task)
_FIRST_S: Final = 3.0
"""So long every node has to tell something, where only one look is wanted."""
_UNTOLD: Final = "This cluster does not tell what its tasks use: its leader is a Docker Engine, or older than this program."


class What(StrEnum):
    TASKS = "tasks"
    NODES = "nodes"
    MANAGERS = "managers"


class By(StrEnum):
    CPU = "cpu"
    MEMORY = "mem"


def top(
    ctx: typer.Context,
    what: Annotated[What, typer.Argument(help="tasks, nodes or managers.", show_default=True)] = What.TASKS,
    by: Annotated[By, typer.Option("--sort", help="cpu or mem: what is greatest stands first.")] = By.CPU,
    count: Annotated[
        int, typer.Option("--number", "-n", min=1, help="How many are shown.", metavar="NUMBER")
    ] = 20,
    no_stream: Annotated[bool, typer.Option("--no-stream", help="Look once.")] = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Show what tasks, nodes or managers use now, again with every report, until interrupted."""
    if what is What.MANAGERS:
        run(ctx, lambda cluster: top_managers.show(cluster, style, is_once=no_stream))
        return

    async def work(cluster: Cluster) -> None:
        mirror, is_listed = Mirror(cluster.clock), asyncio.Event()
        # Told first of the list, or that it could not be had, which the figures' own call then says.
        mirror.listen(lambda _: is_listed.set())
        async with asyncio.TaskGroup() as group:
            following = group.create_task(_follow(cluster, mirror))
            try:
                with ending_with_the_reader():
                    # Figures of what is not listed yet would be shown as none.
                    await is_listed.wait()
                    await _show(cluster, mirror, _Face(what, by, count, style), is_once=no_stream)
            finally:
                following.cancel()

    try:
        run(ctx, work)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _follow(cluster: Cluster, mirror: Mirror) -> None:
    async with aclosing(cluster.watch(_KINDS).updates()) as updates:
        await follow(mirror, updates)


class _Face:
    """How it is printed."""

    def __init__(self, what: What, by: By, count: int, style: Format) -> None:
        self._what, self._by, self._count, self._style = what, by, count, style
        self._is_terminal = style is Format.TABLE and is_drawn_over(sys.stdout)

    def show(self, mirror: Mirror, *, is_once: bool) -> None:
        """Print what is known now."""
        rows = self._rows(mirror)
        if self._style is not Format.TABLE:
            print_records([dict(zip(self._titles, row, strict=True)) for row in rows], self._style)
            return
        if self._is_terminal and not is_once:
            clear_screen()
        if not rows:
            say(
                "No task that runs is told of." if self._what is What.TASKS else "No node tells what it uses."
            )
            return
        print_table(self._headings, [self._texts(row) for row in rows])
        if not self._is_terminal and not is_once:
            say("")

    @property
    def _titles(self) -> tuple[str, ...]:
        of_what = ("Task", "Node") if self._what is What.TASKS else ("Node",)
        return (*of_what, "CPU", "CPUShare", "Memory", "MemoryShare")

    @property
    def _headings(self) -> list[str]:
        of_what = ["TASK", "NODE"] if self._what is What.TASKS else ["NODE"]
        return [*of_what, "CPU", "CPU %", "MEM", "MEM %"]

    def _texts(self, row: tuple[Any, ...]) -> list[str]:
        *names, cpus, cpu_share, held, memory_share = row
        shares = ["" if one is None else f"{one:.0%}" for one in (cpu_share, memory_share)]
        return [*names, usage.cpus_text(cpus), shares[0], fmt.size(held), shares[1]]

    def _rows(self, mirror: Mirror) -> list[tuple[Any, ...]]:
        found = self._tasks(mirror) if self._what is What.TASKS else self._nodes(mirror)
        place = -4 if self._by is By.CPU else -2
        return sorted(found, key=lambda row: (-row[place], row[0]))[: self._count]

    def _tasks(self, mirror: Mirror) -> list[tuple[Any, ...]]:
        return [
            (tasks.name(task, mirror), tasks.node_name(task, mirror), *figures)
            for task in mirror.objects(objects_pb2.Task)
            if (figures := _figures(mirror, task.id, task.spec.resources.limits)) is not None
        ]

    def _nodes(self, mirror: Mirror) -> list[tuple[Any, ...]]:
        return [
            (nodes.name(node, mirror), *figures)
            for node in mirror.objects(objects_pb2.Node)
            if (figures := _figures(mirror, node.id, node.description.resources)) is not None
        ]


def _figures(mirror: Mirror, id_: str, have: types_pb2.Resources) -> tuple[Any, ...] | None:
    cpus, held = usage.cpus(id_, mirror), usage.memory(id_, mirror)
    if cpus is None or held is None:
        return None
    return cpus, usage.share(cpus, have.nano_cpus / 1e9), int(held), usage.share(held, have.memory_bytes)


async def _show(cluster: Cluster, mirror: Mirror, face: _Face, *, is_once: bool) -> None:
    is_told = False
    async with aclosing(cluster.control.watch_usage()) as messages:  # type: ignore[type-var]
        try:
            async with asyncio.timeout(_FIRST_S if is_once else None):
                async for message in messages:
                    is_told = True
                    mirror.figures.take(message)
                    if is_once and _is_whole(mirror):
                        break
                    if not is_once:
                        face.show(mirror, is_once=False)
        except TimeoutError:
            # A node that tells nothing keeps nobody from the figures of the others.
            is_told = True
    if not is_told:
        raise Failure(_UNTOLD)
    if is_once:
        face.show(mirror, is_once=True)


def _is_whole(mirror: Mirror) -> bool:
    """Whether every node that is ready and every task that runs has told something."""
    ready = [
        one.id for one in mirror.objects(objects_pb2.Node) if one.status.state == types_pb2.NodeStatus.READY
    ]
    runs = [one.id for one in mirror.objects(objects_pb2.Task) if one.status.state == types_pb2.RUNNING]
    return bool(ready) and all(usage.cpus(id_, mirror) is not None for id_ in (*ready, *runs))


COMMANDS = {"top": top}
