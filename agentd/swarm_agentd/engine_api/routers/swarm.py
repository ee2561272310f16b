"""`/swarm`: the cluster that this node is in (docs/design/engine-api.md E12).

The life of the node itself (init, join, leave, unlock) is begun and ended with its daemon: what docker's command asks for is answered as
the state has it, and never half done.
"""

from aiohttp import web
from swarm_core.api.proto.ca_pb2 import GetUnlockKeyRequest
from swarm_core.api.proto.control_pb2 import KeyRotation
from swarm_core.api.proto.objects_pb2 import Cluster
from swarm_core.ca.tokens import format_unlock_key
from swarm_core.http.errors import BadRequest, Conflict, NotImplementedHere, Unavailable
from swarm_core.http.exchange import Exchange, empty_answer, json_answer
from swarm_core.http.routes import Route

from swarm_agentd.engine_api.context import Context
from swarm_agentd.engine_api.requests import as_read, object_version
from swarm_agentd.engine_api.translate import swarm as swarm_json

_IN_A_SWARM = (
    'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.'
)
_LEAVING = (
    "You are attempting to leave the swarm on a node that is participating as a manager. "
    "Use `--force` to suppress this message."
)
_WITH_ITS_DAEMON = (
    "A node of swarm-tui leaves its swarm with its daemon: use `swarm-tui cluster leave` on its machine."
)
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
        Route("POST", "/swarm/join", swarm.begin),
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
        """Refused: a node of ours is in a swarm from its start on."""
        await exchange.read_json()
        raise Unavailable(_IN_A_SWARM)

    async def leave(self, exchange: Exchange) -> web.Response:
        """Refused, to a manager first for want of `force`."""
        if self._context.node.standing().is_manager and not exchange.loose_flag("force"):
            raise Unavailable(_LEAVING)
        raise NotImplementedHere(_WITH_ITS_DAEMON)

    async def unlock(self, exchange: Exchange) -> web.Response:
        """Refused: a locked node of ours does not run."""
        await exchange.read_json()
        self._context.managers.refuse_without_manager()
        raise Conflict("swarm is not locked")

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
