"""`swarm-tui container start|stop|restart|kill|pause|unpause|rm`: changes of containers, each on the engine that has it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from swarm_tui.cli.plumbing.engine_steps import NO_WAY_BACK, DryOption, Step, carry_out_steps
from swarm_tui.cli.plumbing.engines import Chosen, EngineOption, EnginesOption, need_level, run_on_engines
from swarm_tui.operations.docker.engine import docker_words

if TYPE_CHECKING:
    from swarm_core.engines.records import Container

NamesArgument = Annotated[
    list[str], typer.Argument(metavar="CONTAINER…", help="By name, id, or ENGINE/NAME.")
]
SecondsOption = Annotated[
    int | None, typer.Option("--time", "-t", help="Before it is killed.", metavar="SECONDS")
]
_REMOVE_S: Final = 60.0
StepOf = Callable[[Chosen, "Container"], Step]


class _Change:
    """One container of one engine, and what is asked of it."""

    def __init__(self, chosen: Chosen, container: "Container", verb: str) -> None:
        self._chosen, self.container, self._verb = chosen, container, verb
        self.record = chosen.cluster.engine(container.engine)
        self.place = f"{self.record.name}/{container.name}"

    def step(
        self,
        query: dict[str, str | int | bool | None] | None = None,
        *,
        back: str = "",
        words: tuple[str, ...] = (),
        refusal: str = "",
        so_already: str = "",
    ) -> Step:
        """By the engine's call of the same name. `back` is the command that takes it back."""

        async def act() -> None:
            path = f"/containers/{self.container.id}/{self._verb}"
            await self._chosen.api(self.container.engine).post(path, query, timeout=None)

        return Step(
            f"{self._verb} container {self.container.name} on {self.record.name}",
            act,
            f"taken back by 'container {back} {self.place}'" if back else NO_WAY_BACK,
            docker_words(self.record, self._verb, *words, self.container.name),
            refusal,
            f"container {self.container.name} on {self.record.name} {so_already}" if so_already else "",
        )


def _changed(
    ctx: typer.Context,
    names: list[str],
    verb: str,
    step_of: Callable[[_Change], Step],
    where: tuple[str | None, list[str] | None],
    *,
    is_dry: bool,
) -> None:
    """Do it, or tell it, for each name. `where` is `--engines` and `--engine`."""
    if not is_dry:
        need_level(ctx, f"{verb} containers")

    async def work(chosen: Chosen) -> None:
        def plan(name: str) -> Step:
            return step_of(_Change(chosen, chosen.container(name), verb))

        await carry_out_steps(names, plan, is_dry=is_dry)

    run_on_engines(ctx, *where, work)


def start(
    ctx: typer.Context,
    names: NamesArgument,
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Start containers that have ended, or were never started."""

    def step(one: _Change) -> Step:
        runs = one.container.is_running
        return one.step(back="stop", so_already="runs already" if runs else "")

    _changed(ctx, names, "start", step, (engines, engine), is_dry=dry_run)


def stop(
    ctx: typer.Context,
    names: NamesArgument,
    seconds: SecondsOption = None,
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Stop containers."""

    def step(one: _Change) -> Step:
        runs = one.container.is_running
        return one.step(
            {"t": seconds}, back="start", words=_time(seconds), so_already="" if runs else "does not run"
        )

    _changed(ctx, names, "stop", step, (engines, engine), is_dry=dry_run)


def restart(
    ctx: typer.Context,
    names: NamesArgument,
    seconds: SecondsOption = None,
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Stop containers and start them again; those that do not run are started."""

    def step(one: _Change) -> Step:
        return one.step({"t": seconds}, words=_time(seconds))

    _changed(ctx, names, "restart", step, (engines, engine), is_dry=dry_run)


def kill(
    ctx: typer.Context,
    names: NamesArgument,
    signal: Annotated[str, typer.Option("--signal", "-s", help="The signal.", metavar="NAME")] = "KILL",
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Send containers a signal."""

    def step(one: _Change) -> Step:
        words = () if signal == "KILL" else ("--signal", signal)
        runs = one.container.is_running
        return one.step(
            {"signal": signal}, back="start", words=words, refusal="" if runs else "it does not run"
        )

    _changed(ctx, names, "kill", step, (engines, engine), is_dry=dry_run)


def pause(
    ctx: typer.Context,
    names: NamesArgument,
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Let containers do nothing until they are unpaused."""

    def step(one: _Change) -> Step:
        runs = one.container.state == "running"
        return one.step(back="unpause", refusal="" if runs else f"it is {one.container.state}")

    _changed(ctx, names, "pause", step, (engines, engine), is_dry=dry_run)


def unpause(
    ctx: typer.Context,
    names: NamesArgument,
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Let containers that were paused go on."""

    def step(one: _Change) -> Step:
        is_paused = one.container.state == "paused"
        return one.step(back="pause", refusal="" if is_paused else "it is not paused")

    _changed(ctx, names, "unpause", step, (engines, engine), is_dry=dry_run)


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
    if not dry_run:
        need_level(ctx, "remove containers")

    async def work(chosen: Chosen) -> None:
        await carry_out_steps(
            names, lambda name: _removal(chosen, name, force=force, volumes=volumes), is_dry=dry_run
        )

    run_on_engines(ctx, engines, engine, work)


def _removal(chosen: Chosen, name: str, *, force: bool, volumes: bool) -> Step:
    from swarm_tui.cli.plumbing.session import Failure

    container = chosen.container(name)
    if service := container.labels.get("com.docker.swarm.service.name"):
        raise Failure(f"{name} belongs to the service {service}; remove or scale that instead.")
    record = chosen.cluster.engine(container.engine)
    flags = [*(["--force"] if force else []), *(["--volumes"] if volumes else [])]
    return Step(
        f"remove container {container.name} of {record.name}{' with its nameless volumes' if volumes else ''}",
        lambda: chosen.placer.destroy(container, force=force, volumes=volumes),
        docker=docker_words(record, "rm", *flags, container.name),
        refusal="it runs; stop it first, or say --force" if container.is_running and not force else "",
    )


def _time(seconds: int | None) -> tuple[str, ...]:
    return () if seconds is None else ("--time", str(seconds))


COMMANDS: Final = {
    "start": start, "stop": stop, "restart": restart, "kill": kill, "pause": pause, "unpause": unpause, "rm": rm,
}  # fmt: skip
