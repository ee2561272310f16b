"""From the options of a command to engines that are known, and from a failure to one sentence (docs/design/engines.md N9).

Rules
1. An engine that hangs, lies or is away costs the others nothing. What it has is left out, and a sentence on standard error says so.
2. Where no engine answers the command fails.
3. What is to change one object goes to the engine that has it. A name that several engines have is refused until it names one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer
from swarm_core.client.sockets import state_directory

from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import Failure, Globals, globals_of

if TYPE_CHECKING:
    # Loaded when engines are reached: help and usage errors must not wait for it.
    from swarm_core.engines.api import EngineApi
    from swarm_core.engines.cluster import EngineCluster
    from swarm_core.engines.opening import Opened
    from swarm_core.engines.records import Container, EngineEntry, EngineKey, EngineRecord, Record

    from swarm_tui.clusters.allowance import Level
    from swarm_tui.clusters.engine_hands import EngineHands
    from swarm_tui.clusters.mirror import WallClock
    from swarm_tui.engines.mirror import EngineMirror

T = TypeVar("T")
VARIABLE: Final = "SWARM_TUI_ENGINES"
ALL: Final = "all"
EnginesOption = Annotated[
    str | None,
    typer.Option(
        "--engines",
        envvar=VARIABLE,
        show_envvar=False,
        help="Instead of your list: a file of engines, addresses, docker's contexts, swarm (its nodes); between commas.",
        metavar="FILE|URL|CONTEXT|swarm,…",
    ),
]
EngineOption = Annotated[
    list[str] | None, typer.Option("--engine", help="This engine alone; may be repeated.", metavar="NAME")
]
OnEnginesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--engine", help="Of this engine instead of the cluster, or of all engines.", metavar="NAME|all"
    ),
]


class Chosen:
    """The engines of one command, as they stood when all had been tried."""

    def __init__(self, opened: "Opened", keys: "Sequence[EngineKey]", *, is_narrowed: bool) -> None:
        self.opened, self.keys = opened, keys
        self.cluster, self.placer = opened.cluster, opened.placer
        self._is_narrowed = is_narrowed
        self._told: set[str] = set()

    @property
    def now_ns(self) -> int:
        """The time of this machine."""
        return self.opened.clock.wall_ns()

    @property
    def records(self) -> "list[EngineRecord]":
        """Those that the options choose."""
        known = {record.key: record for record in self.cluster.engines()}
        return [known[key] for key in self.keys if key in known]  # a list that is followed may have lost some

    @cached_property
    def view(self) -> "EngineMirror":
        """All that is known of the engines, as plans read it."""
        from swarm_tui.engines.following import records_of

        return view_of_records(records_of(self.cluster), self.opened.clock)

    @cached_property
    def hands(self) -> "EngineHands":
        """What they are changed with."""
        return hands_on(self.opened)

    @property
    def is_narrowed(self) -> bool:
        """Whether `--engine` leaves some out."""
        return self._is_narrowed

    @property
    def only(self) -> "EngineKey | None":
        """The one engine that names are looked up on; None for all."""
        return self.keys[0] if self._is_narrowed and len(self.keys) == 1 else None

    def name_of(self, key: "EngineKey") -> str:
        """What people call it."""
        return self.cluster.engine(key).name

    def tell_missing(self) -> None:
        """A sentence for each engine that is left out. Raises Failure where all are."""
        if len(self.tell_missing_softly()) == len(self.keys):
            raise Failure("No engine answers.")

    def tell_missing_softly(self) -> "list[EngineRecord]":
        """The same for who waits for them to come: those that are left out for now."""
        missing = [record for record in self.records if not record.state.is_live]
        for record in missing:
            self.tell(record, record.error or f"it is {record.word}")
        return missing

    @property
    def has_left_out(self) -> bool:
        """Whether a sentence said that an engine is left out."""
        return bool(self._told)

    def tell(self, record: "EngineRecord", text: str) -> None:
        """Say once that an engine is left out, and why."""
        if record.key not in self._told:
            self._told.add(record.key)
            say(f"{record.name} is left out: {text}.", err=True)

    def container(self, name: str) -> "Container":
        """Raises Failure."""
        return self.looked_up(lambda: self.cluster.find.container(name, self.only))

    def looked_up(self, find: Callable[[], T]) -> T:
        """What a look-up gives. Raises Failure with its sentence, and who may have it and does not answer."""
        from swarm_core.engines.errors import Ambiguous, NotFound

        try:
            return find()
        except Ambiguous as error:
            raise Failure(f"{error}. Write ENGINE/NAME, or say --engine.") from None
        except NotFound as error:
            silent = [record.name for record in self.records if not record.state.is_live]
            unsure = f" {', '.join(silent)} could not be asked." if silent else ""
            raise Failure(f"{error}.{unsure}") from None

    def api(self, key: "EngineKey") -> "EngineApi":
        """Calls to an engine. Raises EngineAway."""
        return self.cluster.api(key)

    async def each(
        self, work: "Callable[[EngineKey, EngineApi], Awaitable[T]]"
    ) -> "list[tuple[EngineKey, T]]":
        """What each engine that lives answers, asked all at once. One that fails is told and left out."""
        from swarm_core.engines.errors import EngineError

        found: dict[EngineKey, T] = {}
        wrong: dict[EngineKey, str] = {}

        async def one(record: "EngineRecord") -> None:
            try:
                found[record.key] = await work(record.key, self.api(record.key))
            except EngineError as error:
                wrong[record.key] = str(error)

        asked = [record for record in self.records if record.state.is_live]
        async with asyncio.TaskGroup() as group:
            for record in asked:
                group.create_task(one(record))
        for record in asked:
            if record.key in wrong:
                self._told.add(record.key)
                say(f"{record.name}: {wrong[record.key].rstrip('.')}.", err=True)
        if asked and not found:
            raise Failure("No engine did it.")
        return [(record.key, found[record.key]) for record in asked if record.key in found]

    async def together(self, works: "Iterable[Awaitable[T]]") -> list[T]:
        """What several questions are answered, asked side by side: a slow engine holds up no other. Raises EngineError, the first in
        their order."""
        from swarm_core.engines.errors import EngineError

        async def one(work: "Awaitable[T]") -> "T | EngineError":
            try:
                return await work
            except EngineError as error:
                return error  # raised outside of the group

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(work)) for work in works]
        found: list[T] = []
        for task in tasks:
            if isinstance(answer := task.result(), EngineError):
                raise answer
            found.append(answer)
        return found

    def corrected(self, key: "EngineKey", entry: "Mapping[str, Any]") -> "dict[str, Any]":
        """An entry of a list with the time of its making by our clock."""
        skew_s = self.cluster.engine(key).skew_s
        return {**entry, "Created": int(entry["Created"]) + round(skew_s)} if skew_s else dict(entry)


def run_on_engines(
    ctx: typer.Context,
    engines: str | None,
    only: Sequence[str] | None,
    work: "Callable[[Chosen], Awaitable[T]]",
    *,
    patience_s: float | None = None,
) -> T:
    """Do `work` on the engines that `--engines` and `--engine` choose, when each has been tried, or after `patience_s`."""
    return asyncio.run(_run(globals_of(ctx), engines, only, work, patience_s))


async def _run(
    given: Globals,
    engines: str | None,
    only: Sequence[str] | None,
    work: "Callable[[Chosen], Awaitable[T]]",
    patience_s: float | None,
) -> T:
    from swarm_core.engines.errors import EngineError
    from swarm_core.engines.opening import open_cluster

    from swarm_tui.cli.plumbing.engine_sources import known_engines

    known = await known_engines(engines, given)
    for problem in known.problems:
        say(f"{problem}.", err=True)
    wanted = [name for name in only or () if name != ALL]
    try:
        async with open_cluster(known.entries, known.in_maintenance, deployed_directory()) as opened:
            cluster = opened.cluster
            named = [entry.key for entry in known.entries if entry.key in wanted]
            # What is called by its host name is known by it when it has answered.
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await cluster.settled(named if len(named) == len(wanted) and wanted else None)
            keys = [_key(cluster, name) for name in wanted] or [entry.key for entry in known.entries]
            return await work(Chosen(opened, list(dict.fromkeys(keys)), is_narrowed=bool(wanted)))
    except EngineError as error:
        raise Failure(f"{str(error).rstrip('.')}.") from None


def deployed_directory() -> Path:
    """Where is remembered what was made through us, and how."""
    return state_directory() / "deployed"


def _key(cluster: "EngineCluster", name: str) -> "EngineKey":
    from swarm_core.engines.errors import EngineError

    try:
        return cluster.find.engine(name).key
    except EngineError as error:
        names = ", ".join(record.name for record in cluster.engines())
        raise Failure(f"{error}; known are: {names}.") from None


def need_level(ctx: typer.Context, level: "Level", doing: str) -> None:
    """Raise Failure where less is allowed than `operations.engines.levels` says."""
    globals_of(ctx).need(level, doing)


def hands_on(opened: "Opened", given: "EngineEntry | None" = None) -> "EngineHands":
    """What commands change engines with. `given`: what an engine that is added has besides its name and address."""
    from swarm_tui.cli.plumbing.engine_book import EnginesFile
    from swarm_tui.cli.plumbing.engine_form import DockersFlags
    from swarm_tui.clusters.engine_hands import EngineHands

    return EngineHands(opened, EnginesFile() if given is None else EnginesFile(given), DockersFlags())


def view_of_records(records: "Iterable[Record]", clock: "WallClock") -> "EngineMirror":
    """What plans are made of."""
    from swarm_tui.engines.mirror import EngineMirror, Listed
    from swarm_tui.resources.refs import ClusterId

    mirror = EngineMirror(clock, cluster=ClusterId("engines"))
    mirror.take(Listed(records))
    return mirror
