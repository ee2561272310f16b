"""The way from the command line into the dashboard: the one module here that may import Textual's side."""

import asyncio
import locale
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer
from swarm_core.client import node_directory, sockets
from swarm_core.client.cluster import Cluster
from swarm_core.client.contexts import read_contexts

from swarm_tui.cli.plumbing.plain_wish import wants_plain
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure, Globals, failure_of
from swarm_tui.clusters.allowance import Allowance, Level
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.no_calls import NoCalls
from swarm_tui.journal.recorder import Recorder
from swarm_tui.journal.sessions import together
from swarm_tui.journal.tape import Tape
from swarm_tui.operations.gate import gated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from swarm_tui.clusters.session import Clock, Session
    from swarm_tui.engines.door import Room
    from swarm_tui.shell.feed import Feed
    from swarm_tui.shell.other_clusters import Opened, OtherClusters
    from swarm_tui.shell.preferred import Started

WEB_DRIVER: Final = "textual.drivers.web_driver:WebDriver"
"""What stands in $TEXTUAL_DRIVER of a dashboard that is shown in a browser."""
_NOTHING_GIVEN: Final = Globals()
_CANNOT_PLACE: Final = ("", "dumb", "unknown")
_PLAIN: Final = frozenset({"linux", "vt100", "vt102", "vt220", "ansi", "cons25"})
JOURNAL_VARIABLE: Final = "SWARM_TUI_JOURNAL"
_NO_JOURNAL: Final = ("off", "0", "no")
_NO_CLUSTER: Final = (
    "No cluster was found on this machine: these are your engines. 'swarm-tui up' starts a node here."
)
_NO_CLUSTER_BUT: Final = "No cluster was found on this machine: this is the engine of docker's context {!r}. 'swarm-tui up' starts a node here."
_ENGINE_HERE: Final = (
    "The Docker Engine of this machine is in no swarm: 'swarm-tui engine ui --engines default' shows it."
)
_DOCKERS_OWN: Final = Path("/var/run/docker.sock")
_OWN_COLORS: Final = "ansi-dark"
"""The theme of nothing but the terminal's own colours."""


def open_dashboard(given: Globals) -> None:
    """Open the dashboard on the cluster that was chosen; offer to start one when there is none."""
    if not has_terminal() and not wants_plain():
        raise Failure(_no_terminal(), USAGE)
    try:
        is_chosen = given.connect is not None or (given.context is not None and "," in given.context)
        if not is_chosen and given.in_context() is None:
            given.choose()
    except sockets.NoSocket as error:
        if (
            given.socket is not None
            or given.context is not None
            or os.environ.get(sockets.ENVIRONMENT_VARIABLE)
        ):
            raise
        from swarm_tui.cli.plumbing.engines import VARIABLE

        named = os.environ.get(VARIABLE) or None
        if _knows_engines(given, named):
            open_engines(given, named, _NO_CLUSTER)
            return
        if name := _docker_points_to():
            open_engines(given, name, _NO_CLUSTER_BUT.format(name))
            return
        question = _offer(error)
        if not question:
            raise
        if sockets.problem_of(_DOCKERS_OWN) is None:
            say(_ENGINE_HERE, err=True)
        if not typer.confirm(question, default=True):
            raise
        from swarm_tui.cli.plumbing.own_node import start

        given = replace(given, socket=str(start(sockets.state_directory())))
    if exit_code := asyncio.run(_open(given)):
        raise typer.Exit(exit_code)


def _offer(error: sockets.NoSocket) -> str:
    """What is asked; empty where a node is on this machine that can be helped by no other."""
    state_dir = sockets.state_directory()
    try:
        if node_directory.holder(state_dir) is None and node_directory.belongs_to_a_cluster(state_dir):
            return f"Your node does not run ({node_directory.ended(state_dir).value}). Bring it back now?"
    except OSError:
        pass  # starting it says why its directory cannot be read
    return "" if error.here else "No cluster found on this machine. Start a node here now?"


def open_engines(given: Globals, named: str | None, greeting: str = "") -> None:
    """Open the dashboard on the person's engines, or on those that are `named`, without a cluster. Raises Failure, LookupError or ValueError
    where there are none."""
    from swarm_tui.cli.plumbing.engine_sources import known_engines

    if wants_plain() and not is_served():
        raise Failure(
            "Engines are told of in words by 'swarm-tui engine ls', 'container ls' and 'engine events'.",
            USAGE,
        )
    asyncio.run(known_engines(named, given))
    if not has_terminal():
        raise Failure(_no_terminal(), USAGE)
    if exit_code := asyncio.run(_engines_shown(given, named, greeting)):
        raise typer.Exit(exit_code)


def _knows_engines(given: Globals, named: str | None) -> bool:
    """Whether there is something to look at without a cluster."""
    from swarm_core.client.errors import ClientError

    from swarm_tui.cli.plumbing.engine_sources import known_engines

    try:
        asyncio.run(known_engines(named, given))
    except (Failure, ClientError, sockets.NoSocket, LookupError, ValueError, OSError):
        return False  # the dashboard of the cluster says what is wrong with them, when somebody goes there
    return True


def _docker_points_to() -> str:
    """The context by which this person's docker talks to another engine than this machine's; empty where it does not."""
    from swarm_core.engines.docker_contexts import current_context, is_pointed_elsewhere

    return current_context() if is_pointed_elsewhere() else ""


def has_terminal() -> bool:
    """Whether a person is at both ends, in front of a terminal that can place its cursor."""
    if is_served():
        return True
    return sys.stdin.isatty() and sys.stdout.isatty() and _terminal_kind() not in _CANNOT_PLACE


def is_served() -> bool:
    """Whether the person is at a browser, which `swarm-tui serve` shows this program in."""
    return os.environ.get("TEXTUAL_DRIVER", "") == WEB_DRIVER


def _no_terminal() -> str:
    if sys.stdin.isatty() and sys.stdout.isatty():
        kind = _terminal_kind()
        needs = f"a terminal that can place its cursor, and TERM is {kind or 'not set'}"
    else:
        needs = "a terminal"
    return f"The dashboard needs {needs}; 'swarm-tui --help' lists the commands that do not."


def _terminal_kind() -> str:
    return os.environ.get("TERM", "")


def is_plain() -> bool:
    """Whether the terminal has few colours and few letters, as the console of Linux."""
    return not is_served() and _terminal_kind().partition("-")[0] in _PLAIN


async def _open(given: Globals) -> int:
    # The dashboard has a gate of its own, for a level that the person may change.
    given, allowance = replace(given, level=None), Allowance(given.allowance.level)
    names = given.context.split(",") if given.context is not None else []
    clusters = NamedClusters()
    if len(names) > 1:
        from swarm_tui.shell.other_clusters import opened_together

        shown, given = await opened_together(clusters, list(dict.fromkeys(names))), _NOTHING_GIVEN
    else:
        context = given.in_context()
        cluster = await given.open()
        title = context.name if context is not None else title_of(cluster.target)
        clusters = NamedClusters(None if context is not None else (title, given.open))
        shown = (_as_opened(title, cluster),)
    while True:
        try:
            code, opened = await _shown(shown, clusters=clusters, allowance=allowance, given=given)
        finally:
            for one in shown:
                await one.cluster.close()
        if not opened:
            return code
        shown = opened


def _as_opened(title: str, cluster: Cluster) -> "Opened":
    from swarm_tui.shell.other_clusters import Opened

    return Opened(title, cluster)


class NamedClusters:
    """Those of `contexts.toml`, and `here`, the one that the program began with, where it is none of them. Implements
    `other_clusters.OtherClusters`."""

    def __init__(self, here: "tuple[str, Callable[[], Awaitable[Cluster]]] | None" = None) -> None:
        self._here = here

    def names(self) -> list[tuple[str, str]]:
        """See there."""
        known = read_contexts(sockets.contexts_file())
        named = [(name, context.way) for name, context in sorted(known.by_name.items())]
        if not named or self._here is None or self._here[0] in known.by_name:
            return named
        return [(self._here[0], "the one that was opened first"), *named]

    async def open(self, name: str) -> "Opened":
        """See there."""
        from swarm_core.client.ways import open_context

        known = read_contexts(sockets.contexts_file())
        if self._here is not None and name == self._here[0] and name not in known.by_name:
            return _as_opened(name, await self._here[1]())
        return _as_opened(name, await open_context(known.named(name)))


class EnginesAtHand:
    """Those that commands act on too, or those that are `named` in their place; `given` says which swarm's nodes are meant. Implements
    `door.Door`."""

    def __init__(self, given: Globals, named: str | None = None) -> None:
        self._given, self._named = given, named

    def open(self, clock: "Clock", allowance: Allowance, tell: Callable[[str], None]) -> "Room":
        """See there."""
        # Loaded when somebody goes there: most dashboards never do.
        from swarm_core.engines.opening import no_engines_yet

        from swarm_tui.cli.plumbing.engine_book import EnginesFile
        from swarm_tui.cli.plumbing.engine_form import DockersFlags
        from swarm_tui.cli.plumbing.engine_sources import sources_of
        from swarm_tui.cli.plumbing.engines import VARIABLE, deployed_directory
        from swarm_tui.engines.room import EngineRoom

        opened = no_engines_yet(deployed_directory())
        try:
            sources = sources_of(self._named or os.environ.get(VARIABLE) or None, self._given, opened)
        except (Failure, LookupError) as failure:
            raise ValueError(str(failure)) from None
        return EngineRoom(opened, sources, clock, allowance, tell, EnginesFile(), DockersFlags())


async def dashboard(
    cluster: Cluster,
    *,
    title: str,
    ends_with_program: bool = False,
    journals: Path | None = None,
    level: Level = Level.IMPACT,
) -> int:
    """Show the dashboard until it is left; the exit code is not 0 when somebody else ended it. `ends_with_program`: the
    cluster is there for it alone. `journals`: where what is seen is recorded, if not among the user's. `level`: how far
    changes may go at first."""
    code, _ = await _shown(
        (_as_opened(title, cluster),),
        allowance=Allowance(level),
        ends_with_program=ends_with_program,
        journals=journals,
    )
    return code


async def _shown(
    shown: "Sequence[Opened]",
    *,
    allowance: Allowance,
    given: Globals = _NOTHING_GIVEN,
    ends_with_program: bool = False,
    journals: Path | None = None,
    clusters: "OtherClusters | None" = None,
) -> "tuple[int, tuple[Opened, ...]]":
    """The dashboard of these clusters, until it is left: its exit code, and the clusters that the person goes to."""
    if wants_plain() and not is_served():
        from swarm_tui.cli.plumbing.plain import tell_plainly

        if len(shown) > 1:
            raise Failure("In words one cluster is told of at a time: give --context one name.", USAGE)
        return await tell_plainly(_session(shown[0], allowance, ends_with_program), shown[0].cluster), ()
    started = preferences()
    from swarm_tui.app import SwarmApp
    from swarm_tui.shell.feed import no_updates

    feeds = [_feed(one, allowance, ends_with_program, journals or journal_directory()) for one in shown]
    session = feeds[0].session if len(feeds) == 1 else together([feed.session for feed in feeds])
    app = SwarmApp(
        session,
        no_updates,
        theme=_OWN_COLORS if is_plain() else None,
        is_ascii=wants_ascii(),
        started=started,
        clusters=clusters,
        engines=EnginesAtHand(given),
        feeds=feeds,
    )
    try:
        await app.run_async()
    finally:
        if left := await app.finish():
            say(left, err=True)
        for feed in feeds:
            if feed.recorder is not None:
                await asyncio.to_thread(feed.recorder.close)
    return app.return_code or 0, app.opened


async def _engines_shown(given: Globals, named: str | None, greeting: str) -> int:
    """The dashboard of engines alone, until it is left: its exit code."""
    started = preferences()
    from swarm_tui.app import SwarmApp
    from swarm_tui.shell.feed import no_updates

    def tell(text: str) -> None:
        if app.is_running:
            app.notify(text, severity="error", markup=False)

    door = EnginesAtHand(given, named)
    room = door.open(Cluster(NoCalls()).clock, Allowance(given.allowance.level), tell)
    app = SwarmApp(
        room.session,
        no_updates,
        theme=_OWN_COLORS if is_plain() else None,
        is_ascii=wants_ascii(),
        started=started,
        room=room,
        greeting=greeting,
    )
    await app.run_async()
    return app.return_code or 0


def _feed(one: "Opened", allowance: Allowance, ends_with_program: bool, journals: Path) -> "Feed":
    from swarm_tui.shell.feed import Feed

    session = _session(one, allowance, ends_with_program)
    recorder = _recorder(journals, one.cluster.clock, one.title)
    return Feed(session, lambda: one.cluster.watch().updates(), recorder)


def _session(one: "Opened", allowance: Allowance, ends_with_program: bool) -> "Session":
    """The cluster behind a gate that keeps to `allowance`."""
    from swarm_tui.clusters.session import Session
    from swarm_tui.resources.refs import ClusterId

    cluster = gated(one.cluster, allowance)
    return Session(
        one.title,
        Mirror(cluster.clock, cluster=ClusterId(one.title)),
        cluster.control,
        cluster.logs(),
        cluster.clock,
        ends_with_program,
        allowance=allowance,
    )


def preferences() -> "Started":
    """What this person wants of the dashboard. Raises Failure with a sentence for each mistake in the file."""
    from swarm_tui.preferences.file import WrongPreferences
    from swarm_tui.shell.preferred import preferences_at_start

    try:
        return preferences_at_start()
    except WrongPreferences as error:
        raise failure_of(error.sentences, USAGE) from None


def keys_in_force() -> list[tuple[str, str, str, str]]:
    """Every verb with its id, its keys, where they work and what it does. Raises Failure."""
    from swarm_tui.shell.preferred import Preferred
    from swarm_tui.verbs.keys import written

    wanted = Preferred(preferences(), changed=lambda _: None, refused=lambda _: None)
    return [
        (verb.id, " ".join(written(key) for key in verb.keys), verb.context.value, verb.help)
        for verb in wanted.verbs()
    ]


def open_file(tape: Tape, title: str) -> int:
    """Show the past in a file until it is left."""
    return asyncio.run(_open_file(tape, title))


async def _open_file(tape: Tape, title: str) -> int:
    started = preferences()
    from swarm_tui.app import SwarmApp

    app = SwarmApp.of_file(
        tape,
        title,
        Cluster(NoCalls()).clock,
        theme=_OWN_COLORS if is_plain() else None,
        is_ascii=wants_ascii(),
        started=started,
    )
    await app.run_async()
    return app.return_code or 0


def journal_directory() -> Path:
    """Where the journals of this user are."""
    return sockets.state_directory() / "journals"


def _recorder(directory: Path, clock: Any, title: str) -> Recorder | None:
    """What records, unless the user wants none."""
    if os.environ.get(JOURNAL_VARIABLE, "").lower() in _NO_JOURNAL:
        return None
    return Recorder(directory, clock, title=title)


def title_of(target: str) -> str:
    """A short name for a cluster that has none: whose socket it is."""
    path = Path(target)
    if path == sockets.DOCKER_SOCKET:
        return "docker"
    if path == sockets.own_socket(sockets.state_directory()):
        return "local"
    return path.parent.name or "swarm"


def wants_ascii() -> bool:
    """Whether the terminal's encoding or its font lacks the glyphs."""
    return is_plain() or "utf" not in locale.getpreferredencoding(False).lower()
