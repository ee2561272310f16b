"""`swarm-tui container …`: containers of many engines, with docker's words (docs/design/engines.md N9)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from swarm_tui.cli.plumbing.engine_steps import DryOption
from swarm_tui.cli.plumbing.engines import (
    Chosen,
    EngineOption,
    EnginesOption,
    need_level,
    run_on_engines,
)
from swarm_tui.cli.plumbing.nouns import Noun
from swarm_tui.cli.plumbing.output import (
    FilterOption,
    Format,
    FormatOption,
    NoTruncOption,
    QuietOption,
    print_table,
)
from swarm_tui.cli.plumbing.session import USAGE, Failure

if TYPE_CHECKING:
    from swarm_core.engines.records import Container, EngineKey

noun = Noun("See and change containers of many engines.")
NamesArgument = Annotated[
    list[str], typer.Argument(metavar="CONTAINER…", help="By name, id, or ENGINE/NAME.")
]
NameArgument = Annotated[str, typer.Argument(metavar="CONTAINER", help="By name, id, or ENGINE/NAME.")]
Word = str | None
Words = list[str] | None


@noun.command()
def ls(
    ctx: typer.Context,
    all_: Annotated[bool, typer.Option("--all", "-a", help="Also those that do not run.")] = False,
    filter_: FilterOption = None,
    style: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    no_trunc: NoTruncOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """List containers that run; with --all every one."""
    from swarm_tui.cli.plumbing.engine_rows import filters_of

    wanted = filters_of(filter_)

    async def work(chosen: Chosen) -> None:
        from swarm_tui.cli.plumbing.engine_rows import CONTAINERS, print_entries

        async def ask(key: "EngineKey", api: Any) -> list[Any]:
            found: list[Any] = await api.get_list("/containers/json", {"all": all_, "filters": wanted})
            return found

        answers = await chosen.each(ask)
        rows = [
            (chosen.name_of(key), chosen.corrected(key, entry))
            for key, entries in answers
            for entry in entries
        ]
        print_entries(CONTAINERS, rows, chosen.now_ns, style=style, quiet=quiet, no_trunc=no_trunc)
        chosen.tell_missing()

    run_on_engines(ctx, engines, engine, work)


@noun.command(context_settings={"allow_interspersed_args": False})
def run(
    ctx: typer.Context,
    image: Annotated[str, typer.Argument(metavar="IMAGE")],
    command: Annotated[Words, typer.Argument(metavar="[COMMAND…]", help="Instead of the image's.")] = None,
    name: Annotated[str, typer.Option("--name", help="Free on all engines.", metavar="NAME")] = "",
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Print its id and leave it alone.")] = False,
    interactive: Annotated[bool, typer.Option("--interactive", "-i", help="Pass standard input on.")] = False,
    tty: Annotated[bool, typer.Option("--tty", "-t", help="Give it a terminal.")] = False,
    rm: Annotated[bool, typer.Option("--rm", help="Remove it at its end.")] = False,
    env: Annotated[Words, typer.Option("--env", "-e", help="A variable.", metavar="NAME=VALUE")] = None,
    label: Annotated[Words, typer.Option("--label", "-l", help="A label.", metavar="KEY=VALUE")] = None,
    publish: Annotated[
        Words, typer.Option("--publish", "-p", help="A port.", metavar="[[IP:]PORT:]PORT[/PROTOCOL]")
    ] = None,
    volume: Annotated[
        Words, typer.Option("--volume", "-v", help="A volume or a directory.", metavar="[SOURCE:]PATH[:ro]")
    ] = None,
    network: Annotated[
        str, typer.Option("--network", help="Instead of the engine's own.", metavar="NAME")
    ] = "",
    memory: Annotated[str, typer.Option("--memory", "-m", help="At most.", metavar="SIZE")] = "",
    cpus: Annotated[str, typer.Option("--cpus", help="At most.", metavar="NUMBER")] = "",
    restart: Annotated[
        str, typer.Option("--restart", help="no, always, unless-stopped, on-failure[:N].", metavar="WORD")
    ] = "no",
    entrypoint: Annotated[
        Word, typer.Option("--entrypoint", help="Instead of the image's.", metavar="PROGRAM")
    ] = None,
    user: Annotated[
        str, typer.Option("--user", "-u", help="Instead of the image's.", metavar="USER[:GROUP]")
    ] = "",
    workdir: Annotated[
        str, typer.Option("--workdir", "-w", help="Instead of the image's.", metavar="DIR")
    ] = "",
    hostname: Annotated[str, typer.Option("--hostname", help="Instead of its id.", metavar="NAME")] = "",
    privileged: Annotated[
        bool, typer.Option("--privileged", help="All that the engine's machine may.")
    ] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="It writes to volumes alone.")] = False,
    constraint: Annotated[
        Words,
        typer.Option(
            "--constraint", help="Engines that may have it: storage==ssd, node!=h1.", metavar="EXPRESSION"
        ),
    ] = None,
    affinity: Annotated[
        Words,
        typer.Option("--affinity", help="Beside what: container==db, image==~redis.", metavar="EXPRESSION"),
    ] = None,
    strategy: Annotated[
        str, typer.Option("--strategy", help="spread, binpack or random.", metavar="WORD")
    ] = "spread",
    reschedule: Annotated[
        str,
        typer.Option(
            "--reschedule", help="on-node-failure: made anew where its engine fails.", metavar="WORD"
        ),
    ] = "",
    why: Annotated[
        bool, typer.Option("--why", help="Only say which engine, and what leaves the others out.")
    ] = False,
    platform: Annotated[
        str, typer.Option("--platform", help="Of the image, and of the engine.", metavar="OS/ARCH")
    ] = "",
    retries: Annotated[
        int,
        typer.Option(
            "--create-retry", min=0, help="On so many other engines, where one fails.", metavar="NUMBER"
        ),
    ] = 0,
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Run a container on the engine that suits it best; the exit code is the container's."""
    from swarm_core.engines.placement.decide import BadPolicy, Policy

    from swarm_tui.cli.plumbing.run_body import Flags, body_of
    from swarm_tui.operations.engines import levels

    if not (why or dry_run):
        need_level(ctx, levels.MAKE, "run containers")
    words = list(command or ())
    flags = Flags(
        image, words[1:] if words[:1] == ["--"] else words, env or (), label or (), publish or (), volume or (),
        constraint or (), affinity or (), network, memory, cpus, restart, entrypoint, user, workdir, hostname, reschedule,
        rm, interactive, tty, detach, privileged, read_only,
    )  # fmt: skip
    body = body_of(flags)
    try:
        policy = Policy(strategy, retries=retries)
    except BadPolicy as error:
        raise Failure(f"--strategy: {error}.", USAGE) from None

    async def work(chosen: Chosen) -> int:
        from swarm_tui.cli.plumbing import engine_run

        wanted = engine_run.Wanted(name, body, policy, platform)
        if why or dry_run:
            await engine_run.explain(chosen, wanted, is_dry=dry_run)
            return 0
        return await engine_run.run(chosen, wanted, is_detached=detach)

    raise typer.Exit(run_on_engines(ctx, engines, engine, work))


@noun.command()
def inspect(
    ctx: typer.Context,
    names: NamesArgument,
    style: FormatOption = Format.JSON,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Show everything about containers, as their engines tell it, and which engine that is."""

    async def work(chosen: Chosen) -> None:
        from swarm_tui.cli.plumbing.engine_rows import print_whole

        async def ask(container: "Container") -> dict[str, Any]:
            whole = await chosen.api(container.engine).get_object(f"/containers/{container.id}/json")
            return {"Engine": chosen.name_of(container.engine), **whole}

        containers = [chosen.container(name) for name in names]
        print_whole(await chosen.together(map(ask, containers)), style)

    run_on_engines(ctx, engines, engine, work)


for _name, _summary in (
    ("start", "Start containers that have ended, or were never started."),
    ("stop", "Stop containers."),
    ("restart", "Stop containers and start them again."),
    ("kill", "Send containers a signal."),
    ("pause", "Let containers do nothing until they are unpaused."),
    ("unpause", "Let containers that were paused go on."),
    ("rm", "Remove containers."),
):
    noun.elsewhere(_name, "container_changes", _summary)


@noun.command()
def top(
    ctx: typer.Context, name: NameArgument, engine: EngineOption = None, engines: EnginesOption = None
) -> None:
    """Show the processes of a container."""

    async def work(chosen: Chosen) -> None:
        container = chosen.container(name)
        told = await chosen.api(container.engine).get_object(f"/containers/{container.id}/top")
        print_table(
            [str(title) for title in told["Titles"]], [list(map(str, row)) for row in told["Processes"]]
        )

    run_on_engines(ctx, engines, engine, work)


@noun.command()
def logs(
    ctx: typer.Context,
    name: NameArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines.")] = False,
    tail: Annotated[str, typer.Option("--tail", "-n", help="Lines from the end, or all.")] = "all",
    since: Annotated[
        Word, typer.Option("--since", help="A time, or an age such as 10m.", metavar="WHEN")
    ] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="Show when.")] = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Print what a container said."""
    if tail != "all" and not tail.isdecimal():
        raise Failure(f"--tail needs a number or 'all', not {tail!r}.", USAGE)

    async def work(chosen: Chosen) -> None:
        from swarm_tui.cli.plumbing.engine_streams import print_logs, since_s

        container = chosen.container(name)
        query: dict[str, str | int | bool | None] = {
            "stdout": True, "stderr": True, "follow": follow, "tail": tail, "timestamps": timestamps,
            "since": None if since is None else since_s(since, chosen.now_ns),
        }  # fmt: skip
        await print_logs(chosen.api(container.engine), container.id, query)

    run_on_engines(ctx, engines, engine, work)


@noun.command(context_settings={"allow_interspersed_args": False})
def exec(  # noqa: A001 - the command's name
    ctx: typer.Context,
    name: NameArgument,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND…]", help="sh, if none is given.")
    ] = None,
    interactive: Annotated[bool, typer.Option("--interactive", "-i", help="Pass standard input on.")] = False,
    terminal: Annotated[bool, typer.Option("--tty", "-t", help="Give the command a terminal.")] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Leave it alone once it runs.")] = False,
    user: Annotated[
        str, typer.Option("--user", "-u", help="Instead of the container's.", metavar="USER[:GROUP]")
    ] = "",
    directory: Annotated[
        str, typer.Option("--workdir", "-w", help="Instead of the container's.", metavar="DIR")
    ] = "",
    env: Annotated[
        list[str] | None, typer.Option("--env", "-e", help="A variable.", metavar="NAME=VALUE")
    ] = None,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Run a command in a container; the exit code is the command's."""
    from swarm_tui.operations.engines import levels

    need_level(ctx, levels.ANYTHING, "run commands in containers")
    words = command or ["sh"]
    if words[0] == "--":
        words = words[1:]
    body = {
        "Cmd": words, "AttachStdin": interactive, "AttachStdout": not detach, "AttachStderr": not detach,
        "Tty": terminal, "User": user, "WorkingDir": directory, "Env": env or [],
    }  # fmt: skip

    async def work(chosen: Chosen) -> int:
        from swarm_tui.cli.plumbing.engine_streams import run_inside

        container = chosen.container(name)
        return await run_inside(chosen.api(container.engine), container.id, body, is_detached=detach)

    raise typer.Exit(run_on_engines(ctx, engines, engine, work))
