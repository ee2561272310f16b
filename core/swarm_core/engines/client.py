"""One Docker Engine behind its address: requests that stream both ways, and connections of which the bytes are ours.

Rules
1. Nothing is decoded, unpacked or followed: what an engine answers is what the caller gets.
2. No answer is waited for with a limit unless the caller sets one: pulls and logs take as long as they take.
3. Each request has a connection of its own, unless the client keeps them: ending it is how an engine learns that nobody
   listens any more. A request that is left before its answer is whole ends its connection in both cases.
4. aiohttp is loaded with the first request: without it the modules of a cluster's dashboard, which knows of engines too, load in 0.8 of the time.
"""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from swarm_core.api.json_text import json_of
from swarm_core.engines.errors import EngineAway, EngineGarbage, EngineRefused
from swarm_core.engines.records import EngineEntry
from swarm_core.engines.ways import Way, away, silent, way_to

if TYPE_CHECKING:
    import aiohttp

P = TypeVar("P", bound=asyncio.BaseProtocol)
ANSWER_BYTES_MAX = 256 << 20
"""What is read at once; an engine that says more than this is not believed."""
_REQUEST_ONLY = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class EngineClient:
    """The engine of `entry`, or at an address. Made within a running loop; ended by `close`."""

    def __init__(self, entry: EngineEntry | str, *, keeps_connections: bool = False) -> None:
        self._entry = EngineEntry(entry) if isinstance(entry, str) else entry
        self.url = self._entry.url
        self._keeps = keeps_connections
        self._way: Way | None = None
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def request(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        body: AsyncIterator[bytes] | bytes | None = None,
    ) -> "AsyncIterator[aiohttp.ClientResponse]":
        """One request; `target` is path and query as they are sent. Raises EngineAway, also while the answer is read."""
        import aiohttp
        from yarl import URL

        session, way = self._opened()
        base = URL.build(scheme="http", host=way.host)
        try:
            async with session.request(
                method,
                URL(str(base) + target, encoded=True),
                headers=list(headers),
                data=body,
                skip_auto_headers=_REQUEST_ONLY,
                allow_redirects=False,
            ) as response:
                yield response
        except aiohttp.ClientResponseError as error:
            first_line = error.message.partition("\n")[0].rstrip(": ")
            raise self._garbage(f"no HTTP: {first_line}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise self._away(error) from None

    async def read_json(self, target: str, *, timeout: float) -> tuple[Any, dict[str, str]]:
        """What a GET answers, and its headers with names in lower case. Raises EngineAway or EngineRefused."""
        try:
            async with asyncio.timeout(timeout), self.request("GET", target) as response:
                body = await response.read()
                if response.status != 200:
                    raise EngineRefused(response.status, message_of(body))
                headers = {name.lower(): value for name, value in response.headers.items()}
                return (json_of(body) if headers.get("content-type") == "application/json" else body), headers
        except TimeoutError:
            raise silent(self.url, timeout) from None
        except ValueError as error:
            raise self._garbage(f"no JSON: {error}") from None

    async def connect(self, make: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        """A connection of which the bytes are the protocol's that `make` makes. Raises EngineAway."""
        return await self._reached().connect(make)

    async def close(self) -> None:
        """End every request."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        if self._way is not None:
            await self._way.close()

    def _reached(self) -> Way:
        if self._way is None:
            self._way = way_to(self._entry)
        return self._way

    def _opened(self) -> "tuple[aiohttp.ClientSession, Way]":
        from swarm_core.engines.session import session_over

        way = self._reached()
        if self._session is None:
            self._session = session_over(way, keeps_connections=self._keeps)
        return self._session, way

    def _away(self, error: Exception) -> EngineAway:
        import aiohttp

        if isinstance(error, aiohttp.ClientPayloadError):
            return EngineAway(f"the answer of the container engine at {self.url} broke off")
        told = away(self.url, error)
        is_broken = isinstance(error, aiohttp.ServerDisconnectedError) or (
            isinstance(error, OSError) and error.errno == errno.ECONNRESET
        )
        # With TLS 1.3 an engine refuses our certificate after the handshake, and the reset may overtake what it says.
        if is_broken and self._entry.is_encrypted:
            return EngineAway(f"{told}; perhaps it does not believe our certificate")
        return told

    def _garbage(self, what: str) -> EngineGarbage:
        return EngineGarbage(f"the container engine at {self.url} answered {what}")


def message_of(body: bytes) -> str:
    """What an error of an engine says."""
    try:
        return str(json_of(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip()
