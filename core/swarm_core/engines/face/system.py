"""The cluster itself behind the socket: ping, version, info, disk, events (docs/design/engine-commands.md 16.4)."""

import json
from contextlib import aclosing
from typing import Any

from aiohttp import web

from swarm_core.api.json_text import json_of
from swarm_core.api.version import VERSION
from swarm_core.engines.event_stream import events_of_all
from swarm_core.engines.face import merge
from swarm_core.engines.face.asking import Asking
from swarm_core.http.exchange import JSON_TYPE, Exchange, json_answer
from swarm_core.http.routes import Route
from swarm_core.http.version import NEWEST, OLDEST, Version, parse


class System:
    """The routes."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def newest(self) -> Version:
        """What can be spoken: the newest that the least of the engines speaks."""
        spoken = [record.api_version for record in self._asking.cluster.engines() if record.state.is_live]
        return min([NEWEST, *(parse(text) for text in spoken if text)])

    def routes(self) -> list[Route]:
        """In the order in which they are tried."""
        return [
            Route("GET", "/_ping", self.ping),
            Route("HEAD", "/_ping", self.ping),
            Route("GET", "/version", self.version),
            Route("GET", "/info", self.info),
            Route("GET", "/system/df", self.disk),
            Route("GET", "/events", self.events),
        ]

    async def ping(self, exchange: Exchange) -> web.StreamResponse:
        body = b"" if exchange.request.method == "HEAD" else b"OK"
        return web.Response(
            body=body,
            content_type="text/plain",
            charset="utf-8",
            headers={"Cache-Control": "no-cache", "Builder-Version": "1"},
        )

    async def version(self, exchange: Exchange) -> web.StreamResponse:
        newest = str(self.newest())
        details = {"ApiVersion": newest, "MinAPIVersion": str(OLDEST), "Os": "linux", "Arch": ""}
        return json_answer(
            {
                "Platform": {"Name": "swarm-tui"},
                "Components": [{"Name": "Engine", "Version": f"swarm-tui/{VERSION}", "Details": details}],
                "Version": f"swarm-tui/{VERSION}",
                **details,
                "GitCommit": "",
                "GoVersion": "",
                "BuildTime": "",
                "KernelVersion": "",
            }
        )

    async def info(self, exchange: Exchange) -> web.StreamResponse:
        asking = self._asking
        records = asking.cluster.engines()
        live = [record for record in records if record.state.is_live]
        answers = await asking.each(lambda api: api.get_object("/info"), live)
        infos = {str(one.record.key): one.value for one in answers if one.error is None}
        policy = asking.placer.policy
        told = merge.info(records, infos, strategy=policy.strategy, filters=policy.filters)
        return json_answer({**told, "Name": "swarm-tui", "ServerVersion": f"swarm-tui/{VERSION}"})

    async def disk(self, exchange: Exchange) -> web.StreamResponse:
        """Sums, and everything of every engine."""
        answers = await self._asking.listed(
            lambda api: api.get_object("/system/df", dict(exchange.query), timeout=60.0)
        )
        lines: dict[str, list[Any]] = {
            key: [one for _, told in answers for one in told.get(key) or ()]
            for key in ("Images", "BuildCache")
        }
        lines["Containers"] = [
            merge.container_line(one, by) for by, told in answers for one in told.get("Containers") or ()
        ]
        lines["Volumes"] = [
            merge.volume_line(one, by) for by, told in answers for one in told.get("Volumes") or ()
        ]
        sums = {
            key: sum(int(told.get(key) or 0) for _, told in answers) for key in ("LayersSize", "BuilderSize")
        }
        return json_answer({**sums, **lines})

    async def events(self, exchange: Exchange) -> web.StreamResponse:
        """Of all engines as they come, also of one that comes later; with `until` those that are over, by time."""
        query = dict(exchange.query)
        response = web.StreamResponse(headers={"Content-Type": JSON_TYPE})
        if query.get("until"):

            async def ask(api: Any) -> list[Any]:
                async with aclosing(api.lines("GET", "/events", query)) as lines:
                    return [json_of(line) async for line in lines]

            answers = await self._asking.listed(ask)
            found = [merge.event(told, record) for record, many in answers for told in many]
            await exchange.start(response)
            for told in sorted(found, key=lambda one: int(one.get("timeNano") or 0)):
                await response.write(_line(told))
            return response
        await exchange.start(response)
        await self._follow(response, query)
        return response

    async def _follow(self, response: web.StreamResponse, query: dict[str, str]) -> None:
        asking = self._asking
        stream = events_of_all(asking.cluster, asking.clock, query)
        async with aclosing(stream):
            async for key, told in stream:
                record = next((one for one in asking.cluster.engines() if one.key == key), None)
                if record is not None:  # else it was removed meanwhile
                    await response.write(_line(merge.event(told, record)))


def _line(told: dict[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
