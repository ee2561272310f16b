"""Log lines on the terminal: `task@node    | text`, standard error to standard error, as the docker command line does."""

import sys
from collections.abc import Callable, Iterable, Sequence

import typer
from swarm_core.client.log_query import LogQuery
from swarm_core.client.logs import LogLine
from swarm_core.specs.errors import InvalidValue

from swarm_tui.cli.plumbing.plain_wish import is_drawn_over
from swarm_tui.cli.plumbing.session import USAGE, Failure
from swarm_tui.resources import time_ranges
from swarm_tui.resources.format import instant
from swarm_tui.resources.printable import colours_only, padded, printable, width_of


def log_query(
    *,
    service_ids: tuple[str, ...] = (),
    task_ids: tuple[str, ...] = (),
    follow: bool,
    tail: str,
    since: str | None,
    now_ns: int,
) -> LogQuery:
    """The query that the flags mean. Raises Failure."""
    if tail != "all" and not tail.isdecimal():
        raise Failure(f"--tail: {tail!r} is neither a number of lines nor all.", USAGE)
    return LogQuery(
        service_ids=service_ids,
        task_ids=task_ids,
        follow=follow,
        tail=None if tail == "all" else int(tail),
        since_ns=None if since is None else moment_ns(since, now_ns),
    )


def moment_ns(text: str, now_ns: int, flag: str = "--since") -> int:
    """A time (2030-01-02T15:04:05, 15:04, seconds since 1970) or an age (10m) as nanoseconds. Raises Failure."""
    try:
        return time_ranges.moment_ns(text, now_ns)
    except InvalidValue as error:
        raise Failure(f"{flag}: {error}.", USAGE) from None


class LinePrinter:
    """Prints batches of lines; `names` gives what stands before the lines of a task, once it is known, and `known` are those
    for which there is to be room from the first line on."""

    def __init__(
        self,
        names: Callable[[str], str | None],
        *,
        show_names: bool,
        show_times: bool,
        show_details: bool = False,
        known: Iterable[str] = (),
    ) -> None:
        self._names = names
        self._width = max((width_of(printable(name)) for name in known), default=0)
        self._show_names = show_names
        self._show_times = show_times
        self._show_details = show_details

    def print(self, lines: Sequence[LogLine]) -> None:
        """Print one batch."""
        for line in lines:
            parts = []
            if self._show_times:
                parts.append(instant(line.at_ns))
            if self._show_names:
                name = printable(self._names(line.task_id) or line.task_id[:12])
                self._width = max(self._width, width_of(name))
                parts.append(f"{padded(name, self._width)} |")
            if self._show_details:
                parts.append(printable(line.details))
            self._write(" ".join([*parts, ""]), line)

    @staticmethod
    def _write(before: str, line: LogLine) -> None:
        """A terminal gets colours and no other commands; a file or a pipe what the program wrote, byte by byte."""
        stream = sys.stderr if line.is_stderr else sys.stdout
        if is_drawn_over(stream):
            typer.echo(before + colours_only(line.text), err=line.is_stderr, color=True)
        else:
            typer.echo(before.encode() + line.data, err=line.is_stderr)
