"""Log lines on the terminal: `task@node    | text`, standard error to standard error, as the docker command line does."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import typer
from swarm_core.api.timestamps import NS_PER_S, calendar_time
from swarm_core.client.logs import LogLine, LogQuery
from swarm_core.specs import notation
from swarm_core.specs.errors import InvalidValue

from swarm_tui.cli.plumbing.session import USAGE, Failure


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


def moment_ns(text: str, now_ns: int) -> int:
    """A time (2030-01-02T15:04:05, seconds since 1970) or an age (10m) as nanoseconds. Raises Failure."""
    if re.fullmatch(r"\d{9,}(\.\d+)?", text):
        return int(float(text) * 1e9)
    try:
        return now_ns - notation.nanoseconds(text)
    except InvalidValue:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(f"--since: {text!r} is neither a time nor an age such as 10m.", USAGE) from None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1e9)


class LinePrinter:
    """Prints batches of lines; `names` maps task ids to what stands before their lines."""

    def __init__(self, names: Mapping[str, str], *, show_names: bool, show_times: bool) -> None:
        self._names = names
        self._width = max((len(name) for name in names.values()), default=0)
        self._show_names = show_names
        self._show_times = show_times

    def print(self, lines: Sequence[LogLine]) -> None:
        """Print one batch."""
        for line in lines:
            parts = []
            if self._show_times:
                moment = calendar_time(line.at_ns)
                second = "-" if moment is None else f"{moment:%Y-%m-%dT%H:%M:%S}"
                parts.append(f"{second}.{line.at_ns % NS_PER_S:09}Z")
            if self._show_names:
                name = self._names.get(line.task_id, line.task_id[:12])
                parts.append(f"{name.ljust(self._width)} |")
            typer.echo(" ".join([*parts, line.text]), err=line.is_stderr)
