"""Waiting for a service to reach its goal, told as it happens.

On a terminal one line is rewritten; otherwise each change is a line of its own.
"""

import sys
from contextlib import aclosing
from dataclasses import dataclass

import typer
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.client.watch import Changed, Listed, Lost

from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources import services
from swarm_tui.resources.printable import printable
from swarm_tui.resources.states import is_wanted

_KINDS = (objects_pb2.Cluster, objects_pb2.Node, objects_pb2.Service, objects_pb2.Task)
_CLEAR_LINE = "\r\x1b[K"


@dataclass(frozen=True, slots=True)
class Progress:
    done: int
    goal: int
    cause: str = ""

    @property
    def is_converged(self) -> bool:
        return self.done >= self.goal

    def __str__(self) -> str:
        text = f"{self.done} of {self.goal} tasks running"
        return f"{text} · {self.cause}" if self.cause else text


def progress_of(mirror: Mirror, service: objects_pb2.Service, now_ns: int) -> Progress:
    """How far a service is: only tasks of its present spec count, and older ones must be gone."""
    tasks = mirror.tasks_of_service(service.id)
    current = [task for task in tasks if _is_current(task, service)]
    if services.mode(service).endswith("job"):
        done = sum(task.status.state == types_pb2.COMPLETE for task in current)
        goal = service.spec.replicated_job.total_completions or len(current)
    else:
        done = sum(is_wanted(task) and task.status.state == types_pb2.RUNNING for task in current)
        goal = services.wanted(service, mirror)
        if _expects_tasks_of_every_node(service) and not tasks:
            goal = max(goal, 1 if mirror.objects(objects_pb2.Node) else 0)
    leftover = sum(is_wanted(task) for task in tasks if not _is_current(task, service))
    problems = services.problems(service, mirror, now_ns)
    return Progress(min(done, goal), goal + leftover, problems[0].cause if problems else "")


def _is_current(task: objects_pb2.Task, service: objects_pb2.Service) -> bool:
    """A change of scale or labels makes a new version of the spec and leaves the tasks as they are."""
    return task.spec_version.index == service.spec_version.index or task.spec == service.spec.task


def _expects_tasks_of_every_node(service: objects_pb2.Service) -> bool:
    return service.spec.WhichOneof("mode") == "global"


async def converge(cluster: Cluster, service_id: str, *, quiet: bool = False) -> None:
    """Follow the service until it has reached its goal. Raises Failure when it is removed meanwhile."""
    mirror = Mirror(cluster.clock)
    line = _Line(quiet=quiet)
    async with aclosing(cluster.watch(_KINDS).updates()) as updates:
        async for update in updates:
            mirror.apply(update)
            if isinstance(update, Lost):
                line.show(f"waiting for the manager: {update.reason}")
            if not isinstance(update, Listed | Changed):
                continue
            service = mirror.get(objects_pb2.Service, service_id)
            if service is None:
                line.end()
                raise Failure("The service was removed before it reached its goal.")
            progress = progress_of(mirror, service, cluster.clock.wall_ns())
            line.show(str(progress))
            if progress.is_converged:
                line.end()
                return


class _Line:
    """The line that tells how far it is."""

    def __init__(self, *, quiet: bool) -> None:
        self._is_quiet = quiet
        self._is_terminal = sys.stderr.isatty()
        self._shown = ""

    def show(self, text: str) -> None:
        text = printable(text)
        if self._is_quiet or text == self._shown:
            return
        self._shown = text
        if self._is_terminal:
            typer.echo(f"{_CLEAR_LINE}{text}", nl=False, err=True)
        else:
            typer.echo(text, err=True)

    def end(self) -> None:
        if self._shown and self._is_terminal:
            typer.echo("", err=True)
