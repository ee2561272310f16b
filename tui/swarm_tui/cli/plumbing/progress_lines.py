"""How the waiting for a service looks: on a terminal a line for the whole and one for each place, drawn over; elsewhere a line for
each change of the whole, and none twice, so that a crash loop fills no file.

Places are told while they are at most ROWS_MAX, as docker's command does.
"""

import shutil
import sys
from collections.abc import Sequence
from typing import Final

import typer
from swarm_core.api.jobs import is_of_iteration
from swarm_core.api.proto import objects_pb2, types_pb2

from swarm_tui.cli.plumbing.plain_wish import is_drawn_over
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources.printable import cut, padded, printable, width_of
from swarm_tui.resources.states import cause, is_wanted, state_word
from swarm_tui.resources.tasks import busy_with, node_name

ROWS_MAX: Final = 20
_STATES_WIDTH: Final = 9
_BAR_CELLS: Final = 24
_CLEAR_BELOW: Final = "\r\x1b[J"
_REMEMBERED_MAX: Final = 1_000


class ProgressLines:
    """Draws on standard error."""

    def __init__(self, *, quiet: bool) -> None:
        self._is_quiet = quiet
        self._is_terminal = is_drawn_over(sys.stderr)
        self._drawn: tuple[str, ...] = ()
        self._told: set[str] = set()

    @property
    def has_places(self) -> bool:
        """Whether there is any use in the lines of places."""
        return self._is_terminal and not self._is_quiet

    def show(self, whole: str, places: Sequence[str] = ()) -> None:
        """How far it is now."""
        if self._is_quiet:
            return
        if self._is_terminal:
            self._draw((printable(whole), *map(printable, places)))
        elif (text := printable(whole)) not in self._told:
            if len(self._told) >= _REMEMBERED_MAX:
                self._told.clear()
            self._told.add(text)
            typer.echo(text, err=True)

    def _draw(self, lines: tuple[str, ...]) -> None:
        size = shutil.get_terminal_size()
        # A line that breaks, or scrolls away, could not be drawn over.
        lines = tuple(cut(line, max(size.columns - 1, 1)) for line in lines[: max(size.lines - 1, 1)])
        if lines == self._drawn:
            return
        back = f"\x1b[{len(self._drawn) - 1}A" if len(self._drawn) > 1 else ""
        typer.echo(f"{back}{_CLEAR_BELOW}" + "\n".join(lines), nl=False, err=True)
        self._drawn = lines

    def end(self) -> None:
        """What stands there stays, and what follows begins on a line of its own."""
        if self._drawn:
            typer.echo("", err=True)
        self._drawn = ()


def places_of(mirror: Mirror, service: objects_pb2.Service, goal: int) -> list[str]:
    """A line for each place of the service: its name, a bar, the state of its task, and what keeps it."""
    if not 0 < goal <= ROWS_MAX:
        return []
    mode = service.spec.WhichOneof("mode")
    first = 0 if mode == "replicated_job" else 1
    newest: dict[tuple[int, str], objects_pb2.Task] = {}
    for task in mirror.tasks_of_service(service.id):
        place = (task.slot, "") if mode in ("replicated", "replicated_job") else (0, node_name(task, mirror))
        if is_of_iteration(service, task) and (place not in newest or _age(newest[place]) < _age(task)):
            newest[place] = task
    named = [
        (node or f"{slot - first + 1}/{goal}", task)
        for (slot, node), task in sorted(newest.items(), key=lambda item: item[0])
        if task.desired_state <= types_pb2.COMPLETE or not _is_over(task)
    ]
    width = max((width_of(printable(name)) for name, _ in named), default=0)
    return [f"{padded(printable(name), width)}  {_told(task, mirror)}" for name, task in named[:ROWS_MAX]]


def _age(task: objects_pb2.Task) -> tuple[bool, int]:
    """Of two tasks of a place the one that is meant to run counts, then the one that came later."""
    return is_wanted(task), task.meta.version.index


def _is_over(task: objects_pb2.Task) -> bool:
    return task.status.state > types_pb2.RUNNING


def _told(task: objects_pb2.Task, mirror: Mirror) -> str:
    state = task.status.state
    is_done = types_pb2.RUNNING <= state <= types_pb2.COMPLETE
    share = 1.0 if is_done else 0.0 if _is_over(task) else state / types_pb2.RUNNING
    filled = round(share * _BAR_CELLS)
    more = cause(task) if _is_over(task) or task.status.err else busy_with(task, mirror)
    parts = f"[{'=' * filled}{' ' * (_BAR_CELLS - filled)}] {state_word(state).ljust(_STATES_WIDTH)}"
    return f"{parts} {more}".rstrip()
