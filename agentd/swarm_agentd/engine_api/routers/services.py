"""`/services` (docs/design/engine-api.md E10, E11)."""

import logging
from typing import Any

from aiohttp import web
from swarm_core.api.proto.control_pb2 import UpdateServiceRequest
from swarm_core.api.proto.objects_pb2 import Network, Service, Task
from swarm_core.api.proto.specs_pb2 import ServiceSpec
from swarm_core.client.control import Control
from swarm_core.engine_json import service as service_json
from swarm_core.engine_json.plugin import KIND as PLUGIN
from swarm_core.engines.errors import EngineAway, EngineRefused
from swarm_core.http.errors import BadRequest, Failed, Forbidden, NotFound
from swarm_core.http.exchange import Exchange, empty_answer, json_answer
from swarm_core.http.routes import Handler, Route

from swarm_agentd.engine_api import filters
from swarm_agentd.engine_api.context import Context
from swarm_agentd.engine_api.lookup import by_id, find_one
from swarm_agentd.engine_api.random_names import random_name
from swarm_agentd.engine_api.requests import as_read, object_version

_log = logging.getLogger(__name__)
_ROLLBACKS = {
    "": UpdateServiceRequest.NONE,
    "none": UpdateServiceRequest.NONE,
    "previous": UpdateServiceRequest.PREVIOUS,
}
_FROM_SPEC, _FROM_PREVIOUS = ("", "spec"), "previous-spec"
_NODE_LOCAL = ("host", "none", "bridge")
_ENGINE_S = 5.0
_OF_THE_ENGINE = (
    "The network {} cannot be used with services. Only networks scoped to the swarm can be used, "
    "such as those created with the overlay driver."
)


def routes(context: Context) -> list[Route]:
    """Of services."""
    services, kept = _Services(context), context.kept.of
    return [
        Route(
            "GET",
            "/services",
            _listed(kept(services.list_all, Service, Task), kept(services.list_all, Service)),
        ),
        Route("GET", "/services/{id}", kept(services.inspect, Service)),
        Route("POST", "/services/create", services.create),
        Route("POST", "/services/{id}/update", services.update),
        Route("DELETE", "/services/{id}", services.remove),
    ]


class _Services:
    def __init__(self, context: Context) -> None:
        self._control, self._rng, self._engine = context.managers.control, context.rng, context.local.engine
        self._is_experimental = context.is_experimental

    async def list_all(self, exchange: Exchange) -> web.Response:
        """Those that the filters let through, with their tasks counted if that is asked."""
        asked = filters.parse(exchange.query.get("filters", ""), filters.SERVICE_KEYS)
        with_status = exchange.strict_flag("status")
        async with self._control() as control:
            found = await control.select(Service, filters.service_filters(asked))
            shown = [service for service in by_id(found) if filters.service_matches(asked, service)]
            statuses = await control.service_statuses([each.id for each in shown]) if with_status else []
        counted = {status.service_id: status for status in statuses}
        return json_answer(
            [service_json.to_json(service, exchange.version, counted.get(service.id)) for service in shown]
        )

    async def inspect(self, exchange: Exchange) -> web.Response:
        """One; with `insertDefaults` as it is run."""
        with_defaults = exchange.strict_flag("insertDefaults")
        async with self._control() as control:
            service = await find_one(control, Service, exchange.parameters["id"])
            if with_defaults:
                service = await control.get(Service, service.id, insert_defaults=True)
        return json_answer(service_json.to_json(service, exchange.version))

    async def create(self, exchange: Exchange) -> web.Response:
        """Of a spec, whose networks may be named."""
        spec = service_json.from_json(await exchange.read_json(), exchange.version)
        if spec.task.generic.kind == PLUGIN and not self._is_experimental():
            raise Failed('runtime type "plugin" only supported in experimental')
        if not spec.annotations.name:
            spec.annotations.name = random_name(self._rng)
        async with self._control() as control:
            await self._resolve_networks(control, spec)
            _put_registry_auth(spec, exchange.request.headers.get("X-Registry-Auth", ""))
            service = await control.create(Service, spec)
        return json_answer({"ID": service.id, "Warnings": None}, status=201)

    async def update(self, exchange: Exchange) -> web.Response:
        """To another spec, or back to the previous one."""
        spec = service_json.from_json(await exchange.read_json(), exchange.version)
        version = object_version(exchange, "service")
        rollback = _rollback(exchange)
        source = exchange.query.get("registryAuthFrom", "")
        if source not in (*_FROM_SPEC, _FROM_PREVIOUS):
            raise BadRequest("unsupported registryAuthFrom value")
        async with self._control() as control:
            service = await find_one(control, Service, exchange.parameters["id"])
            await self._resolve_networks(control, spec)
            auth = exchange.request.headers.get("X-Registry-Auth", "")
            _put_registry_auth(spec, auth or _kept_auth(service, source))
            await control.update(Service, as_read(service, version), spec, rollback=rollback)
        return json_answer({"Warnings": None})

    async def _resolve_networks(self, control: Control, spec: ServiceSpec) -> None:
        """Put ids in place of what the client called its networks. Raises NotFound, BadRequest when several fit, and Forbidden for
        one of the engine's."""
        for attachment in spec.task.networks or spec.networks:
            target = attachment.target
            try:
                attachment.target = (await find_one(control, Network, target)).id
            except NotFound as error:
                if target in _NODE_LOCAL:
                    raise NotFound(
                        f"could not find the corresponding predefined swarm network: {error}"
                    ) from None
                if await self._is_engines(target):
                    raise Forbidden(_OF_THE_ENGINE.format(target)) from None
                raise

    async def _is_engines(self, reference: str) -> bool:
        """Whether the engine has a network of that name or id."""
        if self._engine is None:
            return False
        try:
            found, _ = await self._engine.read_json("/networks", timeout=_ENGINE_S)
        except (EngineAway, EngineRefused) as error:
            _log.info("the engine's networks are not known: %s", error)
            return False
        return any(reference in (one.get("Name"), one.get("Id")) for one in found)

    async def remove(self, exchange: Exchange) -> web.Response:
        """One and its tasks."""
        async with self._control() as control:
            service = await find_one(control, Service, exchange.parameters["id"])
            await control.remove(Service, service.id)
        return empty_answer()


def _listed(with_status: Handler, without: Handler) -> Handler:
    """Only who wants to know how many tasks run is concerned by a change of a task."""
    return lambda exchange: (with_status if "status" in exchange.query else without)(exchange)


def _rollback(exchange: Exchange) -> Any:
    text = exchange.query.get("rollback", "")
    if text not in _ROLLBACKS:
        raise BadRequest(f"unrecognized rollback option {text}")
    return _ROLLBACKS[text]


def _put_registry_auth(spec: ServiceSpec, auth: str) -> None:
    if auth and spec.task.HasField("container"):
        spec.task.container.pull_options.registry_auth = auth


def _kept_auth(service: Service, source: str) -> str:
    """The credentials that an update without any goes on with. Raises BadRequest."""
    if source != _FROM_PREVIOUS:
        return service.spec.task.container.pull_options.registry_auth
    if not service.HasField("previous_spec"):
        raise BadRequest("service does not have a previous spec")
    return service.previous_spec.task.container.pull_options.registry_auth
