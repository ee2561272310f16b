"""The cluster itself behind the socket: ping, version, info, disk, events (docs/design/engine-commands.md 16.4)."""

import asyncio
import json
import logging
from contextlib import aclosing
from typing import Any, Final

from aiohttp import web

from swarm_core.api.version import VERSION
from swarm_core.engines.errors import EngineError
from swarm_core.engines.face import merge
from swarm_core.engines.face.asking import Asking
from swarm_core.engines.reading import NS_PER_S
from swarm_core.engines.records import EngineKey, Kind
from swarm_core.http.exchange import JSON_TYPE, Exchange, json_answer
from swarm_core.http.routes import Route
from swarm_core.http.version import NEWEST, OLDEST, Version, parse
from swarm_core.runtime.tasks import Group

_log = logging.getLogger(__name__)
_WAITING_MAX: Final = 4096
_AGAIN_S: Final = 1.0


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
                    return [json.loads(line) async for line in lines]

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
        cluster = self._asking.cluster
        waiting: asyncio.Queue[bytes] = asyncio.Queue(_WAITING_MAX)
        followed: dict[EngineKey, asyncio.Task[None]] = {}
        reached: dict[EngineKey, str] = {}
        async with Group() as group:

            def follow_all() -> None:
                for record in cluster.engines():
                    known = followed.get(record.key)
                    if record.state.is_live and (known is None or known.done()):
                        work = self._read(record.key, query, reached, waiting)
                        followed[record.key] = group.spawn(work, name=f"events of {record.key}")

            async def come_and_go() -> None:
                with cluster.changes([Kind.ENGINE]) as changes:
                    follow_all()
                    async for _ in changes:
                        follow_all()

            group.spawn(come_and_go(), name="engines that come and go")
            try:
                while True:
                    await response.write(await waiting.get())
            finally:
                group.cancel_all()

    async def _read(
        self,
        key: EngineKey,
        query: dict[str, str],
        reached: dict[EngineKey, str],
        waiting: "asyncio.Queue[bytes]",
    ) -> None:
        """One engine's events for as long as it lives. `reached` is from when on they are asked for again after a break."""
        cluster = self._asking.cluster
        while True:
            since = {"since": reached[key]} if key in reached else {}
            try:
                async with aclosing(cluster.api(key).lines("GET", "/events", {**query, **since})) as lines:
                    async for line in lines:
                        told = json.loads(line)
                        at_ns = int(told.get("timeNano") or 0) + 1
                        reached[key] = f"{at_ns // NS_PER_S}.{at_ns % NS_PER_S:09d}"
                        await waiting.put(_line(merge.event(told, cluster.engine(key))))
            except (EngineError, ValueError) as error:
                # The cluster finds out by itself what is wrong with the engine.
                _log.debug("the events of engine %s broke off: %s", key, error)
            if not any(one.key == key and one.state.is_live for one in cluster.engines()):
                return  # when it lives again it is followed again
            await self._asking.clock.sleep(_AGAIN_S)


def _line(told: dict[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
