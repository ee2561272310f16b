"""`/secrets` and `/configs`: alike, but for the data, which only configs show (docs/design/engine-api.md E10)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from google.protobuf.message import Message
from swarm_core.api.proto.objects_pb2 import Config, Secret
from swarm_core.engine_json import config as config_json
from swarm_core.engine_json import secret as secret_json
from swarm_core.http.exchange import Exchange, empty_answer, json_answer
from swarm_core.http.routes import Route
from swarm_core.http.version import Version

from swarm_agentd.engine_api import filters
from swarm_agentd.engine_api.context import Context
from swarm_agentd.engine_api.filters import Filters
from swarm_agentd.engine_api.lookup import by_id, find_one
from swarm_agentd.engine_api.requests import as_read, object_version


@dataclass(frozen=True, slots=True)
class _Kind:
    noun: str
    message: type[Any]
    keys: frozenset[str]
    request: Callable[[Filters], Message]
    show: Callable[[Any, Version], dict[str, Any]]
    read: Callable[[object, Version], Message]


_KINDS = (
    _Kind(
        "secret",
        Secret,
        filters.SECRET_KEYS,
        filters.secret_filters,
        secret_json.to_json,
        secret_json.from_json,
    ),
    _Kind(
        "config",
        Config,
        filters.CONFIG_KEYS,
        filters.config_filters,
        config_json.to_json,
        config_json.from_json,
    ),
)


def routes(context: Context) -> list[Route]:
    """Of secrets, then of configs."""
    return [route for kind in _KINDS for route in _Payloads(context, kind).routes()]


class _Payloads:
    def __init__(self, context: Context, kind: _Kind) -> None:
        self._control, self._kind, self._kept = context.managers.control, kind, context.kept.of

    def routes(self) -> list[Route]:
        """Of this kind."""
        base, kept = f"/{self._kind.noun}s", self._kept
        return [
            Route("GET", base, kept(self._list, self._kind.message)),
            Route("POST", f"{base}/create", self._create),
            Route("DELETE", f"{base}/{{id}}", self._remove),
            Route("GET", f"{base}/{{id}}", kept(self._inspect, self._kind.message)),
            Route("POST", f"{base}/{{id}}/update", self._update),
        ]

    async def _list(self, exchange: Exchange) -> web.Response:
        kind = self._kind
        asked = filters.parse(exchange.query.get("filters", ""), kind.keys)
        async with self._control() as control:
            found = await control.select(kind.message, kind.request(asked))
        shown = [item for item in by_id(found) if filters.labels_match(asked, item)]
        return json_answer([kind.show(item, exchange.version) for item in shown])

    async def _inspect(self, exchange: Exchange) -> web.Response:
        async with self._control() as control:
            item = await find_one(control, self._kind.message, exchange.parameters["id"])
        return json_answer(self._kind.show(item, exchange.version))

    async def _create(self, exchange: Exchange) -> web.Response:
        spec = self._kind.read(await exchange.read_json(), exchange.version)
        async with self._control() as control:
            item = await control.create(self._kind.message, spec)
        return json_answer({"ID": item.id}, status=201)

    async def _update(self, exchange: Exchange) -> web.Response:
        spec = self._kind.read(await exchange.read_json(), exchange.version)
        version = object_version(exchange, self._kind.noun)
        async with self._control() as control:
            item = await find_one(control, self._kind.message, exchange.parameters["id"])
            await control.update(self._kind.message, as_read(item, version), spec)
        return empty_answer()

    async def _remove(self, exchange: Exchange) -> web.Response:
        async with self._control() as control:
            item = await find_one(control, self._kind.message, exchange.parameters["id"])
            await control.remove(self._kind.message, item.id)
        return empty_answer(204)
