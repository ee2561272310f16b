"""Answers to reads, kept until the objects that they show have changed (docs/design/engine-api.md E10.8).

Rules
1. An answer is kept with the versions that its kinds had before the managers were asked. It is good while they are the same: then nobody has
   to be asked, whoever made the last change and by whatever way.
2. Where the manager does not tell versions every request is asked anew.
3. What the managers know of raft's members stands in no object: an answer that shows it is good for a tenth of a second at most.
4. The answers that were not asked for longest go when all of them take too much room.
"""

import math
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web
from google.protobuf.message import Message
from swarm_core.api.store_versions import Versions
from swarm_core.http.exchange import JSON_TYPE, Exchange
from swarm_core.http.routes import Handler
from swarm_core.runtime.clock import Clock

ROOM: Final = 32 << 20
"""Bytes of bodies."""
MEMBERS_S: Final = 0.1
_OVERHEAD: Final = 512
"""What a kept answer takes beside its body."""


class TellsVersions(Protocol):
    """Port: this node's manager."""

    def versions(self, kinds: tuple[type[Message], ...]) -> Versions | None:
        """Which objects of these kinds there are; None where that is not known. Raises HttpError where nobody can be asked."""


@dataclass(frozen=True, slots=True)
class _Kept:
    versions: Versions
    until: float
    body: bytes


class KeptAnswers:
    """The answers of one face."""

    def __init__(self, managers: TellsVersions, clock: Clock, room: int = ROOM) -> None:
        self._managers, self._clock, self._room = managers, clock, room
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._taken = 0

    def of(self, handler: Handler, *kinds: type[Message], lasts_s: float = math.inf) -> Handler:
        """`handler`, asked only when it has to be: it shows objects of these kinds, and nothing else that changes faster than in `lasts_s`."""

        async def kept(exchange: Exchange) -> web.StreamResponse:
            versions = self._managers.versions(kinds)
            if versions is None:
                return await handler(exchange)
            key, now = (str(exchange.version), exchange.request.raw_path), self._clock.monotonic()
            found = self._kept.pop(key, None)
            if found is not None:
                if found.versions == versions and now < found.until:
                    self._kept[key] = found  # the newest of all
                    return _answer(found.body)
                self._taken -= _size(key, found)
            answer = await handler(exchange)
            if isinstance(answer, web.Response) and answer.status == 200 and isinstance(answer.body, bytes):
                self._keep(key, _Kept(versions, now + lasts_s, answer.body))
            return answer

        return kept

    def _keep(self, key: tuple[str, str], made: _Kept) -> None:
        if (before := self._kept.pop(key, None)) is not None:
            self._taken -= _size(key, before)  # of somebody who asked the same meanwhile
        self._kept[key] = made
        self._taken += _size(key, made)
        while self._taken > self._room:
            oldest = next(iter(self._kept))
            self._taken -= _size(oldest, self._kept.pop(oldest))


def _size(key: tuple[str, str], kept: _Kept) -> int:
    return len(kept.body) + 2 * len(key[1]) + _OVERHEAD


def _answer(body: bytes) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": JSON_TYPE})
