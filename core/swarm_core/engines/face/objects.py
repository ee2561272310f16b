"""Volumes and networks behind the socket (docs/design/engine-commands.md 16.4.6)."""

from typing import Any, Final

from aiohttp import web

from swarm_core.engines.face import merge
from swarm_core.engines.face.asking import Asking, pruned, refuse_failures
from swarm_core.engines.records import EngineKey, EngineRecord
from swarm_core.http import errors
from swarm_core.http.exchange import Exchange, empty_answer, json_answer
from swarm_core.http.routes import Route

PROJECT_LABEL: Final = "com.docker.compose.project"
_PROJECTS_MAX: Final = 1000


class Objects:
    """The routes."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._projects: dict[str, EngineKey] = {}
        """Where each project's networks were made, oldest first."""

    def routes(self) -> list[Route]:
        """In the order in which they are tried."""
        return [
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
        ]

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
        return await pruned(self._asking, exchange, "/volumes/prune", "VolumesDeleted")

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
        """On the engine that its name begins with, else where its project's others are, else where a container without wishes would go."""
        body = dict(await exchange.read_json())
        first, slash, rest = str(body.get("Name") or "").partition("/")
        named = [record.key for record in self._asking.live() if slash and record.name == first]
        project = str((body.get("Labels") or {}).get(PROJECT_LABEL) or "")
        if named:
            key, body["Name"] = named[0], rest
        elif (known := self._engine_of_project(project)) is not None:
            key = known
        else:
            decision = await self._asking.placer.explain(self._asking.placer.request("", {}))
            if not decision.ranked:
                raise errors.Failed(decision.failure)
            key = decision.chosen
        made = await self._asking.call(
            key, lambda api: api.post("/networks/create", None, body, timeout=60.0)
        )
        if project:
            self._projects[project] = key
            if len(self._projects) > _PROJECTS_MAX:
                del self._projects[next(iter(self._projects))]
        return json_answer(made, 201)

    def _engine_of_project(self, project: str) -> EngineKey | None:
        """Where a compose project has networks, or containers: one of its containers may be in several of its networks."""
        live = {record.key for record in self._asking.live() if not record.in_maintenance}
        tables = self._asking.cluster.tables
        held = [
            one.engine
            for table in (tables.networks, tables.containers)
            for one in table
            if project and one.labels.get(PROJECT_LABEL) == project
        ]
        # What was made a moment ago is in no table yet.
        for key in (*held, *([self._projects[project]] if project in self._projects else [])):
            if key in live:
                return key
        return None

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
