"""aiohttp's session over the connections of one engine."""

from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

from swarm_core.engines.ways import Way

_FIELD_BYTES_MAX: Final = 1 << 20


def session_over(way: Way, *, keeps_connections: bool) -> aiohttp.ClientSession:
    """A session that waits without a limit and leaves answers as they are sent. Made within a running loop."""
    return aiohttp.ClientSession(
        connector=_Connector(way, force_close=not keeps_connections),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        max_line_size=_FIELD_BYTES_MAX,
        max_field_size=_FIELD_BYTES_MAX,
    )


class _Connector(aiohttp.BaseConnector):
    """Connections of aiohttp, opened by a way. `_create_connection` is what aiohttp has its connectors override."""

    def __init__(self, way: Way, *, force_close: bool) -> None:
        super().__init__(force_close=force_close, limit=0)
        self._engine_way = way

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        return (await self._engine_way.connect(self._factory))[1]
