"""`swarm-tui engine …`: the engines that a person keeps a list of, and one socket for all of them (docs/design/engines.md N9)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from swarm_tui.cli.plumbing.engine_steps import DryOption
from swarm_tui.cli.plumbing.engines import Chosen, EngineOption, EnginesOption, run_on_engines
from swarm_tui.cli.plumbing.nouns import Noun
from swarm_tui.cli.plumbing.output import FilterOption, Format, FormatOption, QuietOption
from swarm_tui.cli.plumbing.session import USAGE, Failure, globals_of

if TYPE_CHECKING:
    from swarm_core.engines.records import EngineRecord

noun = Noun("Many Docker Engines as one: the list of them, and what happens on them.")
NamesArgument = Annotated[list[str], typer.Argument(metavar="ENGINE…")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the engine is called here.")]


@noun.command()
def ls(
    ctx: typer.Context,
    style: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """List the engines, how each stands, and what is wrong with one that does not."""

    async def work(chosen: Chosen) -> None:
        from swarm_tui.cli.plumbing.engine_rows import print_engines

        print_engines(chosen.records, style=style, quiet=quiet)

    run_on_engines(ctx, engines, engine, work)


@noun.command()
def inspect(
    ctx: typer.Context, names: NamesArgument, style: FormatOption = Format.JSON, engines: EnginesOption = None
) -> None:
    """Show everything about engines: how they stand, and what they say of themselves."""

    async def work(chosen: Chosen) -> None:
        from swarm_tui.cli.plumbing.engine_rows import engine_fields, print_whole

        async def ask(record: "EngineRecord") -> dict[str, Any]:
            info = await chosen.api(record.key).get_object("/info") if record.state.is_live else None
            return {**engine_fields(record), "Info": info}

        print_whole(await chosen.together(map(ask, chosen.records)), style)

    run_on_engines(ctx, engines, names, work)


@noun.command()
def add(
    ctx: typer.Context,
    name: NameArgument,
    url: Annotated[
        str, typer.Argument(metavar="URL", help="unix://PATH, tcp://HOST:PORT or ssh://[USER@]HOST.")
    ],
    ca: Annotated[
        str, typer.Option("--tlscacert", help="The authority of its certificate.", metavar="FILE")
    ] = "",
    certificate: Annotated[str, typer.Option("--tlscert", help="Your certificate.", metavar="FILE")] = "",
    key: Annotated[str, typer.Option("--tlskey", help="Your key.", metavar="FILE")] = "",
    no_verify: Annotated[
        bool, typer.Option("--no-tlsverify", help="Believe any certificate of the engine's.")
    ] = False,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="For placement; may be repeated.", metavar="KEY=VALUE")
    ] = None,
    dry_run: DryOption = False,
) -> None:
    """Take an engine into your list."""
    from swarm_core.engines.listed import engines_file, problem_of_entry, read_listed
    from swarm_core.engines.records import EngineEntry
    from swarm_core.specs import notation

    from swarm_tui.cli.plumbing.engine_list import change_list, hands_on_list
    from swarm_tui.cli.plumbing.session import reading
    from swarm_tui.operations.engines import book

    with reading("--label"):
        labels = tuple(notation.pairs(label or ()).items())
    entry = EngineEntry(url, name, labels, ca, certificate, key, not no_verify)
    if problem := problem_of_entry(entry):
        raise Failure(f"The engine {name!r} {problem}.", USAGE)
    listed = read_listed(engines_file())
    if any(one.name == name for one in listed.entries):
        raise Failure(f"There is an engine {name!r} already; 'swarm-tui engine rm {name}' takes it away.")
    change_list(ctx, book.addition(name, url, hands_on_list(entry)), is_dry=dry_run)


@noun.command()
def rm(
    ctx: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME…")],
    dry_run: DryOption = False,
) -> None:
    """Take engines out of your list; they are left alone."""
    from swarm_tui.cli.plumbing.engine_list import change_list, hands_on_list, view_of_list
    from swarm_tui.operations.engines import book

    keys = list(dict.fromkeys(names))
    change_list(ctx, book.removal(view_of_list(keys), keys, hands_on_list()), is_dry=dry_run)


@noun.command()
def maintain(
    ctx: typer.Context,
    name: NameArgument,
    is_off: Annotated[bool, typer.Option("--off", help="Let it take new containers again.")] = False,
    dry_run: DryOption = False,
) -> None:
    """Give an engine no new containers; those that it has run on."""
    from swarm_tui.cli.plumbing.engine_list import change_list, hands_on_list, view_of_list
    from swarm_tui.operations.engines import book

    plan = book.maintenance(view_of_list([name]), [name], hands_on_list(), is_on=not is_off)
    change_list(ctx, plan, is_dry=dry_run)


@noun.command()
def events(
    ctx: typer.Context,
    since: Annotated[
        str | None, typer.Option("--since", help="A time, or an age such as 10m.", metavar="WHEN")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="A time; then the command ends.", metavar="WHEN")
    ] = None,
    filter_: FilterOption = None,
    style: FormatOption = Format.TABLE,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Print what happens on all engines, until interrupted."""
    from swarm_tui.cli.plumbing.engine_rows import filters_of

    wanted = filters_of(filter_)

    async def work(chosen: Chosen) -> None:
        from swarm_tui.cli.plumbing.engine_events import print_events
        from swarm_tui.cli.plumbing.engine_streams import since_s

        now_ns = chosen.now_ns
        span = {
            name: None if text is None else since_s(text, now_ns, f"--{name}")
            for name, text in (("since", since), ("until", until))
        }
        await print_events(chosen, {**span, "filters": wanted}, style)

    run_on_engines(ctx, engines, engine, work)


@noun.command()
def ui(ctx: typer.Context, engines: EnginesOption = None) -> None:
    """Open the dashboard on the engines alone, without any cluster."""
    from swarm_tui.cli.plumbing.ui import open_engines

    open_engines(globals_of(ctx), engines)


@noun.command()
def serve(
    ctx: typer.Context,
    hosts: Annotated[
        list[str] | None,
        typer.Option(
            "--host", "-H", help="Where to listen: unix://PATH, tcp://HOST:PORT, fd://.", metavar="HOST"
        ),
    ] = None,
    group: Annotated[
        str, typer.Option("--group", "-G", help="Who may use the socket besides you.", metavar="NAME")
    ] = "",
    ca: Annotated[
        str,
        typer.Option(
            "--tlscacert", help="Clients must have a certificate of this authority.", metavar="FILE"
        ),
    ] = "",
    certificate: Annotated[
        str, typer.Option("--tlscert", help="What clients are shown.", metavar="FILE")
    ] = "",
    key: Annotated[str, typer.Option("--tlskey", help="Its key.", metavar="FILE")] = "",
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Take whoever reaches a port, without verifying who it is.")
    ] = False,
    strategy: Annotated[
        str, typer.Option("--strategy", help="For new containers: spread, binpack or random.", metavar="WORD")
    ] = "spread",
    overcommit: Annotated[
        float, typer.Option("--overcommit", help="More than an engine has may be reserved.", metavar="SHARE")
    ] = 0.05,
    retries: Annotated[
        int,
        typer.Option(
            "--create-retry",
            help="Make a container on so many other engines, where one fails.",
            metavar="NUMBER",
        ),
    ] = 0,
    watchdog: Annotated[
        bool,
        typer.Option(
            "--watchdog",
            help="Move containers of failed engines that ask for it: reschedule:on-node-failure.",
        ),
    ] = False,
    watchdog_after: Annotated[
        float,
        typer.Option(
            "--watchdog-after", min=0, help="Once the engine was unhealthy for so long.", metavar="SECONDS"
        ),
    ] = 30.0,
    engines: EnginesOption = None,
) -> None:
    """Answer docker's commands over all engines on one socket, until interrupted."""
    from swarm_core.engines.placement.decide import BadPolicy, Policy

    from swarm_tui.cli.plumbing.engine_serve import PATIENCE_S, serve_engines, terms_of
    from swarm_tui.cli.plumbing.engine_sources import sources_of
    from swarm_tui.cli.plumbing.engines import need_level
    from swarm_tui.cli.plumbing.passing import ending_in_order, ending_politely
    from swarm_tui.operations.engines import levels

    need_level(ctx, levels.ANYTHING, "serve engines")
    terms = terms_of(group, certificate, key, ca, insecure=insecure)
    try:
        policy = Policy(strategy, overcommit=overcommit, retries=retries)
    except BadPolicy as error:
        raise Failure(f"{error}.", USAGE) from None

    async def work(chosen: Chosen) -> None:
        chosen.placer.policy = policy
        sources = sources_of(engines, globals_of(ctx), chosen.opened)
        moves_after_s = watchdog_after if watchdog else None
        serving = serve_engines(chosen, sources, hosts or (), terms, moves_after_s=moves_after_s)
        await ending_in_order(serving)

    with ending_politely():
        run_on_engines(ctx, engines, None, work, patience_s=PATIENCE_S)
