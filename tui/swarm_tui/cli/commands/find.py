"""`swarm-tui find KIND TERM…`: the dashboard's filter language on the command line; what it prints are the rows of `ls`."""

from typing import Annotated, Any

import typer
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing.explaining import KINDS
from swarm_tui.cli.plumbing.output import Format, FormatOption, NoTruncOption, QuietOption, print_listing
from swarm_tui.cli.plumbing.session import USAGE, Failure, run
from swarm_tui.cli.plumbing.views import view_of
from swarm_tui.clusters import filters
from swarm_tui.resources import registry
from swarm_tui.resources.events import KIND as EVENTS


def find(
    ctx: typer.Context,
    word: Annotated[str, typer.Argument(metavar="KIND", help="node, service, task, …")],
    terms: Annotated[
        list[str] | None, typer.Argument(metavar="[TERM…]", help="web /re/ state:failed node:w3 age<5m !term")
    ] = None,
    style: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    no_trunc: NoTruncOption = False,
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

    async def work(cluster: Cluster) -> None:
        view = await view_of(
            cluster, *{*([] if kind.is_derived else [kind.message]), *kind.listing_needs, *KINDS}
        )
        now_ns = cluster.clock.wall_ns()
        found: list[Any] = [
            item
            for item in view.objects(kind.message)
            if wanted.matches(filters.reader(kind, item, view, now_ns))
        ]
        found.sort(key=lambda item: kind.sort_keys[kind.default_sort](item, view, now_ns))
        print_listing(kind, found, view, now_ns, style=style, quiet=quiet, no_trunc=no_trunc)

    run(ctx, work)


COMMANDS = {"find": find}
CONTEXT_SETTINGS = {"find": {"ignore_unknown_options": True}}
