"""`swarm-tui container start|stop|restart|kill|pause|unpause|rm`: changes of containers, each on the engine that has it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from swarm_tui.cli.plumbing.engine_steps import DryOption, carry_out_each
from swarm_tui.cli.plumbing.engines import Chosen, EngineOption, EnginesOption, need_level, run_on_engines

if TYPE_CHECKING:
    from swarm_tui.operations.model import Plan

NamesArgument = Annotated[
    list[str], typer.Argument(metavar="CONTAINER…", help="By name, id, or ENGINE/NAME.")
]
SecondsOption = Annotated[
    int | None, typer.Option("--time", "--timeout", "-t", help="Before it is killed.", metavar="SECONDS")
]
_KILL: Final = "KILL"
Where = tuple[str | None, list[str] | None]
"""`--engines` and `--engine`."""


def _turned(
    ctx: typer.Context,
    names: list[str],
    word: str,
    where: Where,
    *,
    is_dry: bool,
    seconds: int | None = None,
    signal: str = "",
) -> None:
    """Have them go on so, or tell it, each name for itself."""
    from swarm_tui.operations.engines import containers, levels

    if not is_dry:
        need_level(ctx, levels.TURN, f"{word} containers")
    asked = containers.Asked(seconds, signal)

    async def work(chosen: Chosen) -> None:
        def plan(ids: Sequence[str]) -> "Plan":
            return containers.turned(chosen.view, ids, word, chosen.hands, asked)

        await carry_out_each(names, lambda name: _ids(chosen, name), plan, is_dry=is_dry)

    run_on_engines(ctx, *where, work)


def _ids(chosen: Chosen, name: str) -> list[str]:
    from swarm_tui.resources.engines.items import item_id

    container = chosen.container(name)
    return [item_id(container.engine, container.id)]


def start(
    ctx: typer.Context,
    names: NamesArgument,
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Start containers that have ended, or were never started."""
    _turned(ctx, names, "start", (engines, engine), is_dry=dry_run)


def stop(
    ctx: typer.Context,
    names: NamesArgument,
    seconds: SecondsOption = None,
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Stop containers."""
    _turned(ctx, names, "stop", (engines, engine), is_dry=dry_run, seconds=seconds)


def restart(
    ctx: typer.Context,
    names: NamesArgument,
    seconds: SecondsOption = None,
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Stop containers and start them again; those that do not run are started."""
    _turned(ctx, names, "restart", (engines, engine), is_dry=dry_run, seconds=seconds)


def kill(
    ctx: typer.Context,
    names: NamesArgument,
    signal: Annotated[str, typer.Option("--signal", "-s", help="The signal.", metavar="NAME")] = _KILL,
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Send containers a signal."""
    sent = "" if signal == _KILL else signal
    _turned(ctx, names, "kill", (engines, engine), is_dry=dry_run, signal=sent)


def pause(
    ctx: typer.Context,
    names: NamesArgument,
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Let containers do nothing until they are unpaused."""
    _turned(ctx, names, "pause", (engines, engine), is_dry=dry_run)


def unpause(
    ctx: typer.Context,
    names: NamesArgument,
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Let containers that were paused go on."""
    _turned(ctx, names, "unpause", (engines, engine), is_dry=dry_run)


def rm(
    ctx: typer.Context,
    names: NamesArgument,
    force: Annotated[bool, typer.Option("--force", "-f", help="Also those that run.")] = False,
    volumes: Annotated[
        bool, typer.Option("--volumes", "-v", help="With the nameless volumes that are theirs alone.")
    ] = False,
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Remove containers; what belongs to a service's task is left to the service."""
    from swarm_tui.operations.engines import containers, levels

    if not dry_run:
        need_level(ctx, levels.REMOVE, "remove containers")

    async def work(chosen: Chosen) -> None:
        def plan(ids: Sequence[str]) -> "Plan":
            return containers.removal(chosen.view, ids, chosen.hands, force=force, volumes=volumes)

        await carry_out_each(names, lambda name: _ids(chosen, name), plan, is_dry=dry_run)

    run_on_engines(ctx, engines, engine, work)


COMMANDS: Final = {
    "start": start, "stop": stop, "restart": restart, "kill": kill, "pause": pause, "unpause": unpause, "rm": rm,
}  # fmt: skip
