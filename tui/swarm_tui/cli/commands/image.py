"""`swarm-tui image …`: images of many engines, with docker's words (docs/design/engines.md N9)."""

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swarm_tui.cli.plumbing.engine_steps import DryOption, Step, carry_out_steps, tell_steps
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
from swarm_tui.operations.docker.engine import docker_words

if TYPE_CHECKING:
    from swarm_core.engines.api import EngineApi
    from swarm_core.engines.records import EngineKey, Image

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
    if not dry_run:
        need_level(ctx, "pull images")
    short = name.rpartition("/")[2]
    tagged = name if ":" in short or "@" in short else f"{name}:{_LATEST}"

    async def work(chosen: Chosen) -> None:
        from swarm_tui.cli.plumbing import registry_auth

        if dry_run:
            tell_steps(
                Step(
                    f"pull {tagged} on {record.name}",
                    way_back=f"taken back by 'image rm --engine {record.name} {tagged}'",
                    docker=docker_words(record, "pull", tagged),
                    refusal="" if record.state.is_live else f"it is {record.word}",
                )
                for record in chosen.records
            )
            return

        headers = {"X-Registry-Auth": registry_auth.encoded(tagged)}

        async def one(key: "EngineKey", api: "EngineApi") -> str:
            return await _pulled(api, tagged, headers)

        for key, text in await chosen.each(one):
            say(f"{chosen.name_of(key)}: {text}")
        chosen.tell_missing()
        if chosen.has_left_out:
            raise Failure(f"{tagged} was not pulled on every engine.")

    run_on_engines(ctx, engines, engine, work)


async def _pulled(api: "EngineApi", name: str, headers: dict[str, str]) -> str:
    """What the engine said last. Raises EngineError."""
    from swarm_core.engines.errors import EngineRefused

    said = "it said nothing"
    lines = api.lines("POST", "/images/create", {"fromImage": name}, headers=headers)
    async with aclosing(lines) as progress:
        async for line in progress:
            told = json.loads(line)
            if error := told.get("error"):
                # The status was sent before it went wrong.
                raise EngineRefused(500, str(error))
            said = str(told.get("status") or said)
    return said


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
    if not dry_run:
        need_level(ctx, "remove images")

    async def work(chosen: Chosen) -> None:
        def plan(name: str) -> list[Step]:
            found = chosen.looked_up(lambda: chosen.cluster.find.images(name, chosen.only))
            query = {"force": force, "noprune": no_prune}
            return [_removal(chosen, one, name, query) for one in found if one.engine in chosen.keys]

        await carry_out_steps(names, plan, is_dry=dry_run)
        chosen.tell_missing()

    run_on_engines(ctx, engines, engine, work)


def _removal(chosen: Chosen, image: "Image", name: str, query: dict[str, bool]) -> Step:
    record = chosen.cluster.engine(image.engine)
    used = [
        one.name
        for one in chosen.cluster.tables.containers.of(record.key).values()
        if one.image_id == image.id
    ]
    flags = [*(["--force"] if query["force"] else []), *(["--no-prune"] if query["noprune"] else [])]

    async def act() -> None:
        done = await chosen.api(record.key).delete(f"/images/{name}", query, timeout=60.0)
        for line in done or ():
            for what, which in line.items():
                say(f"{record.name}: {what}: {which}")

    return Step(
        f"remove image {name} of {record.name}",
        act,
        f"taken back by 'image pull --engine {record.name} {name}', if a registry has it",
        docker_words(record, "rmi", *flags, name),
        f"{', '.join(sorted(used))} {'uses' if len(used) == 1 else 'use'} it; say --force"
        if used and not query["force"]
        else "",
        done="",
    )


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

    if not dry_run:
        need_level(ctx, "remove images")
    wanted = {**(filters_of(filter_) or {}), "dangling": ["false" if all_ else "true"]}
    what = "every image that no container uses" if all_ else "every image without a name"
    if not (force or dry_run) and not typer.confirm(f"Remove {what}?"):
        raise typer.Abort

    async def work(chosen: Chosen) -> None:
        from swarm_tui.resources import format as fmt

        if dry_run:
            await _tell_pruned(chosen, wanted, is_all=all_)
            return

        async def one(key: "EngineKey", api: "EngineApi") -> dict[str, Any]:
            found: dict[str, Any] = await api.post("/images/prune", {"filters": wanted}, timeout=None)
            return found

        for key, told in await chosen.each(one):
            count = sum("Deleted" in line for line in told.get("ImagesDeleted") or ())
            freed = fmt.size(float(told.get("SpaceReclaimed") or 0))
            say(f"{chosen.name_of(key)}: {fmt.plural(count, 'image')} removed, {freed} freed")
        chosen.tell_missing()

    run_on_engines(ctx, engines, engine, work)


async def _tell_pruned(chosen: Chosen, wanted: dict[str, Any], *, is_all: bool) -> None:
    """What would go, engine by engine, and how much that is at most: layers that others share stay. Raises Exit, Failure."""
    from swarm_tui.resources import format as fmt

    if "until" in wanted:
        raise Failure(
            "--dry-run does not foretell --filter until=…; the engine reckons that by its own clock."
        )
    listed = {**{key: value for key, value in wanted.items() if key != "dangling"}}
    if not is_all:
        listed["dangling"] = ["true"]

    async def one(key: "EngineKey", api: "EngineApi") -> list[Any]:
        used = {container.image_id for container in chosen.cluster.tables.containers.of(key).values()}
        found = await api.get_list("/images/json", {"filters": listed or None})
        return [image for image in found if image["Id"] not in used]

    steps = []
    for key, images in await chosen.each(one):
        record = chosen.cluster.engine(key)
        size = fmt.size(float(sum(int(image.get("Size") or 0) for image in images)))
        names = [(image.get("RepoTags") or [image["Id"].removeprefix("sha256:")[:12]])[0] for image in images]
        steps.append(
            Step(
                f"remove {fmt.plural(len(images), 'image')} of {record.name}, {size} at most: {', '.join(names)}",
                docker=docker_words(record, "image", "prune", *(["--all"] if is_all else [])),
                so_already="" if images else f"{record.name} has no image that nobody uses",
            )
        )
    tell_steps(steps)
