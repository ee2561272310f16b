"""`volume` and `network` with `--engine`: those of engines instead of the cluster's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import typer

from swarm_tui.cli.plumbing.engine_rows import (
    NETWORKS,
    VOLUMES,
    Table,
    filters_of,
    print_entries,
    print_whole,
)
from swarm_tui.cli.plumbing.engine_steps import carry_out_each, on_each_engine
from swarm_tui.cli.plumbing.engines import Chosen, need_level, run_on_engines
from swarm_tui.cli.plumbing.output import Format
from swarm_tui.cli.plumbing.session import USAGE, Failure

if TYPE_CHECKING:
    from swarm_core.engines.api import EngineApi
    from swarm_core.engines.records import EngineKey

    from swarm_tui.operations.model import Plan


@dataclass(frozen=True, slots=True)
class Place:
    """The options that say which engines: `--engine`, `--engines`."""

    ctx: typer.Context
    only: Sequence[str]
    engines: str | None


@dataclass(frozen=True, slots=True)
class Objects:
    """One kind. `path` is where its objects are, `entries` gets them out of the answer to a list."""

    noun: str
    path: str
    table: Table
    entries: Callable[[Any], list[dict[str, Any]]]
    find: str
    """The look-up's method."""
    kind: str
    """What its kind is called where engines are looked at."""

    def ls(self, place: Place, filter_: Sequence[str] | None, style: Format, *, quiet: bool) -> None:
        """List them, engine by engine."""
        wanted = filters_of(filter_)

        async def work(chosen: Chosen) -> None:
            async def ask(key: "EngineKey", api: "EngineApi") -> list[dict[str, Any]]:
                return self.entries(await api.get(self.path, {"filters": wanted}))

            answers = await chosen.each(ask)
            rows = [(chosen.name_of(key), entry) for key, entries in answers for entry in entries]
            print_entries(self.table, rows, chosen.now_ns, style=style, quiet=quiet)
            chosen.tell_missing()

        run_on_engines(place.ctx, place.engines, place.only, work)

    def inspect(self, place: Place, names: Sequence[str], style: Format) -> None:
        """Print them as their engines tell them, and which engines these are."""

        async def work(chosen: Chosen) -> None:
            async def ask(record: Any) -> dict[str, Any]:
                whole = await chosen.api(record.engine).get_object(f"{self.path}/{record.id}")
                return {"Engine": chosen.name_of(record.engine), **whole}

            found = [self._found(chosen, name) for name in names]
            print_whole(await chosen.together(map(ask, found)), style)

        run_on_engines(place.ctx, place.engines, place.only, work)

    def rm(self, place: Place, names: Sequence[str], *, force: bool = False, is_dry: bool) -> None:
        """Remove them from the engines that have them."""
        from swarm_tui.operations.engines import levels, objects
        from swarm_tui.resources.engines.items import item_id

        if not is_dry:
            need_level(place.ctx, levels.REMOVE, f"remove {self.noun}s of engines")

        async def work(chosen: Chosen) -> None:
            def find(name: str) -> list[str]:
                found = self._found(chosen, name)
                return [item_id(found.engine, found.id)]

            def plan(ids: Sequence[str]) -> "Plan":
                asked = objects.Asked(force=force)
                return objects.removal(chosen.view, self.kind, ids, chosen.hands, asked)

            await carry_out_each(names, find, plan, is_dry=is_dry)

        run_on_engines(place.ctx, place.engines, place.only, work)

    def create(self, place: Place, body: Mapping[str, Any], *, is_dry: bool) -> None:
        """Make one on each engine that is named."""
        from swarm_tui.operations.engines import levels, making

        if not is_dry:
            need_level(place.ctx, levels.MAKE, f"create {self.noun}s on engines")

        async def work(chosen: Chosen) -> None:
            def plan(keys: Sequence[str]) -> "Plan":
                return making.creation(chosen.view, self.noun, keys, body, chosen.hands)

            await on_each_engine(chosen, plan, is_dry=is_dry)

        run_on_engines(place.ctx, place.engines, place.only, work)

    def _found(self, chosen: Chosen, name: str) -> Any:
        look_up = getattr(chosen.cluster.find, self.find)
        return chosen.looked_up(lambda: look_up(name, chosen.only))


ON_VOLUMES: Final = Objects(
    "volume",
    "/volumes",
    VOLUMES,
    lambda answer: list(answer.get("Volumes") or ()),
    "volume",
    "engine-volume",
)
ON_NETWORKS: Final = Objects("network", "/networks", NETWORKS, list, "network", "engine-network")


def refuse_cluster_flags(given: Mapping[str, object]) -> None:
    """Raise Failure for flags that mean something for the cluster's objects alone."""
    if used := [flag for flag, value in given.items() if value]:
        raise Failure(
            f"{used[0]} is for the cluster's objects, and --engine says that one of an engine is meant.",
            USAGE,
        )


ON: Final = {one.noun: one for one in (ON_VOLUMES, ON_NETWORKS)}
