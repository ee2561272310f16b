"""Images behind the socket, and what is built (docs/design/engine-commands.md 16.4.5)."""

from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from swarm_core.engines.face import merge
from swarm_core.engines.face.asking import Asking, pruned, refuse_failures
from swarm_core.engines.face.progress import Everywhere
from swarm_core.engines.records import EngineRecord
from swarm_core.http import errors
from swarm_core.http.exchange import Exchange, empty_answer, json_answer
from swarm_core.http.routes import Route

_IMAGE: Final = "/images/{name:.*}"


class Images:
    """The routes."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def routes(self) -> list[Route]:
        """In the order in which they are tried."""
        return [
            Route("GET", "/images/json", self.ls),
            Route("POST", "/images/create", self.pull),
            Route("POST", "/images/load", self.load),
            Route("POST", "/images/prune", self.prune),
            Route("GET", "/images/search", self.anywhere),
            Route("GET", "/images/viz", self.refuse),
            Route("GET", "/images/get", self.save),
            Route("GET", f"{_IMAGE}/{{what}}", self.one),
            Route("POST", f"{_IMAGE}/tag", self.tag),
            Route("POST", f"{_IMAGE}/push", self.push),
            Route("DELETE", _IMAGE, self.remove),
            Route("POST", "/auth", self.anywhere),
            Route("GET", "/distribution/{name:.*}/json", self.anywhere),
            Route("POST", "/build", self.anywhere),
            Route("POST", "/build/prune", self.prune_builds),
            Route("POST", "/build/{what}", self.anywhere),
            Route("POST", "/session", self.session),
            Route("POST", "/grpc", self.session),
        ]

    # what goes to one engine, always the same one, so that a build finds its session

    async def anywhere(self, exchange: Exchange) -> web.StreamResponse:
        return await self._asking.hand_on(exchange, self._first().key, exchange.path)

    async def session(self, exchange: Exchange) -> web.StreamResponse:
        return await self._asking.hand_over(exchange, self._first().key, exchange.path)

    def _first(self) -> EngineRecord:
        """One in maintenance gets nothing new as long as there are others."""
        return min(self._asking.live(), key=lambda record: (record.in_maintenance, record.name))

    async def refuse(self, exchange: Exchange) -> web.StreamResponse:
        raise errors.NotImplementedHere("Not supported in clustering mode.")

    # what engines have

    async def ls(self, exchange: Exchange) -> web.StreamResponse:
        query = dict(exchange.query)
        answers = await self._asking.listed(lambda api: api.get_list("/images/json", query))
        return json_answer(merge.images(answers))

    async def one(self, exchange: Exchange) -> web.StreamResponse:
        """Any engine that has it."""
        name, what = exchange.parameters["name"], exchange.parameters["what"]
        record, id_ = (await self._holders(name))[0]
        # By name where the answer has names in it.
        return await self._asking.hand_on(
            exchange, record.key, f"/images/{name if what == 'get' else id_}/{what}"
        )

    async def save(self, exchange: Exchange) -> web.StreamResponse:
        """Of an engine that has all of them."""
        names = parse_qs(urlsplit(exchange.request.raw_path).query).get("names", [])
        found = [{record.key for record, _ in await self._holders(name)} for name in names]
        keys = set.intersection(*found) if found else set()
        for record in self._asking.live():
            if record.key in keys:
                return await self._asking.hand_on(exchange, record.key, "/images/get")
        raise errors.NotFound(f"Unable to find a healthy engine containing all images: {', '.join(names)}")

    async def push(self, exchange: Exchange) -> web.StreamResponse:
        """From one engine that has it."""
        name = exchange.parameters["name"]
        tag = exchange.query.get("tag", "")
        record, _ = (await self._holders(f"{name}:{tag}" if tag else name))[0]
        return await self._asking.hand_on(exchange, record.key, f"/images/{name}/push")

    async def _holders(self, name: str) -> list[tuple[EngineRecord, str]]:
        """The engines that have an image, and its id there. Raises NotFound."""
        found = await self._asking.having(f"/images/{name}/json")
        if not found:
            raise errors.NotFound(f"No such image: {name}")
        return [(record, str(whole["Id"])) for record, whole in found]

    # what goes to every engine

    async def pull(self, exchange: Exchange) -> web.StreamResponse:
        """Pulled, or imported from what the client sends."""
        return await self._everywhere(exchange, "/images/create")

    async def load(self, exchange: Exchange) -> web.StreamResponse:
        return await self._everywhere(exchange, "/images/load")

    async def _everywhere(self, exchange: Exchange, path: str) -> web.StreamResponse:
        query: dict[str, Any] = parse_qs(urlsplit(exchange.request.raw_path).query, keep_blank_values=True)
        kept = ("X-Registry-Auth", "Content-Type")
        headers = {name: value for name in kept if (value := exchange.request.headers.get(name, ""))}
        return await Everywhere(self._asking, exchange, path, self._asking.live()).answer(query, headers)

    async def tag(self, exchange: Exchange) -> web.StreamResponse:
        """On every engine that has it."""
        name, query = exchange.parameters["name"], dict(exchange.query)
        records = [record for record, _ in await self._holders(name)]
        refuse_failures(await self._asking.each(lambda api: api.post(f"/images/{name}/tag", query), records))
        return empty_answer(201)

    async def remove(self, exchange: Exchange) -> web.StreamResponse:
        """On every engine that has it."""
        name, query = exchange.parameters["name"], dict(exchange.query)
        records = [record for record, _ in await self._holders(name)]
        answers = await self._asking.each(
            lambda api: api.delete(f"/images/{name}", query, timeout=60.0), records
        )
        refuse_failures(answers)
        lines = [line for answer in answers for line in answer.value or ()]
        return json_answer([dict(one) for one in {tuple(sorted(line.items())): None for line in lines}])

    async def prune(self, exchange: Exchange) -> web.StreamResponse:
        return await pruned(self._asking, exchange, "/images/prune", "ImagesDeleted")

    async def prune_builds(self, exchange: Exchange) -> web.StreamResponse:
        return await pruned(self._asking, exchange, "/build/prune", "CachesDeleted")
