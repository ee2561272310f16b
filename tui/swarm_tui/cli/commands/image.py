"""`swarm-tui image …`: images of many engines, with docker's words (docs/design/engines.md N9)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swarm_tui.cli.plumbing.engine_steps import (
    DryOption,
    carry_out,
    carry_out_each,
    on_each_engine,
    tell_plan,
)
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
)
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import Failure

if TYPE_CHECKING:
    from swarm_core.engines.api import EngineApi
    from swarm_core.engines.records import EngineKey, EngineRecord

    from swarm_tui.operations.engines.prune import Narrowed
    from swarm_tui.operations.model import Plan

noun = Noun("See and change images of many engines.")
_LATEST = "latest"


@noun.command()
def ls(
    ctx: typer.Context,
    all_: Annotated[bool, typer.Option("--all", "-a", help="Also the layers between.")] = False,
    filter_: FilterOption = None,
    style: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    no_trunc: NoTruncOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """List images, once for each engine that has them."""
    from swarm_tui.cli.plumbing.engine_rows import filters_of

    wanted = filters_of(filter_)

    async def work(chosen: Chosen) -> None:
        from swarm_tui.cli.plumbing.engine_rows import IMAGES, image_lines, print_entries

        async def ask(key: "EngineKey", api: "EngineApi") -> list[Any]:
            return await api.get_list("/images/json", {"all": all_, "filters": wanted})

        answers = await chosen.each(ask)
        rows = [
            (chosen.name_of(key), line)
            for key, entries in answers
            for entry in entries
            for line in image_lines(chosen.corrected(key, entry))
        ]
        print_entries(IMAGES, rows, chosen.now_ns, style=style, quiet=quiet, no_trunc=no_trunc)
        chosen.tell_missing()

    run_on_engines(ctx, engines, engine, work)


@noun.command()
def pull(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="IMAGE", help="A name, with a tag or a digest.")],
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Pull an image on every engine, or on those that are named; what one says is the last line of its progress."""
    from swarm_tui.operations.engines import levels, making

    if not dry_run:
        need_level(ctx, levels.MAKE, "pull images")
    short = name.rpartition("/")[2]
    tagged = name if ":" in short or "@" in short else f"{name}:{_LATEST}"

    async def work(chosen: Chosen) -> None:
        from swarm_tui.cli.plumbing import registry_auth

        headers = {} if dry_run else {"X-Registry-Auth": registry_auth.encoded(tagged)}

        def plan(keys: Sequence[str]) -> "Plan":
            return making.pulling(chosen.view, keys, tagged, headers, chosen.hands)

        await on_each_engine(chosen, plan, is_dry=dry_run)

    run_on_engines(ctx, engines, engine, work)


@noun.command()
def rm(
    ctx: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="IMAGE…")],
    force: Annotated[bool, typer.Option("--force", "-f", help="Also what has several names.")] = False,
    no_prune: Annotated[bool, typer.Option("--no-prune", help="Leave nameless parents.")] = False,
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Remove images on every engine that has them, or on those that are named."""
    from swarm_tui.operations.engines import levels

    if not dry_run:
        need_level(ctx, levels.REMOVE, "remove images")

    async def work(chosen: Chosen) -> None:
        from swarm_tui.resources.engines.items import item_id

        def find(name: str) -> list[tuple[str, str]]:
            found = chosen.looked_up(lambda: chosen.cluster.find.images(name, chosen.only))
            return [(name, item_id(one.engine, one.id)) for one in found if one.engine in chosen.keys]

        def plan(wanted: Sequence[tuple[str, str]]) -> "Plan":
            return _removal(chosen, wanted, force=force, no_prune=no_prune)

        await carry_out_each(names, find, plan, is_dry=dry_run, said=lambda name, outcome: "")
        chosen.tell_missing()

    run_on_engines(ctx, engines, engine, work)


def _removal(chosen: Chosen, wanted: "Sequence[tuple[str, str]]", *, force: bool, no_prune: bool) -> "Plan":
    """Each by the name that was typed, which is all that goes where the image has another."""
    from swarm_tui.operations.engines import objects
    from swarm_tui.operations.model import joined
    from swarm_tui.resources import format as fmt
    from swarm_tui.resources.engines import images

    def hear(record: "EngineRecord | None", told: Any) -> None:
        for line in told or ():
            for what, which in line.items():
                say(f"{record.name if record is not None else ''}: {what}: {which}")

    plans = [
        objects.removal(
            chosen.view,
            images.NOUN,
            [id_],
            chosen.hands,
            objects.Asked(name, force=force, keeps_parents=no_prune, hear=hear),
        )
        for name, id_ in wanted
    ]
    title = plans[0].title if len(plans) == 1 else f"Remove {fmt.plural(len(plans), 'image')}"
    return joined(title, plans)


@noun.command()
def prune(
    ctx: typer.Context,
    all_: Annotated[
        bool, typer.Option("--all", "-a", help="All that no container uses, not only the nameless.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Ask nothing.")] = False,
    filter_: Annotated[
        list[str] | None, typer.Option("--filter", help="Only what matches.", metavar="KEY=VALUE")
    ] = None,
    dry_run: DryOption = False,
    engine: EngineOption = None,
    engines: EnginesOption = None,
) -> None:
    """Remove images that nobody uses, on every engine or on those that are named."""
    from swarm_tui.cli.plumbing.engine_rows import filters_of
    from swarm_tui.operations.engines import levels
    from swarm_tui.operations.engines import prune as pruning

    if not dry_run:
        need_level(ctx, levels.REMOVE, "remove images")
    which = pruning.UNUSED_IMAGES if all_ else pruning.NAMELESS_IMAGES
    wanted = filters_of(filter_) or {}
    if dry_run and "until" in wanted:
        raise Failure(
            "--dry-run does not foretell --filter until=…; the engine reckons that by its own clock."
        )
    if not (force or dry_run) and not typer.confirm(f"Remove {which.what}?"):
        raise typer.Abort

    async def work(chosen: Chosen) -> None:
        narrowed = await _narrowed(chosen, wanted) if wanted else None

        def plan(keys: Sequence[str]) -> "Plan":
            return pruning.prune(chosen.view, which, keys, chosen.hands, narrowed)

        live = [record for record in chosen.records if record.state.is_live]
        going = {step.name for step in plan([record.key for record in live]).steps} if live else set()
        for record in live:
            if record.name not in going:
                is_so = f"{record.name} has no image that nobody uses"
                say(f"Nothing would change: {is_so}." if dry_run else f"{is_so}.")
        keys = [record.key for record in live if record.name in going]
        if dry_run and keys:
            await tell_plan(plan(keys))
        elif keys:
            await carry_out(plan(keys), lambda outcome: f"{outcome.name}: {outcome.detail}")
        chosen.tell_missing()

    run_on_engines(ctx, engines, engine, work)


async def _narrowed(chosen: Chosen, wanted: "Mapping[str, list[str]]") -> "Narrowed":
    """What filters leave, as the engines themselves say; only they know the time by their own clock."""
    from swarm_tui.operations.engines.prune import Narrowed
    from swarm_tui.resources.engines.items import item_id

    if "until" in wanted:
        return Narrowed(wanted, None)

    async def ask(key: "EngineKey", api: "EngineApi") -> list[Any]:
        return await api.get_list("/images/json", {"filters": wanted})

    answers = await chosen.each(ask)
    return Narrowed(wanted, {item_id(key, str(one["Id"])) for key, images in answers for one in images})
