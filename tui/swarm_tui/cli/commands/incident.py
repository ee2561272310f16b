"""`swarm-tui bundle` and `swarm-tui open`: an incident as one file, out of the journal and into a dashboard (docs/design/journal.md 6)."""

from collections import deque
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.client.errors import IncompleteLogs
from swarm_core.client.log_query import LogQuery
from swarm_core.client.logs import LogLine

from swarm_tui.cli.plumbing import completion
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure, failure_of, reading, resolved, run
from swarm_tui.cli.plumbing.ui import has_terminal, journal_directory, open_file
from swarm_tui.clusters.no_calls import NoCalls
from swarm_tui.journal import bundle as bundles
from swarm_tui.journal.errors import JournalError
from swarm_tui.journal.file import JournalFile
from swarm_tui.journal.past_logs import LINES_MAX
from swarm_tui.journal.places import journal_of
from swarm_tui.journal.sessions import Recorded, recorded
from swarm_tui.journal.tape import Tape
from swarm_tui.resources.time_ranges import TimeRange, range_of


def bundle(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A file that is not there yet.")],
    asked: Annotated[
        str, typer.Option("--time", help="2h (from then on), 13:50..14:10, all.", metavar="TIME")
    ] = "30m",
    of: Annotated[
        str | None,
        typer.Option(
            "--of", help="The cluster's name or id; then no manager is asked which it is.", metavar="NAME"
        ),
    ] = None,
    logs: Annotated[
        list[str] | None,
        typer.Option(
            "--logs",
            help="Also the lines that a service wrote in this time, which may hold secrets; may be repeated.",
            metavar="SERVICE",
            autocompletion=completion.names_of("service"),
        ),
    ] = None,
    configs: Annotated[
        bool, typer.Option("--configs", help="Also what is in configs, which may hold secrets.")
    ] = False,
) -> None:
    """Write what the dashboard recorded into one file that another copy opens. It holds no secrets, no values of variables and no contents of configs."""
    if of is not None and logs:
        raise Failure("--logs asks the cluster, and --of asks nobody: leave one of them out.", USAGE)
    lines: list[LogLine] | None = None
    if of is not None:
        found, now_ns = _named(of), Cluster(NoCalls()).clock.wall_ns()
    else:
        found, now_ns = run(ctx, _of_cluster)
    with reading("--time"):
        stretch = range_of(asked, now_ns)
    if logs:
        lines = run(ctx, lambda cluster: _lines(cluster, logs, stretch))
    try:
        with closing(JournalFile.open_for_reading(found.path)) as file:
            besides = bundles.Besides(lines, configs)
            made = bundles.write(Tape(file), path, stretch, title=found.title, besides=besides)
    except JournalError as error:
        raise Failure(str(error)) from None
    except FileExistsError as error:
        raise Failure(str(error), USAGE) from None
    say(bundles.sentence(made))


def open_(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Written by 'swarm-tui bundle'.")],
) -> None:
    """Rewind through an incident's file. No cluster is asked anything."""
    try:
        tape, title = bundles.open_bundle(path)
    except JournalError as error:
        raise Failure(str(error)) from None
    with closing(tape.file):
        if not has_terminal():
            raise Failure(f"{path} holds {title}; the dashboard needs a terminal to show it.", USAGE)
        if exit_code := open_file(tape, title):
            raise typer.Exit(exit_code)


async def _lines(cluster: Cluster, names: list[str], stretch: TimeRange) -> list[LogLine]:
    """What tasks of these services wrote in this time, the newest lines; what could not be read is told."""
    found, failures = await resolved(cluster, objects_pb2.Service, names)
    if failures:
        raise failure_of(failures)
    kept: deque[LogLine] = deque(maxlen=LINES_MAX)
    until_ns = stretch.until_ns if stretch.until_ns is not None else cluster.clock.wall_ns()
    query = LogQuery(service_ids=tuple(one.id for one in found.values()), since_ns=stretch.since_ns)
    try:
        await cluster.logs().run(
            query, lambda lines: kept.extend(line for line in lines if line.at_ns <= until_ns)
        )
    except IncompleteLogs as error:
        say(f"Not all lines could be read: {error}", err=True)
    return sorted(kept, key=lambda line: line.at_ns)


async def _of_cluster(cluster: Cluster) -> tuple[Recorded, int]:
    """The journal of the cluster that answers, and the time there."""
    (itself,) = await cluster.control.find(objects_pb2.Cluster)
    path = journal_of(journal_directory(), itself.id)
    for one in recorded(journal_directory()):
        if one.path == path:
            return one, cluster.clock.wall_ns()
    raise Failure("Nothing is recorded of this cluster: the dashboard records while it is open.")


def _named(name: str) -> Recorded:
    known = recorded(journal_directory())
    found = [one for one in known if name in (one.title, one.cluster)]
    if not found:
        names = ", ".join(dict.fromkeys(one.title for one in known))
        raise Failure(
            f"Nothing is recorded of a cluster {name!r}; recorded are: {names}."
            if known
            else "Nothing is recorded of any cluster: the dashboard records while it is open."
        )
    if len(found) > 1:
        ids = ", ".join(one.cluster for one in found)
        raise Failure(f"More than one cluster is called {name!r}: name one by its id ({ids}).")
    return found[0]


COMMANDS = {"bundle": bundle, "open": open_}
