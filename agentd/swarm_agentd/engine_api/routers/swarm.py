"""`/swarm`: the cluster that this machine is in, and how it comes into one and out of it (docs/design/engine-api.md E12)."""

import asyncio
from collections.abc import Callable

from aiohttp import web
from swarm_core.api.proto.ca_pb2 import GetUnlockKeyRequest
from swarm_core.api.proto.control_pb2 import KeyRotation
from swarm_core.api.proto.objects_pb2 import Cluster, Node
from swarm_core.api.proto.specs_pb2 import ClusterSpec
from swarm_core.api.proto.types_pb2 import RaftMemberStatus
from swarm_core.ca.tokens import format_unlock_key
from swarm_core.engine_json import swarm as swarm_json
from swarm_core.engine_json.given import Given
from swarm_core.http.errors import BadRequest, Failed, HttpError, Unavailable
from swarm_core.http.exchange import Exchange, empty_answer, json_answer
from swarm_core.http.routes import Route

from swarm_agentd.engine_api.context import Context
from swarm_agentd.engine_api.membership import bodies, refusals
from swarm_agentd.engine_api.membership.asked import Beginning
from swarm_agentd.engine_api.requests import as_read, object_version
from swarm_agentd.node.standing import NodeState

_SETTINGS_S = 5.0
_SETTINGS_PAUSE_S = 0.2
_ROTATIONS = {
    "rotateWorkerToken": "worker_join_token",
    "rotateManagerToken": "manager_join_token",
    "rotateManagerUnlockKey": "manager_unlock_key",
}


def routes(context: Context) -> list[Route]:
    """Of the swarm."""
    swarm = _Swarm(context)
    return [
        Route("POST", "/swarm/init", swarm.begin),
        Route("POST", "/swarm/join", swarm.join),
        Route("POST", "/swarm/leave", swarm.leave),
        Route("GET", "/swarm", swarm.inspect),
        Route("GET", "/swarm/unlockkey", swarm.unlock_key),
        Route("POST", "/swarm/update", swarm.update),
        Route("POST", "/swarm/unlock", swarm.unlock),
    ]


class _Swarm:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def begin(self, exchange: Exchange) -> web.Response:
        """A cluster with this machine as its first manager; the node's id."""
        given = Given(await exchange.read_json(), exchange.version)
        spec = given.get("Spec")
        name = swarm_json.from_json(spec, exchange.version).annotations.name
        if name not in ("", "default"):
            raise BadRequest('swarm spec must be named "default"')

        async def work() -> str:
            node = self._context.node
            self._refuse_member(node.standing().state, force=given.flag("ForceNewCluster"))
            asked = bodies.beginning(given, self._context.interfaces(), self._context.advertised)
            await self._context.managers.close()
            node_id = await node.begin(asked)
            await self._settle(asked, lambda base: swarm_json.from_json(spec, exchange.version, base))
            return node_id

        return json_answer(await self._context.node.to_the_end(work))

    async def join(self, exchange: Exchange) -> web.Response:
        """A cluster that there is."""
        given = Given(await exchange.read_json(), exchange.version)

        async def work() -> None:
            node = self._context.node
            self._refuse_member(node.standing().state)
            await node.join(bodies.joining_of(given, self._context.interfaces(), self._context.advertised))

        await self._context.node.to_the_end(work)
        return empty_answer()

    async def leave(self, exchange: Exchange) -> web.Response:
        """The cluster. A manager needs `force`, for others may count on it."""
        force = exchange.loose_flag("force")

        async def work() -> None:
            node = self._context.node
            if not force and node.standing().is_manager:
                raise Unavailable(await self._warning())
            await node.leave(force=force)
            await self._context.managers.close()

        await self._context.node.to_the_end(work)
        return empty_answer()

    async def unlock(self, exchange: Exchange) -> web.Response:
        """This machine's locked manager."""
        key = Given(await exchange.read_json(), exchange.version).text("UnlockKey")

        async def work() -> None:
            node = self._context.node
            if node.standing().state is not NodeState.LOCKED:
                self._context.managers.refuse_without_manager()
            await node.unlock(key)

        await self._context.node.to_the_end(work)
        return empty_answer()

    @staticmethod
    def _refuse_member(state: NodeState, *, force: bool = False) -> None:
        """First of all: what else is wrong with a request does not matter then."""
        if state is not NodeState.INACTIVE and not force:
            raise Unavailable(refusals.IN_A_SWARM)

    async def _settle(self, asked: Beginning, given: Callable[[ClusterSpec], ClusterSpec]) -> None:
        """Write what the client wants of the new cluster. The cluster stays when that fails."""
        managers = self._context.managers
        try:
            async with asyncio.timeout(_SETTINGS_S), managers.control() as control:
                while not (clusters := await control.find(Cluster)):
                    await self._context.clock.sleep(_SETTINGS_PAUSE_S)
                cluster = clusters[0]
                spec = given(cluster.spec)
                spec.encryption_config.auto_lock_managers |= asked.autolock
                spec.annotations.name = cluster.spec.annotations.name
                flags_cas = list(cluster.spec.ca_config.external_cas)
                spec.ca_config.external_cas.extend(
                    one for one in flags_cas if one not in spec.ca_config.external_cas
                )
                if spec != cluster.spec:
                    await control.update(Cluster, cluster, spec)
        except (HttpError, TimeoutError) as error:
            why = "it did not answer in time" if isinstance(error, TimeoutError) else error
            raise Failed(f"error updating cluster settings: {why}") from None

    async def _warning(self) -> str:
        """What leaving would do to the cluster."""
        try:
            async with self._context.managers.control() as control:
                nodes = await control.find(Node)
        except HttpError:
            return refusals.MANAGER_LEAVES_BLINDLY
        managers = [node.manager_status for node in nodes if node.HasField("manager_status")]
        reachable = sum(one.reachability == RaftMemberStatus.REACHABLE for one in managers)
        return refusals.manager_leaves(reachable, len(managers) - reachable)

    async def inspect(self, exchange: Exchange) -> web.Response:
        """The cluster with its join tokens."""
        async with self._context.managers.control() as control:
            cluster = await control.cluster()
        return json_answer(swarm_json.to_json(cluster, exchange.version))

    async def unlock_key(self, exchange: Exchange) -> web.Response:
        """Empty without autolock."""
        async with self._context.managers.calls() as calls:
            answer = await calls.call("CA.GetUnlockKey", GetUnlockKeyRequest())
        return json_answer({"UnlockKey": format_unlock_key(answer.unlock_key) if answer.unlock_key else ""})

    async def update(self, exchange: Exchange) -> web.Response:
        """Its settings, tokens and unlock key. Numbers that are missing stay as they are."""
        body = await exchange.read_json()
        version = object_version(exchange, "swarm")
        rotation = KeyRotation(**{field: exchange.strict_flag(name) for name, field in _ROTATIONS.items()})
        async with self._context.managers.control() as control:
            cluster = await control.cluster()
            spec = swarm_json.from_json(body, exchange.version, cluster.spec)
            if spec.annotations.name != "default":
                raise BadRequest('swarm spec must be named "default"')
            await control.update(Cluster, as_read(cluster, version), spec, rotation=rotation)
        return empty_answer()
