"""Containers behind the socket: all in one list, each by the engine that has it (docs/design/engine-commands.md 16.4)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from swarm_core.engines.errors import EngineError, EngineRefused
from swarm_core.engines.face import merge
from swarm_core.engines.face.asking import Asking, Refused, pruned
from swarm_core.engines.lists import LIST_S
from swarm_core.engines.placement.decide import NotPlaced
from swarm_core.engines.placement.expressions import BadExpression, Expression
from swarm_core.engines.placement.places import placed_names
from swarm_core.engines.placement.request import Request
from swarm_core.engines.records import Container, EngineKey
from swarm_core.http import errors
from swarm_core.http.exchange import Exchange, json_answer
from swarm_core.http.routes import Route

_CHANGING: Final = frozenset(("kill", "pause", "unpause", "restart", "stop", "update", "start", "rename"))
_EXECS_MAX: Final = 10_000
_REFUSED: Final = 300
_NAME: Final = "/containers/{name:.*}"


class Containers:
    """The routes of containers and of programs in them."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._execs: dict[str, EngineKey] = {}
        """Where each program was made, oldest first."""

    def routes(self) -> list[Route]:
        """In the order in which they are tried."""
        return [
            Route("GET", "/containers/json", self.ls),
            Route("POST", "/containers/create", self.create),
            Route("POST", "/containers/prune", self.prune),
            Route("GET", f"{_NAME}/json", self.inspect),
            Route("POST", f"{_NAME}/attach", self.attach),
            Route("GET", f"{_NAME}/attach/ws", self.attach),
            Route("POST", f"{_NAME}/exec", self.make_exec),
            Route("POST", "/exec/{id}/start", self.start_exec),
            Route("*", "/exec/{id}/{what}", self.exec),
            Route("POST", "/commit", self.commit),
            *(Route("*", f"{_NAME}/{what}", self._verb(what)) for what in _VERBS),
            Route("DELETE", _NAME, self.remove),
        ]

    async def ls(self, exchange: Exchange) -> web.StreamResponse:
        """What the engines list. With `all` also what was on those that are away, as it was last seen."""
        query = dict(exchange.query)
        limit = int(query.pop("limit", "0") or 0) if query.get("limit", "0").lstrip("-").isdecimal() else 0

        async def ask(api: Any) -> Any:
            return await api.get_list(
                "/containers/json", {**query, "all": exchange.loose_flag("all") or limit > 0}, timeout=LIST_S
            )

        lines = [
            merge.container_line(entry, record)
            for record, entries in await self._asking.listed(ask)
            for entry in entries
        ]
        if exchange.loose_flag("all") and not query.get("filters"):
            lines += self._of_dead()
        found = merge.newest_first(lines)
        return json_answer(found[:limit] if limit > 0 else found)

    def _of_dead(self) -> list[dict[str, Any]]:
        cluster = self._asking.cluster
        return [
            merge.container_line(one.entry, record)
            for record in cluster.engines()
            if not record.state.is_live
            for one in cluster.tables.containers.of(record.key).values()
        ]

    async def create(self, exchange: Exchange) -> web.StreamResponse:
        """On the engine that placement chooses."""
        body = await exchange.read_json()
        if not isinstance(body, Mapping):
            raise errors.BadRequest("invalid JSON: an object is due")
        placer = self._asking.placer
        auth = exchange.request.headers.get("X-Registry-Auth", "")
        try:
            request = self._request(exchange, body)
            placed = await placer.create(request, headers={"X-Registry-Auth": auth} if auth else None)
        except BadExpression as error:
            raise errors.BadRequest(str(error)) from None
        except NotPlaced as error:
            raise errors.Failed("\n".join([str(error), *error.decision.lines()])) from None
        except EngineRefused as error:
            raise Refused(error.status, error.message) from None
        except EngineError as error:
            raise errors.Failed(str(error)) from None
        return json_answer({"Id": placed.container.id, "Warnings": list(placed.warnings)}, 201)

    def _request(self, exchange: Exchange, body: Mapping[str, Any]) -> Request:
        """What is asked for. Names may be of one engine, which is where it goes then. Raises BadExpression."""
        names = {record.name for record in self._asking.cluster.engines()}
        first, slash, rest = exchange.query.get("name", "").removeprefix("/").partition("/")
        name, places = (rest, [first]) if slash and first in names else (exchange.query.get("name", ""), [])
        bare, of_objects = placed_names(body, names)
        request = self._asking.placer.request(name, bare, exchange.query.get("platform", ""))
        if not (named := dict.fromkeys((*places, *of_objects))):
            return request
        there = [Expression.exact("node", [one]) for one in named]
        return replace(request, constraints=(*request.constraints, *there))

    async def inspect(self, exchange: Exchange) -> web.StreamResponse:
        """Its engine's inspection, and the engine."""
        one = self._container(exchange)
        size = {"size": exchange.query["size"]} if "size" in exchange.query else None
        whole = await self._asking.call(
            one.engine, lambda api: api.get_object(f"/containers/{one.id}/json", size)
        )
        return json_answer(merge.inspected(whole, self._asking.cluster.engine(one.engine)))

    async def attach(self, exchange: Exchange) -> web.StreamResponse:
        one = self._container(exchange)
        ending = "attach/ws" if exchange.path.endswith("/ws") else "attach"
        return await self._asking.hand_over(exchange, one.engine, f"/containers/{one.id}/{ending}")

    def _verb(self, what: str) -> Any:
        async def do(exchange: Exchange) -> web.StreamResponse:
            one = self._container(exchange)
            if what == "rename":
                self._refuse_taken(exchange.query.get("name", "").removeprefix("/"), one)
            answer = await self._asking.hand_on(exchange, one.engine, f"/containers/{one.id}/{what}")
            if what in _CHANGING and exchange.request.method == "POST":
                await self._asking.look_again(one.engine, one.id)
            return answer

        return do

    def _refuse_taken(self, name: str, one: Container) -> None:
        """A name is one container's, over all engines that live."""
        cluster = self._asking.cluster
        for other in cluster.tables.containers.named(name):
            if other is not one and cluster.engine(other.engine).state.is_live:
                raise errors.Conflict(
                    f"Conflict: The name {name} is already assigned by container {other.id} on "
                    f"{cluster.engine(other.engine).name}. You have to delete (or rename) that container to be able to assign {name} "
                    f"to a container again."
                )

    async def remove(self, exchange: Exchange) -> web.StreamResponse:
        one = self._container(exchange)
        answer = await self._asking.hand_on(exchange, one.engine, f"/containers/{one.id}")
        if answer.status < _REFUSED:
            self._asking.placer.forget(one)
        await self._asking.look_again(one.engine, one.id)
        return answer

    async def prune(self, exchange: Exchange) -> web.StreamResponse:
        """On every engine."""
        return await pruned(self._asking, exchange, "/containers/prune", "ContainersDeleted")

    async def commit(self, exchange: Exchange) -> web.StreamResponse:
        """On the container's engine; the query names the container as the client does, which the engine may not know."""
        name = exchange.query.get("container", "")
        find = self._asking.cluster.find
        one = self._asking.looked_up(lambda: find.container(name))
        query = {**exchange.query, "container": one.id}
        body = await exchange.read_json()
        made = await self._asking.call(one.engine, lambda api: api.post("/commit", query, body, timeout=None))
        return json_answer(made, 201)

    async def make_exec(self, exchange: Exchange) -> web.StreamResponse:
        one = self._container(exchange)
        body = await exchange.read_json()
        if not body.get("Cmd"):
            raise errors.BadRequest("No exec command specified")
        made = await self._asking.call(
            one.engine, lambda api: api.post(f"/containers/{one.id}/exec", None, body)
        )
        self._execs[str(made["Id"])] = one.engine
        if len(self._execs) > _EXECS_MAX:
            del self._execs[next(iter(self._execs))]
        return json_answer(made, 201)

    async def start_exec(self, exchange: Exchange) -> web.StreamResponse:
        """As bytes where the client wants to hear of it."""
        id_ = exchange.parameters["id"]
        return await self._asking.hand_over(exchange, await self._engine_of(id_), f"/exec/{id_}/start")

    async def exec(self, exchange: Exchange) -> web.StreamResponse:
        id_, what = exchange.parameters["id"], exchange.parameters["what"]
        return await self._asking.hand_on(exchange, await self._engine_of(id_), f"/exec/{id_}/{what}")

    async def _engine_of(self, exec_id: str) -> EngineKey:
        """The engine of a program; one that was not made here is looked for on all. Raises NotFound."""
        if (known := self._execs.get(exec_id)) is not None:
            return known
        answers = await self._asking.each(lambda api: api.get_object(f"/exec/{exec_id}/json"))
        for answer in answers:
            if answer.error is None:
                return answer.record.key
        raise errors.NotFound(f"No such exec instance: {exec_id}")

    def _container(self, exchange: Exchange) -> Container:
        find, name = self._asking.cluster.find, exchange.parameters["name"]
        one = self._asking.looked_up(lambda: find.container(name))
        record = self._asking.cluster.engine(one.engine)
        if not record.state.is_live:
            raise errors.Failed(f"Container {name} running on unhealthy node {record.name}")
        return one


_VERBS: Final = (
    "kill", "pause", "unpause", "restart", "stop", "update", "wait", "start", "rename", "resize", "logs", "stats", "top",
    "changes", "export", "archive", "copy",
)  # fmt: skip
