"""Images, volumes and networks behind the socket (docs/design/engine-commands.md 16.4)."""

import json
from contextlib import aclosing
from typing import Any, Final

from aiohttp import web

from swarm_core.engines.errors import EngineError, EngineRefused
from swarm_core.engines.face import merge
from swarm_core.engines.face.asking import Asking, refuse_failures
from swarm_core.engines.records import EngineRecord
from swarm_core.http import errors
from swarm_core.http.exchange import JSON_TYPE, Exchange, empty_answer, json_answer
from swarm_core.http.routes import Route
from swarm_core.runtime.tasks import Group

_IMAGE: Final = "/images/{name:.*}"


class Objects:
    """The routes."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def routes(self) -> list[Route]:
        """In the order in which they are tried."""
        return [
            Route("GET", "/images/json", self.images),
            Route("POST", "/images/create", self.pull),
            Route("POST", "/images/prune", self.prune_images),
            Route("GET", "/images/search", self.anywhere),
            Route("GET", "/images/viz", self.refuse),
            Route("GET", f"{_IMAGE}/{{what}}", self.image),
            Route("POST", f"{_IMAGE}/tag", self.tag),
            Route("DELETE", _IMAGE, self.remove_image),
            Route("GET", "/volumes", self.volumes),
            Route("POST", "/volumes/create", self.create_volume),
            Route("POST", "/volumes/prune", self.prune_volumes),
            Route("GET", "/volumes/{name:.*}", self.volume),
            Route("DELETE", "/volumes/{name:.*}", self.remove_volume),
            Route("GET", "/networks", self.networks),
            Route("POST", "/networks/create", self.create_network),
            Route("POST", "/networks/prune", self.prune_networks),
            Route("POST", "/networks/{name:.*}/connect", self.join_network),
            Route("POST", "/networks/{name:.*}/disconnect", self.join_network),
            Route("GET", "/networks/{name:.*}", self.network),
            Route("DELETE", "/networks/{name:.*}", self.remove_network),
            Route("POST", "/auth", self.anywhere),
            Route("GET", "/distribution/{name:.*}/json", self.anywhere),
            Route("POST", "/build", self.anywhere),
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
        return min(self._asking.live(), key=lambda record: record.name)

    async def refuse(self, exchange: Exchange) -> web.StreamResponse:
        raise errors.NotImplementedHere("Not supported in clustering mode.")

    # images

    async def images(self, exchange: Exchange) -> web.StreamResponse:
        query = dict(exchange.query)
        answers = await self._asking.listed(lambda api: api.get_list("/images/json", query))
        return json_answer(merge.images(entries for _, entries in answers))

    async def image(self, exchange: Exchange) -> web.StreamResponse:
        """Any engine that has it."""
        record, id_ = (await self._holders(exchange.parameters["name"]))[0]
        path = f"/images/{id_}/{exchange.parameters['what']}"
        return await self._asking.hand_on(exchange, record.key, path)

    async def _holders(self, name: str) -> list[tuple[EngineRecord, str]]:
        """The engines that have an image, and its id there. Raises NotFound."""
        found = await self._asking.having(f"/images/{name}/json")
        if not found:
            raise errors.NotFound(f"No such image: {name}")
        return [(record, str(whole["Id"])) for record, whole in found]

    async def pull(self, exchange: Exchange) -> web.StreamResponse:
        """On every engine at once; each line of progress names its engine. One failure fails the whole, at its end."""
        query = dict(exchange.query)
        auth = exchange.request.headers.get("X-Registry-Auth", "")
        headers = {"X-Registry-Auth": auth} if auth else None
        response = web.StreamResponse(headers={"Content-Type": JSON_TYPE})
        wrong: list[str] = []
        records = self._asking.live()
        await exchange.start(response)

        async def one(record: EngineRecord) -> None:
            api = self._asking.cluster.api(record.key)
            try:
                async with aclosing(api.lines("POST", "/images/create", query, headers=headers)) as lines:
                    async for line in lines:
                        told = json.loads(line)
                        if error := told.get("error"):
                            raise EngineRefused(500, str(error))
                        await _tell(
                            response,
                            record.name,
                            str(told.get("status") or ""),
                            str(told.get("progress") or ""),
                        )
            except (EngineError, ValueError) as error:
                wrong.append(f"{record.name}: {error}")

        async with Group() as group:
            for record in records:
                group.spawn(one(record), name=f"pull on {record.key}")
        if wrong:
            text = "\n".join(wrong)
            await response.write(
                json.dumps({"error": text, "errorDetail": {"message": text}}).encode() + b"\r\n"
            )
        return response

    async def tag(self, exchange: Exchange) -> web.StreamResponse:
        """On every engine that has it."""
        name, query = exchange.parameters["name"], dict(exchange.query)
        records = [record for record, _ in await self._holders(name)]
        refuse_failures(await self._asking.each(lambda api: api.post(f"/images/{name}/tag", query), records))
        return empty_answer(201)

    async def remove_image(self, exchange: Exchange) -> web.StreamResponse:
        """On every engine that has it."""
        name, query = exchange.parameters["name"], dict(exchange.query)
        records = [record for record, _ in await self._holders(name)]
        answers = await self._asking.each(
            lambda api: api.delete(f"/images/{name}", query, timeout=60.0), records
        )
        refuse_failures(answers)
        lines = [line for answer in answers for line in answer.value or ()]
        return json_answer([dict(one) for one in {tuple(sorted(line.items())): None for line in lines}])

    async def prune_images(self, exchange: Exchange) -> web.StreamResponse:
        return await self._pruned(exchange, "/images/prune", "ImagesDeleted")

    async def _pruned(self, exchange: Exchange, path: str, key: str) -> web.StreamResponse:
        query = dict(exchange.query)
        answers = await self._asking.listed(lambda api: api.post(path, query, timeout=None))
        gone = [one for _, told in answers for one in told.get(key) or ()]
        freed = sum(int(told.get("SpaceReclaimed") or 0) for _, told in answers)
        return json_answer({key: gone or None, "SpaceReclaimed": freed})

    # volumes

    async def volumes(self, exchange: Exchange) -> web.StreamResponse:
        query = dict(exchange.query)
        answers = await self._asking.listed(lambda api: api.get_object("/volumes", query))
        found = [
            merge.volume_line(one, record) for record, told in answers for one in told.get("Volumes") or ()
        ]
        return json_answer({"Volumes": found, "Warnings": None})

    async def volume(self, exchange: Exchange) -> web.StreamResponse:
        """Of several the one that is not local to its engine."""
        name = exchange.parameters["name"]
        found = await self._volumes_named(name)
        shared = [one for one in found if one[1].get("Scope", "local") != "local"]
        if len(shared or found) > 1:
            names = ", ".join(f"{record.name}/{whole['Name']}" for record, whole in found)
            raise errors.Conflict(f"{len(found)} are meant by volume {name!r}: {names}")
        record, whole = (shared or found)[0]
        return json_answer(merge.volume_line(whole, record))

    async def _volumes_named(self, name: str) -> list[tuple[EngineRecord, Any]]:
        """The engines that have a volume of this name, or the one that the name begins with. Raises NotFound."""
        first, slash, bare = name.partition("/")
        found = await self._asking.having(f"/volumes/{bare if slash else name}")
        found = [one for one in found if not slash or one[0].name == first]
        if not found:
            raise errors.NotFound(f"get {name}: no such volume")
        return found

    async def create_volume(self, exchange: Exchange) -> web.StreamResponse:
        """On every engine, or on the one that its name begins with."""
        body = dict(await exchange.read_json())
        first, slash, rest = str(body.get("Name") or "").partition("/")
        records = self._asking.live()
        if slash and (named := [record for record in records if record.name == first]):
            records, body["Name"] = named, rest
        answers = await self._asking.each(lambda api: api.post("/volumes/create", None, body), records)
        refuse_failures(answers)
        made = answers[0].value
        return json_answer(merge.volume_line(made, answers[0].record) if slash else made, 201)

    async def remove_volume(self, exchange: Exchange) -> web.StreamResponse:
        """On every engine that has one of this name, or on the one that the name begins with."""
        found = await self._volumes_named(exchange.parameters["name"])
        bare, query = found[0][1]["Name"], dict(exchange.query)
        records = [record for record, _ in found]
        refuse_failures(await self._asking.each(lambda api: api.delete(f"/volumes/{bare}", query), records))
        return empty_answer(204)

    async def prune_volumes(self, exchange: Exchange) -> web.StreamResponse:
        return await self._pruned(exchange, "/volumes/prune", "VolumesDeleted")

    # networks

    async def networks(self, exchange: Exchange) -> web.StreamResponse:
        query = dict(exchange.query)
        answers = await self._asking.listed(lambda api: api.get_list("/networks", query))
        return json_answer(merge.networks(answers))

    async def network(self, exchange: Exchange) -> web.StreamResponse:
        record, whole = await self._network_named(exchange.parameters["name"])
        query = dict(exchange.query)
        whole = await self._asking.call(
            record.key, lambda api: api.get_object(f"/networks/{whole['Id']}", query)
        )
        return json_answer(merge.network_line(whole, record))

    async def _network_named(self, name: str) -> tuple[EngineRecord, Any]:
        """The one network that is meant. One of the whole cluster is one, on however many engines. Raises NotFound, Conflict."""
        first, slash, bare = name.partition("/")
        found = await self._asking.having(f"/networks/{bare if slash else name}")
        found = [one for one in found if not slash or one[0].name == first]
        if not found:
            raise errors.NotFound(f"network {name} not found")
        if len({whole["Id"] for _, whole in found}) > 1:
            names = ", ".join(f"{record.name}/{whole['Name']}" for record, whole in found)
            raise errors.Conflict(f"{len(found)} are meant by network {name!r}: {names}")
        return found[0]

    async def create_network(self, exchange: Exchange) -> web.StreamResponse:
        """On the engine that its name begins with, else on the one that a container without wishes would get."""
        body = dict(await exchange.read_json())
        first, slash, rest = str(body.get("Name") or "").partition("/")
        named = [record.key for record in self._asking.live() if slash and record.name == first]
        if named:
            key, body["Name"] = named[0], rest
        else:
            decision = await self._asking.placer.explain(self._asking.placer.request("", {}))
            if not decision.ranked:
                raise errors.Failed(decision.failure)
            key = decision.chosen
        made = await self._asking.call(
            key, lambda api: api.post("/networks/create", None, body, timeout=60.0)
        )
        return json_answer(made, 201)

    async def join_network(self, exchange: Exchange) -> web.StreamResponse:
        """On the engine of the container that joins or leaves."""
        body = dict(await exchange.read_json())
        find, name = self._asking.cluster.find, exchange.parameters["name"]
        one = self._asking.looked_up(lambda: find.container(str(body.get("Container") or "")))
        record = self._asking.cluster.engine(one.engine)
        bare = name.removeprefix(f"{record.name}/")
        path = f"/networks/{bare}/{exchange.path.rpartition('/')[2]}"
        await self._asking.call(one.engine, lambda api: api.post(path, None, {**body, "Container": one.id}))
        await self._asking.look_again(one.engine, one.id)
        return empty_answer(200)

    async def remove_network(self, exchange: Exchange) -> web.StreamResponse:
        record, whole = await self._network_named(exchange.parameters["name"])
        await self._asking.call(record.key, lambda api: api.delete(f"/networks/{whole['Id']}"))
        return empty_answer(204)

    async def prune_networks(self, exchange: Exchange) -> web.StreamResponse:
        query = dict(exchange.query)
        answers = await self._asking.listed(lambda api: api.post("/networks/prune", query, timeout=None))
        gone = [one for _, told in answers for one in told.get("NetworksDeleted") or ()]
        return json_answer({"NetworksDeleted": gone or None})


async def _tell(response: web.StreamResponse, engine: str, status: str, progress: str) -> None:
    line = {"id": engine, "status": status, **({"progress": progress} if progress else {})}
    await response.write(json.dumps(line).encode() + b"\r\n")
