"""`swarm-tui find KIND TERM…`: the dashboard's filter language on the command line; what it prints are the rows of `ls`.

With `--until` it waits first, until as many are found as are wanted: scripts wait with it for what a person would watch a list for.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

import typer
from swarm_core.client.cluster import Cluster
from swarm_core.specs.patterns import one_pass

from swarm_tui.cli.plumbing.explaining import KINDS
from swarm_tui.cli.plumbing.live import live
from swarm_tui.cli.plumbing.output import Format, FormatOption, NoTruncOption, QuietOption, print_listing
from swarm_tui.cli.plumbing.session import USAGE, Failure, run
from swarm_tui.cli.plumbing.views import view_of
from swarm_tui.clusters import filters
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Clock
from swarm_tui.resources import registry
from swarm_tui.resources.events import KIND as EVENTS
from swarm_tui.resources.model import ClusterView

_Goal = Callable[[int], bool]
_WORDS: Final[dict[str, _Goal]] = {"none": lambda count: not count, "some": lambda count: count > 0}
_LOOK_AGAIN_S: Final = 1.0


def find(
    ctx: typer.Context,
    word: Annotated[str, typer.Argument(metavar="KIND", help="node, service, task, …")],
    terms: Annotated[
        list[str] | None, typer.Argument(metavar="[TERM…]", help="web /re/ state:failed node:w3 age<5m !term")
    ] = None,
    style: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    no_trunc: NoTruncOption = False,
    until: Annotated[
        str | None,
        typer.Option("--until", help="Wait first, until so many are found.", metavar="none|some|N"),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds to wait at most.", metavar="SECONDS")
    ] = 600.0,
) -> None:
    """List what the terms hold for, in the language of the dashboard's filter line."""
    kind = registry.by_word(word)
    if kind is None or kind is EVENTS:
        known = ", ".join(one.noun for one in registry.kinds() if one is not EVENTS)
        raise Failure(f"{word!r} is no kind of object ({known}).", USAGE)
    try:
        wanted = filters.parse(" ".join(terms or ()), kind.fields)
    except filters.FilterError as error:
        raise Failure(str(error), USAGE) from None

    goal = _goal(until) if until is not None else None

    def found_in(view: ClusterView, now_ns: int) -> list[Any]:
        readers = ((item, filters.reader(kind, item, view, now_ns)) for item in view.objects(kind.message))
        try:
            with one_pass():
                return [item for item, reader in readers if wanted.matches(reader)]
        except filters.FilterError as error:
            raise Failure(str(error), USAGE) from None

    def show(view: ClusterView, now_ns: int) -> None:
        found = found_in(view, now_ns)
        found.sort(key=lambda item: kind.sort_keys[kind.default_sort](item, view, now_ns))
        print_listing(kind, found, view, now_ns, style=style, quiet=quiet, no_trunc=no_trunc)

    async def work(cluster: Cluster) -> None:
        if goal is not None:
            async with live(cluster) as mirror:
                await _reached(mirror, cluster.clock, goal, found_in, timeout)
                show(mirror, cluster.clock.wall_ns())
            return
        kinds = {*([] if kind.is_derived else [kind.message]), *kind.listing_needs, *KINDS}
        show(await view_of(cluster, *kinds), cluster.clock.wall_ns())

    run(ctx, work)


def _goal(text: str) -> _Goal:
    """How many are to be found."""
    if text in _WORDS:
        return _WORDS[text]
    if text.isascii() and text.isdecimal():
        return lambda count: count == int(text)
    raise Failure(f"--until: {text!r} is neither none nor some nor a number.", USAGE)


async def _reached(
    mirror: Mirror,
    clock: Clock,
    goal: _Goal,
    found_in: Callable[[ClusterView, int], Sequence[Any]],
    timeout_s: float,
) -> None:
    """Wait until as many are found. Raises Failure when time is over."""
    changed = asyncio.Event()
    unlisten = mirror.listen(lambda _: changed.set())
    count = 0
    try:
        async with asyncio.timeout(timeout_s):
            while not goal(count := len(found_in(mirror, clock.wall_ns()))):
                changed.clear()
                # What a term says of ages comes true without a change.
                try:
                    async with asyncio.timeout(_LOOK_AGAIN_S):
                        await changed.wait()
                except TimeoutError:
                    continue
    except TimeoutError:
        raise Failure(f"After {timeout_s:g} seconds {count} are found.") from None
    finally:
        unlisten()


COMMANDS = {"find": find}
CONTEXT_SETTINGS = {"find": {"ignore_unknown_options": True}}
