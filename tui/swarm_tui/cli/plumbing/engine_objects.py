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
from swarm_tui.cli.plumbing.engine_steps import Step, carry_out_steps, tell_steps
from swarm_tui.cli.plumbing.engines import Chosen, need_level, run_on_engines
from swarm_tui.cli.plumbing.output import Format
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure
from swarm_tui.operations.docker.engine import docker_words

if TYPE_CHECKING:
    from swarm_core.engines.api import EngineApi
    from swarm_core.engines.records import EngineKey, EngineRecord, Network, Volume
    from swarm_core.engines.tables import Table as Rows
    from swarm_core.engines.tables import Tables


@dataclass(frozen=True, slots=True)
class Place:
    """The options that say which engines: `--engine`, `--engines`."""

    ctx: typer.Context
    only: Sequence[str]
    engines: str | None


@dataclass(frozen=True, slots=True)
class Objects:
    """One kind. `path` is where its objects are, `entries` gets them out of the answer to a list, `rows` are those that are known."""

    noun: str
    path: str
    table: Table
    entries: Callable[[Any], list[dict[str, Any]]]
    find: str
    """The look-up's method."""
    rows: Callable[["Tables"], "Rows[Volume] | Rows[Network]"]

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
            found = []
            for name in names:
                record = self._found(chosen, name)
                whole = await chosen.api(record.engine).get_object(f"{self.path}/{record.id}")
                found.append({"Engine": chosen.name_of(record.engine), **whole})
            print_whole(found, style)

        run_on_engines(place.ctx, place.engines, place.only, work)

    def rm(self, place: Place, names: Sequence[str], *, force: bool = False, is_dry: bool) -> None:
        """Remove them from the engines that have them."""
        if not is_dry:
            need_level(place.ctx, f"remove {self.noun}s of engines")

        async def work(chosen: Chosen) -> None:
            def plan(name: str) -> Step:
                found = self._found(chosen, name)
                record = chosen.cluster.engine(found.engine)
                return Step(
                    f"remove {self.noun} {found.name} of {record.name}",
                    lambda: chosen.api(record.key).delete(
                        f"{self.path}/{found.id}", {"force": True} if force else None
                    ),
                    docker=docker_words(record, self.noun, "rm", *(["--force"] if force else []), found.name),
                )

            await carry_out_steps(names, plan, is_dry=is_dry)

        run_on_engines(place.ctx, place.engines, place.only, work)

    def create(self, place: Place, body: Mapping[str, Any], *, is_dry: bool) -> None:
        """Make one on each engine that is named."""
        if not is_dry:
            need_level(place.ctx, f"create {self.noun}s on engines")

        async def work(chosen: Chosen) -> None:
            if is_dry:
                tell_steps(self._creation(chosen, record, body) for record in chosen.records)
                return

            async def one(key: "EngineKey", api: "EngineApi") -> Any:
                return await api.post(f"{self.path}/create", body=dict(body), timeout=60.0)

            for key, made in await chosen.each(one):
                say(f"{chosen.name_of(key)}: {made.get('Id') or made.get('Name')}")
            chosen.tell_missing()
            if chosen.has_left_out:
                raise Failure(f"The {self.noun} was not made on every engine.")

        run_on_engines(place.ctx, place.engines, place.only, work)

    def _creation(self, chosen: Chosen, record: "EngineRecord", body: Mapping[str, Any]) -> Step:
        """What making one there comes to."""
        name = str(body["Name"])
        has_it = any(one.engine == record.key for one in self.rows(chosen.cluster.tables).named(name))
        return Step(
            f"create {self.noun} {name} on {record.name}",
            way_back=f"taken back by '{self.noun} rm --engine {record.name} {name}'",
            docker=docker_words(record, self.noun, "create", "--driver", str(body["Driver"]), name),
            refusal="" if record.state.is_live else f"it is {record.word}",
            so_already=f"{record.name} has a {self.noun} {name} already" if has_it else "",
        )

    def _found(self, chosen: Chosen, name: str) -> Any:
        look_up = getattr(chosen.cluster.find, self.find)
        return chosen.looked_up(lambda: look_up(name, chosen.only))


ON_VOLUMES: Final = Objects(
    "volume",
    "/volumes",
    VOLUMES,
    lambda answer: list(answer.get("Volumes") or ()),
    "volume",
    lambda tables: tables.volumes,
)
ON_NETWORKS: Final = Objects(
    "network", "/networks", NETWORKS, list, "network", lambda tables: tables.networks
)


def refuse_cluster_flags(given: Mapping[str, object]) -> None:
    """Raise Failure for flags that mean something for the cluster's objects alone."""
    if used := [flag for flag, value in given.items() if value]:
        raise Failure(
            f"{used[0]} is for the cluster's objects, and --engine says that one of an engine is meant.",
            USAGE,
        )


ON: Final = {one.noun: one for one in (ON_VOLUMES, ON_NETWORKS)}
