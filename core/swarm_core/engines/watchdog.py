"""What happens to containers when their engine fails: those that ask for it are made anew elsewhere. It happens only where somebody runs this.

Rules
1. An engine has failed when it was unhealthy for `after_s` without a break. A daemon that is started anew is not a failed engine.
2. A container is moved once: what runs already on another live engine under the same identity is left as it is. A move that fails is tried again.
3. When the engine is back, the older of two that are the same is removed there, once the newer one runs or the older does not. Its volumes are left.
4. What must be known of a container is learned while its engine lives, or was remembered when it was made through us.
"""

import asyncio
import logging
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from swarm_core.engines.cluster import EngineCluster
from swarm_core.engines.errors import EngineError, EngineRefused
from swarm_core.engines.moving import Recipe, identity_of, is_moved, recipe_of, without_addresses
from swarm_core.engines.placer import Placer
from swarm_core.engines.reading import read_with
from swarm_core.engines.records import (
    Change,
    Container,
    EngineKey,
    EngineRecord,
    EngineState,
    Event,
    Gone,
    Kind,
    Put,
    Resync,
)
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.runtime.waiting import event_or_time

_log = logging.getLogger(__name__)
AFTER_S: Final = 30.0
RETRY_S: Final = 1.0
RETRY_MAX_S: Final = 60.0
_CALL_S: Final = 60.0
_CLUSTER_SCOPES: Final = ("swarm", "global")


@dataclass(frozen=True, slots=True)
class Move:
    """A container that is to be made anew elsewhere; `problem` says why that cannot be."""

    container: Container
    problem: str = ""


class Watchdog:
    """Looks after failed engines while `run` is running."""

    def __init__(
        self,
        cluster: EngineCluster,
        placer: Placer,
        clock: Clock,
        rng: random.Random,
        *,
        after_s: float = AFTER_S,
    ) -> None:
        self._cluster, self._placer, self._clock, self._rng = cluster, placer, clock, rng
        self._after_s = after_s
        self._looked_after: dict[EngineKey, asyncio.Event] = {}
        """The engines that have failed or are back; the event: something about it changed."""
        self._cleaned: set[EngineKey] = set()
        """The engines that live, and were looked after when they began to."""

    async def run(self) -> None:
        """Move and clean up until cancelled."""
        async with Group() as group:
            group.spawn(self._keep_inspected(), name="inspect what may be moved")
            with self._cluster.changes([Kind.ENGINE]) as changes:
                self._take(group, self._cluster.engines())
                async for batch in changes:
                    for change in batch:
                        if isinstance(change, Gone) and change.engine in self._looked_after:
                            self._looked_after[change.engine].set()
                    self._take(group, _records(batch, self._cluster))

    def moves(self, key: EngineKey) -> list[Move]:
        """The containers of an engine that would be made anew elsewhere now."""
        found = []
        for one in self._cluster.tables.containers.of(key).values():
            if is_moved(one) and not any(
                other.is_running or not one.is_running for other in self._elsewhere(one)
            ):
                is_known = bool(one.reserved is not None and one.reserved.raw) or self._placer.made_of(one)
                found.append(Move(one, "" if is_known else "it was not inspected while its engine lived"))
        return found

    def doubles(self, key: EngineKey) -> list[Container]:
        """Of containers that are on this engine and on others too: all but the newest that runs."""
        found = []
        for one in self._cluster.tables.containers.of(key).values():
            if is_moved(one) and (others := self._elsewhere(one)):
                # Lists tell whole seconds: of two that are equally old the one here was first.
                kept = max(
                    (one, *others), key=lambda same: (same.is_running, same.created_s, same.engine != key)
                )
                found += [same for same in (one, *others) if same is not kept]
        return found

    def _elsewhere(self, container: Container) -> list[Container]:
        """The same one on other engines that live."""
        identity = identity_of(container)
        same = [
            one
            for one in self._cluster.tables.containers.named(container.name)
            if one.engine != container.engine and identity_of(one) == identity
        ]
        return [one for one in same if self._cluster.engine(one.engine).state.is_live]

    # Engines

    def _take(self, group: Group, records: Iterable[EngineRecord]) -> None:
        for record in records:
            key, is_live = record.key, record.state.is_live
            looked_after = self._looked_after.get(key)
            if looked_after is not None:
                looked_after.set()
            elif record.state is EngineState.UNHEALTHY or (is_live and key not in self._cleaned):
                self._looked_after[key] = asyncio.Event()
                group.spawn(self._look_after(key), name=f"look after {key}")
            if is_live:
                self._cleaned.add(key)
            else:
                self._cleaned.discard(key)

    def _state(self, key: EngineKey) -> EngineState:
        records = {one.key: one.state for one in self._cluster.engines()}
        return records.get(key, EngineState.DISCONNECTED)

    async def _look_after(self, key: EngineKey) -> None:
        """Until the engine lives, or nobody names it any more."""
        try:
            if await self._stays_unhealthy(key):
                await self._move_all(key)
            while self._state(key) is EngineState.UNHEALTHY:
                await self._wait(key, None)
            if self._state(key).is_live:
                await self._clean(key)
        finally:
            del self._looked_after[key]

    async def _wait(self, key: EngineKey, seconds: float | None) -> None:
        self._looked_after[key].clear()
        await event_or_time(self._clock, self._looked_after[key], seconds)

    async def _stays_unhealthy(self, key: EngineKey) -> bool:
        end_s = self._clock.monotonic() + self._after_s
        while self._state(key) is EngineState.UNHEALTHY:
            left_s = end_s - self._clock.monotonic()
            if left_s <= 0:
                return True
            await self._wait(key, left_s)
        return False

    async def _move_all(self, key: EngineKey) -> None:
        backoff = Backoff(self._rng, base_s=RETRY_S, ceiling_s=RETRY_MAX_S)
        told: set[str] = set()
        while self._state(key) is EngineState.UNHEALTHY:
            left = 0
            for move in self.moves(key):
                if self._state(key) is not EngineState.UNHEALTHY:
                    return
                problem = move.problem or await self._tried(move.container)
                left += bool(problem)
                if (
                    problem
                    and (words := f"container {move.container.name} of engine {key} is not moved: {problem}")
                    not in told
                ):
                    told.add(words)  # once, not at every try
                    _log.warning("%s", words)
            if not left:
                return
            await self._wait(key, backoff.failed())

    async def _tried(self, container: Container) -> str:
        try:
            await self.move(container)
        except EngineError as error:
            return str(error)
        return ""

    async def _clean(self, key: EngineKey) -> None:
        """Remove what is there twice."""
        moved = [one.id for one in self._cluster.tables.containers.of(key).values() if is_moved(one)]
        try:
            for id_ in moved:
                await self._cluster.refresh(key, id_)  # what was known is from before
        except EngineError as error:
            _log.warning("what is on engine %s twice is not removed: %s", key, error)
            return
        for one in self.doubles(key):
            try:
                api = self._cluster.api(one.engine)
                await api.delete(f"/containers/{one.id}", {"force": True, "v": False}, timeout=_CALL_S)
            except EngineError as error:
                _log.warning(
                    "container %s runs elsewhere, and stays on engine %s: %s", one.name, one.engine, error
                )
            else:
                self._placer.forget(one)
                self._tell("container_removed", one, one.engine)

    # Containers

    async def move(self, container: Container) -> Container:
        """Make it anew on another engine, in its networks, and started if it ran. Raises EngineError."""
        recipe = self._recipe(container)
        begun = self._elsewhere(container)
        if begun:
            made = begun[0]
        else:
            await self._leave_networks(container)
            request = self._placer.request(recipe.name, recipe.body)
            made = (await self._placer.create(request, without={container.engine})).container
        await self._join_networks(made, recipe)
        if recipe.starts:
            await self._cluster.api(made.engine).post(f"/containers/{made.id}/start", timeout=_CALL_S)
        self._tell("container_moved", container, made.engine)
        return await self._cluster.refresh(made.engine, made.id) or made

    def _recipe(self, container: Container) -> Recipe:
        cpus = self._cluster.engine(container.engine).cpus
        if container.reserved is not None and container.reserved.raw:
            return read_with(lambda: recipe_of(container, cpus), str(container.engine))
        body = self._placer.made_of(container)
        if body is None:
            raise EngineError("it was not inspected while its engine lived")
        return Recipe(container.name, dict(body), {}, container.is_running)

    async def _leave_networks(self, container: Container) -> None:
        """Networks of the whole cluster hold its name and addresses, until another engine has them let go."""
        for name in container.networks:
            for network in self._cluster.tables.networks.named(name):
                is_live = self._cluster.engine(network.engine).state.is_live
                if network.scope not in _CLUSTER_SCOPES or network.engine == container.engine or not is_live:
                    continue
                body = {"Container": container.name, "Force": True}
                try:
                    await self._cluster.api(network.engine).post(
                        f"/networks/{network.id}/disconnect", None, body
                    )
                except EngineError as error:
                    _log.info("network %s keeps %s: %s", name, container.name, error)
                break

    async def _join_networks(self, made: Container, recipe: Recipe) -> None:
        api = self._cluster.api(made.engine)
        for name, endpoint in recipe.more_networks.items():
            if name in made.networks:
                continue
            body = {"Container": made.id, "EndpointConfig": endpoint}
            try:
                await api.post(f"/networks/{name}/connect", None, body, timeout=_CALL_S)
            except EngineRefused:
                # Its old addresses may be held yet, or belong to another network of that name.
                body["EndpointConfig"] = without_addresses(endpoint)
                await api.post(f"/networks/{name}/connect", None, body, timeout=_CALL_S)

    def _tell(self, action: str, container: Container, to: EngineKey) -> None:
        _log.info("%s: %s of engine %s, %s", action, container.name, container.engine, to)
        attributes = {"name": container.name, "from": container.engine, "to": to}
        self._cluster.happened(
            Event(container.engine, "swarm", action, container.id, attributes, self._clock.wall_ns())
        )

    async def _keep_inspected(self) -> None:
        """Know how each container that may be moved is made."""
        table = self._cluster.tables.containers
        with self._cluster.changes([Kind.CONTAINER, Kind.ENGINE]) as changes:
            wanted = {(one.engine, one.id) for one in table if is_moved(one)}
            while True:
                wanted -= await self._inspected(wanted)
                for change in await changes.next():
                    match change:
                        case Put(record=Container() as record) if is_moved(record):
                            wanted.add((record.engine, record.id))
                        case Resync():
                            wanted |= {(one.engine, one.id) for one in table if is_moved(one)}
                        case _:
                            pass

    async def _inspected(self, wanted: set[tuple[EngineKey, str]]) -> set[tuple[EngineKey, str]]:
        """Those that need nothing more; the others are tried again at the next change."""
        done, unknown = set(), dict[EngineKey, list[str]]()
        for key, id_ in wanted:
            known = self._cluster.tables.containers.get(key, id_)
            if known is None or known.reserved is not None:
                done.add((key, id_))
            elif self._state(key).is_live:
                unknown.setdefault(key, []).append(id_)
        for key, ids in unknown.items():
            try:
                await self._cluster.inspect(key, ids)
            except EngineError as error:
                _log.info("containers of %s that may be moved are not inspected: %s", key, error)
        return done


def _records(batch: list[Change], cluster: EngineCluster) -> list[EngineRecord]:
    """The engines that changed."""
    if any(isinstance(change, Resync | Gone) for change in batch):
        return cluster.engines()
    return [
        change.record
        for change in batch
        if isinstance(change, Put) and isinstance(change.record, EngineRecord)
    ]
