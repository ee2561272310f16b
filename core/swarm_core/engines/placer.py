"""Making containers on the engine that placement chooses.

Rules
1. Decisions are taken one after the other, and a container that is being made counts in the next ones until its engine has answered.
2. A name is given once over all engines that live. One that only an engine holds that is away is free.
3. An image that the engine does not have is pulled there (`making`). When nobody has it to give and no engine was named, an engine that has it is taken.
4. What was made, and how, is remembered until it is destroyed, where a place for that is given. That it cannot be is told, and undoes nothing.
5. What reservations the containers have is learned before it is needed, from the engines that live. One that cannot tell is judged by what is known.
6. Where engines differ in system or processor, the image's platforms are asked of its registry. A processor that no engine has is emulated or refused by
   an engine: it leaves none out.
7. A making that fails by the engine's fault is tried on others, as often as the policy says. What the request is to blame for is not tried again.
"""

import asyncio
import logging
import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from swarm_core.engines.changing import CHANGE_S, changed
from swarm_core.engines.cluster import EngineCluster
from swarm_core.engines.deployed import DeployedFiles, Deployment
from swarm_core.engines.errors import EngineAway, EngineError, EngineRefused
from swarm_core.engines.making import NoImage, is_wrong_system, make, platforms_of
from swarm_core.engines.placement.candidates import Candidate, Pending
from swarm_core.engines.placement.decide import Decision, NotPlaced, Policy, decide
from swarm_core.engines.placement.expressions import Expression
from swarm_core.engines.placement.platforms import Platform, normal
from swarm_core.engines.placement.request import Request, request_of
from swarm_core.engines.records import Container, EngineKey, EngineRecord
from swarm_core.runtime.tasks import Group

_log = logging.getLogger(__name__)
_CONFLICT: Final = 409
_ENGINE_S_FAULT: Final = 500
"""From this status on an engine says that it failed itself."""
_SWARM_ID_BITS: Final = 256


class _NotMade(Exception):
    """The engine that was chosen did not make the container."""

    def __init__(self, engine: EngineRecord, error: EngineError) -> None:
        super().__init__(str(error))
        self.engine, self.error = engine, error


@dataclass(frozen=True, slots=True)
class Placed:
    """A container that was made, and why there."""

    container: Container
    decision: Decision
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Tries:
    """What is tried next to make one container."""

    request: Request
    out: set[EngineKey]
    left: int
    is_near_image: bool = False
    """Only engines that have its image are asked any more."""
    warnings: list[str] = field(default_factory=list)
    first: EngineError | None = None
    """What went wrong first: that is told."""


class Placer:
    """Places and makes containers in a cluster of engines."""

    def __init__(
        self,
        cluster: EngineCluster,
        rng: random.Random,
        policy: Policy | None = None,
        deployed: DeployedFiles | None = None,
    ) -> None:
        """`deployed` remembers what is made, and how."""
        self._cluster, self._rng = cluster, rng
        self._deployed = deployed
        self.policy = policy or Policy()
        self._turn = asyncio.Lock()
        self._pending: dict[EngineKey, list[Pending]] = {}

    def request(self, name: str, body: Mapping[str, Any], platform: str = "") -> Request:
        """What a container of this name and body needs. Raises BadExpression."""
        return request_of(name, body, lambda: f"{self._rng.getrandbits(_SWARM_ID_BITS):064x}", platform)

    async def explain(self, request: Request, policy: Policy | None = None) -> Decision:
        """Where the container would go now, and what leaves the other engines out."""
        request = await self._for_its_platforms(request, None)
        await self._learn(request)
        return self._decided(request, policy or self.policy)

    async def create(
        self,
        request: Request,
        policy: Policy | None = None,
        *,
        without: Collection[EngineKey] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Placed:
        """Make the container on the best engine, and none of `without`. `headers` go along with a pull: who may fetch the image.

        Raises NotPlaced, EngineRefused (409 for a name that is taken), EngineAway."""
        policy = policy or self.policy
        request = await self._for_its_platforms(request, headers)
        tries = _Tries(request, set(without), policy.retries)
        while True:
            try:
                placed = await self._create(tries.request, policy, tries.out, headers)
            except NotPlaced as error:
                raise tries.first or error from None
            except _NotMade as failed:
                self._learn_from(failed, tries)
            else:
                return replace(placed, warnings=(*placed.warnings, *tries.warnings))

    def _learn_from(self, failed: _NotMade, tries: "_Tries") -> None:
        """What is done differently the next time. Raises the failure where nothing is."""
        error, request = failed.error, tries.request
        tries.first = tries.first or error
        if (
            isinstance(error, NoImage)
            and not tries.is_near_image
            and not request.has_hard_node
            and self._has_image(request.image)
        ):
            tries.is_near_image = True
            there = Expression.exact("image", self._image_names(request.image))
            tries.request = replace(request, affinities=(*request.affinities, there))
        elif is_wrong_system(error) and not request.has_hard_node:
            system = _platform(failed.engine)
            tries.out |= {one.key for one in self._cluster.engines() if _platform(one) == system}
        elif tries.left and _is_the_engine_s_fault(error):
            tries.left -= 1
            tries.out.add(failed.engine.key)
            tries.warnings.append(_doubt(failed))
        else:
            raise error from None

    async def _create(
        self,
        request: Request,
        policy: Policy,
        without: Collection[EngineKey],
        headers: Mapping[str, str] | None,
    ) -> Placed:
        async with self._turn:
            self._refuse_name(request.name)
            await self._learn(request)
            decision = self._decided(request, policy, without)
            key = decision.chosen
            pending = self._hold(key, request)
        try:
            try:
                answer = await make(self._cluster, key, request, headers)
            except EngineError as error:
                raise _NotMade(self._cluster.engine(key), error) from None
            container = await self._cluster.refresh(key, str(answer.get("Id") or ""))
        finally:
            self._release(key, pending)
        if container is None:
            raise EngineError("Container created but refresh didn't report it back")
        self._remember(container, request)
        return Placed(container, decision, tuple(map(str, answer.get("Warnings") or ())))

    async def _for_its_platforms(self, request: Request, headers: Mapping[str, str] | None) -> Request:
        """Knowing what the image is for, where the engines differ in that."""
        live = [one for one in self._cluster.engines() if one.state.is_live]
        here = {_platform(one) for one in live}
        platforms = request.platforms
        if not platforms and request.image and len(here) > 1:
            platforms = await platforms_of(
                [self._cluster.api(one.key) for one in live], request.image, headers
            )
        if not any(one.suits(other) for one in platforms for other in here):
            platforms = tuple(dict.fromkeys(Platform(one.os) for one in platforms))
        return replace(request, platforms=platforms)

    async def destroy(self, container: Container, *, force: bool = False, volumes: bool = False) -> None:
        """Remove it from its engine, and then from what is remembered. Raises EngineRefused, EngineAway, NotFound."""
        query = {"force": force, "v": volumes}
        await changed(
            self._cluster,
            container.engine,
            lambda api: api.delete(f"/containers/{container.id}", query, timeout=CHANGE_S),
        )
        self.forget(container)

    def made_of(self, container: Container) -> Mapping[str, Any] | None:
        """The body that made it, if that is remembered."""
        found = None if self._deployed is None else self._deployed.get(container.id)
        return None if found is None else found.body

    def forget(self, container: Container) -> None:
        """It is there no more."""
        if self._deployed is None:
            return
        try:
            if not self._deployed.forget(container.id):
                _log.info("container %s was not made through us", container.name)
        except OSError as error:
            _log.warning("how container %s was made is not forgotten: %s", container.name, error)

    def _remember(self, container: Container, request: Request) -> None:
        if self._deployed is None:
            return
        try:
            engine_id = self._cluster.engine(container.engine).id
            self._deployed.save(Deployment(container.id, container.name, request.body, engine_id))
        except (OSError, ValueError) as error:
            # The container is there, and that is what was asked.
            _log.warning("how container %s was made is not remembered: %s", container.name, error)

    def _refuse_name(self, name: str) -> None:
        live = {one.key for one in self._cluster.engines() if one.state.is_live}
        holders = [one for one in self._cluster.tables.containers.named(name) if one.engine in live]
        is_being_made = any(one.name == name for many in self._pending.values() for one in many)
        if name and (holders or is_being_made):
            holder = (
                f" by container {holders[0].id} on {self._cluster.engine(holders[0].engine).name}"
                if holders
                else ""
            )
            raise EngineRefused(
                _CONFLICT,
                f"Conflict: The name {name} is already assigned{holder}. You have to delete (or rename) that container to be able to assign"
                f" {name} to a container again.",
            )

    def _decided(self, request: Request, policy: Policy, without: Collection[EngineKey] = ()) -> Decision:
        request = self._near_its_network(request)
        tables = self._cluster.tables
        candidates = [
            Candidate(
                record,
                tables.containers.of(record.key).values(),
                tables.images.of(record.key).values(),
                tuple(self._pending.get(record.key, ())),
            )
            for record in self._cluster.engines()
            if record.key not in without
        ]
        return decide(request, candidates, policy, self._rng)

    def _near_its_network(self, request: Request) -> Request:
        """A network that is local to some engines draws the container there, unless it insists on an engine."""
        if not request.network or request.has_hard_node:
            return request
        networks = [
            one
            for one in (
                *self._cluster.tables.networks.named(request.network),
                *self._cluster.tables.networks.with_id(request.network),
            )
            if one.scope == "local"
        ]
        if not networks:
            return request
        names = [self._cluster.engine(one.engine).name for one in networks]
        near = Expression.exact("node", dict.fromkeys(names), is_soft=True)
        return replace(request, constraints=(*request.constraints, near))

    async def _learn(self, request: Request) -> None:
        """Know what containers reserve, where the decision depends on it."""
        if not request.asks_resources and not request.ports:
            return
        async with Group() as group:
            for record in self._cluster.engines():
                if record.state.is_live:
                    group.spawn(self._learn_of(record.key), name=f"inspect on {record.key}")

    async def _learn_of(self, key: EngineKey) -> None:
        unknown = [one.id for one in self._cluster.tables.containers.of(key).values() if one.reserved is None]
        if not unknown:
            return
        try:
            await self._cluster.inspect(key, unknown)
        except EngineError as error:
            _log.warning("what containers on %s reserve is not known: %s", key, error)

    def _hold(self, key: EngineKey, request: Request) -> Pending:
        """Count the container as if it were there."""
        labels = dict(request.body.get("Labels") or {})
        pending = Pending(
            request.name, request.image, request.nano_cpus, request.memory_bytes, request.ports, labels
        )
        self._pending.setdefault(key, []).append(pending)
        return pending

    def _release(self, key: EngineKey, pending: Pending) -> None:
        # By identity: two containers without a name may ask the same.
        left = [one for one in self._pending[key] if one is not pending]
        if left:
            self._pending[key] = left
        else:
            del self._pending[key]

    def _image_names(self, image: str) -> list[str]:
        try:
            found = self._cluster.find.images(image)
        except EngineError:
            return [image]
        return sorted({one.id for one in found})

    def _has_image(self, image: str) -> bool:
        try:
            found = self._cluster.find.images(image)
        except EngineError:
            return False
        live = {one.key for one in self._cluster.engines() if one.state.is_live}
        return any(one.engine in live for one in found)


def _is_the_engine_s_fault(error: EngineError) -> bool:
    if isinstance(error, EngineRefused):
        return error.status >= _ENGINE_S_FAULT
    return isinstance(error, EngineAway)


def _doubt(failed: _NotMade) -> str:
    """What whoever gets the container elsewhere must know."""
    told = f"engine {failed.engine.name} did not make it: {str(failed.error).rstrip('.')}"
    if isinstance(failed.error, EngineAway):
        return f"{told}; it may have a container of this name all the same"
    return told


def _platform(record: EngineRecord) -> Platform:
    return Platform(record.os, normal(record.architecture))
