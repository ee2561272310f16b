"""Many engines asked for one client's request, and one engine's answer handed on.

Rules
1. An engine that does not answer costs the others nothing; a list is made of what came.
2. A refusal of the one engine that is meant is the client's answer as it is. Several refusals are one, a line for each engine.
3. What changes a container is followed by a look at that container, so that the client's next request finds it as it is.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from aiohttp import web

from swarm_core.engines.api import EngineApi
from swarm_core.engines.cluster import EngineCluster
from swarm_core.engines.errors import Ambiguous, EngineAway, EngineError, EngineRefused, NotFound
from swarm_core.engines.hijack import hijack
from swarm_core.engines.placer import Placer
from swarm_core.engines.records import EngineKey, EngineRecord
from swarm_core.engines.relay import body_of, headers_on, relay
from swarm_core.http import errors
from swarm_core.http.exchange import Exchange, json_answer
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

T = TypeVar("T")


class Refused(errors.HttpError):
    """An engine's own refusal."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answered:
    """What one engine answered: `value`, or `error`."""

    record: EngineRecord
    value: Any = None
    error: EngineError | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """The engines behind the socket."""

    cluster: EngineCluster
    placer: Placer
    clock: Clock

    def live(self) -> list[EngineRecord]:
        """Those that can be asked. Raises Unavailable where none can."""
        found = [record for record in self.cluster.engines() if record.state.is_live]
        if not found:
            raise errors.Unavailable("No healthy node available in the cluster")
        return found

    async def each(
        self, work: Callable[[EngineApi], Awaitable[Any]], records: Sequence[EngineRecord] | None = None
    ) -> list[Answered]:
        """What these engines answer, or all that live, asked at once."""
        asked = self.live() if records is None else records
        found: dict[EngineKey, Answered] = {}

        async def one(record: EngineRecord) -> None:
            try:
                found[record.key] = Answered(record, await work(self.cluster.api(record.key)))
            except EngineError as error:
                self.doubt(record.key, error)
                found[record.key] = Answered(record, error=error)

        async with Group() as group:
            for record in asked:
                group.spawn(one(record), name=f"ask {record.key}")
        return [found[record.key] for record in asked]

    async def listed(self, work: Callable[[EngineApi], Awaitable[Any]]) -> list[tuple[EngineRecord, Any]]:
        """The answers that came. Raises Refused where every engine refused: what was asked is wrong."""
        answers = await self.each(work)
        came = [(one.record, one.value) for one in answers if one.error is None]
        refusals = [one.error for one in answers if isinstance(one.error, EngineRefused)]
        if not came and refusals:
            raise Refused(refusals[0].status, refusals[0].message)
        return came

    async def having(self, path: str) -> list[tuple[EngineRecord, Any]]:
        """The engines that have what `path` names, asked now: what was made a moment ago is in no table yet."""
        answers = await self.each(lambda api: api.get_object(path))
        return [(one.record, one.value) for one in answers if one.error is None]

    def looked_up(self, find: Callable[[], T]) -> T:
        """What a look-up finds. Raises errors.NotFound or errors.Conflict."""
        try:
            return find()
        except NotFound as error:
            raise errors.NotFound(str(error)) from None
        except Ambiguous as error:
            raise errors.Conflict(str(error)) from None

    async def hand_on(
        self, exchange: Exchange, key: EngineKey, path: str, body: bytes | None = None
    ) -> web.StreamResponse:
        """The request at one engine, with `path` for its own. Raises Refused, Unavailable."""
        api = self._api(key)
        headers = headers_on(exchange.request)
        if body is not None:
            headers = [one for one in headers if one[0].lower() != "content-length"]
        try:
            return await relay(
                exchange,
                api.client,
                self._target(exchange, path),
                headers,
                body_of(exchange) if body is None else body,
            )
        except EngineAway as error:
            self.doubt(key, error)
            if exchange.started:
                raise
            raise errors.Unavailable(f"{str(error).rstrip('.')}.") from None

    async def hand_over(self, exchange: Exchange, key: EngineKey, path: str) -> web.StreamResponse:
        """The client's connection itself, from the request on."""
        api = self._api(key)
        body = await exchange.read_body() if exchange.has_body else b""
        try:
            return await hijack(exchange, api.client, body, self._target(exchange, path))
        except EngineAway as error:
            self.doubt(key, error)
            raise errors.Unavailable(f"{str(error).rstrip('.')}.") from None

    async def call(self, key: EngineKey, work: Callable[[EngineApi], Awaitable[T]]) -> T:
        """What one engine answers to a call of ours. Raises Refused, Unavailable."""
        try:
            return await work(self._api(key))
        except EngineRefused as error:
            raise Refused(error.status, error.message) from None
        except EngineError as error:
            self.doubt(key, error)
            raise errors.Unavailable(f"{str(error).rstrip('.')}.") from None

    async def look_again(self, key: EngineKey, id_: str) -> None:
        """Know the container as it is now. An engine that cannot tell is looked at by itself."""
        try:
            await self.cluster.refresh(key, id_)
        except EngineError as error:
            self.doubt(key, error)

    def _api(self, key: EngineKey) -> EngineApi:
        try:
            return self.cluster.api(key)
        except EngineError as error:
            raise errors.Failed(str(error)) from None

    def doubt(self, key: EngineKey, error: EngineError) -> None:
        """A call failed: where that speaks against the engine, see whether it lives."""
        if isinstance(error, EngineAway):
            try:
                self.cluster.suspect(key, error)
            except NotFound:
                return  # it was removed meanwhile

    @staticmethod
    def _target(exchange: Exchange, path: str) -> str:
        _, _, query = exchange.request.raw_path.partition("?")
        return f"/v{exchange.version}{quote(path)}" + (f"?{query}" if query else "")


def refuse_failures(answers: Sequence[Answered]) -> None:
    """Raise Refused with a line for each engine that failed, if any did."""
    wrong = [one for one in answers if one.error is not None]
    if wrong:
        statuses = {one.error.status for one in wrong if isinstance(one.error, EngineRefused)}
        status = statuses.pop() if len(statuses) == 1 else 500
        raise Refused(status, "\n".join(f"{one.record.name}: {one.error}" for one in wrong))


async def pruned(asking: Asking, exchange: Exchange, path: str, key: str) -> web.StreamResponse:
    """What every engine removed that nobody used, and what that freed."""
    query = dict(exchange.query)
    answers = await asking.listed(lambda api: api.post(path, query, timeout=None))
    gone = [one for _, told in answers for one in told.get(key) or ()]
    freed = sum(int(told.get("SpaceReclaimed") or 0) for _, told in answers)
    return json_answer({key: gone or None, "SpaceReclaimed": freed})
