"""One Docker Engine behind a socket: requests that stream both ways, and connections of which the bytes are ours.

Rules
1. Nothing is decoded, unpacked or followed: what an engine answers is what the caller gets.
2. No answer is waited for with a limit unless the caller sets one: pulls and logs take as long as they take.
3. Each request has a connection of its own: ending it is how an engine learns that nobody listens any more.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from swarm_core.engines.errors import EngineAway, EngineRefused

P = TypeVar("P", bound=asyncio.BaseProtocol)
_FIELD_BYTES_MAX = 1 << 20
_REQUEST_ONLY = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class EngineClient:
    """The engine at `url`: unix://PATH, or tcp://HOST:PORT without TLS. Made within a running loop; ended by `close`."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self._path = url.removeprefix("unix://") if parts.scheme == "unix" else ""
        self._host, self._port = parts.hostname or "localhost", parts.port or 2375
        self._is_reachable = parts.scheme in ("unix", "tcp", "http")
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def request(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        body: AsyncIterator[bytes] | bytes | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request; `target` is path and query as they are sent. Raises EngineAway, also while the answer is read."""
        base = URL.build(scheme="http", host="docker" if self._path else self._host, port=self._port)
        try:
            async with self._opened().request(
                method,
                URL(str(base) + target, encoded=True),
                headers=list(headers),
                data=body,
                skip_auto_headers=_REQUEST_ONLY,
                allow_redirects=False,
            ) as response:
                yield response
        except (aiohttp.ClientError, OSError) as error:
            raise self._away(error) from None

    async def read_json(self, target: str, *, timeout: float) -> tuple[Any, dict[str, str]]:
        """What a GET answers, and its headers with names in lower case. Raises EngineAway or EngineRefused."""
        try:
            async with asyncio.timeout(timeout), self.request("GET", target) as response:
                body = await response.read()
                if response.status != 200:
                    raise EngineRefused(response.status, _message(body))
                headers = {name.lower(): value for name, value in response.headers.items()}
                return (
                    json.loads(body) if headers.get("content-type") == "application/json" else body
                ), headers
        except TimeoutError:
            raise EngineAway(
                f"the container engine at {self.url} did not answer within {timeout:g} s"
            ) from None
        except ValueError as error:
            raise EngineAway(f"the container engine at {self.url} answered no JSON: {error}") from None

    async def connect(self, make: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        """A connection of which the bytes are the protocol's that `make` makes. Raises EngineAway."""
        loop = asyncio.get_running_loop()
        self._refuse_unreachable()
        try:
            if self._path:
                return await loop.create_unix_connection(make, self._path)
            return await loop.create_connection(make, self._host, self._port)
        except OSError as error:
            raise self._away(error) from None

    async def close(self) -> None:
        """End every request."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        self._refuse_unreachable()
        if self._session is None:
            connector: aiohttp.BaseConnector = (
                aiohttp.UnixConnector(self._path, force_close=True, limit=0)
                if self._path
                else aiohttp.TCPConnector(force_close=True, limit=0)
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                max_line_size=_FIELD_BYTES_MAX,
                max_field_size=_FIELD_BYTES_MAX,
            )
        return self._session

    def _refuse_unreachable(self) -> None:
        if not self._is_reachable:
            raise EngineAway(
                f"an engine at {self.url} cannot be reached from here: only unix:// and tcp:// can"
            )

    def _away(self, error: BaseException) -> EngineAway:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return EngineAway(f"the container engine at {self.url} does not answer: {reason}")


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip()
