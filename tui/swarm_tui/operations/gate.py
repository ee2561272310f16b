"""The one place where levels are enforced (docs/design/plans.md 13.1): every call that a face sends to a cluster passes here.

A call that only looks is passed on. One that changes something is judged by what it would make of the object as it is now. What
nobody here knows needs the highest level.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final

from google.protobuf.message import Message
from swarm_core.api.proto import control_pb2
from swarm_core.client.calls import Calls, opened
from swarm_core.client.cluster import Cluster
from swarm_core.client.errors import CallFailed

from swarm_tui.clusters.allowance import Allowance, Level
from swarm_tui.operations.forecast.model import Pair
from swarm_tui.operations.levels import level_of_pair

_CONTROL: Final = "Control."
_LOOKS: Final = ("Get", "List")
_OPERATES: Final = ("Rollouts.HoldRollout", "Rollouts.ResumeRollout")
_STREAMS: Final = ("Watch.Watch", "Logs.SubscribeLogs", "Progress.WatchProgress", "Usage.WatchUsage")


class LevelTooLow(CallFailed):
    """The person has not allowed as much; only a higher level helps."""

    def __init__(self, text: str) -> None:
        super().__init__("PERMISSION_DENIED", text)


class Gate:
    """Implements `client.calls.Calls`, in front of those of a cluster."""

    def __init__(self, calls: Calls, allowance: Allowance) -> None:
        self._calls = calls
        self._allowance = allowance

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        """The answer of one call. Raises LevelTooLow where it changes more than is allowed."""
        if self._allowance.level < Level.IMPACT:
            self._check(await self._needed(method, request))
        return await self._calls.call(method, request, timeout=timeout)

    async def stream(self, method: str, request: Message) -> AsyncIterator[Any]:
        """The messages of a stream. Raises LevelTooLow for one that does more than tell."""
        if method not in _STREAMS:
            self._check(Level.IMPACT)
        async for message in self._calls.stream(method, request):
            yield message

    async def both_ways(self, method: str, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """The messages of a stream against another. Raises LevelTooLow: whoever runs a command can do everything."""
        self._check(Level.IMPACT)
        async with opened(self._calls.both_ways(method, requests)) as messages:
            async for message in messages:
                yield message

    async def close(self) -> None:
        """End every call and the connection."""
        await self._calls.close()

    def _check(self, needed: Level) -> None:
        if text := self._allowance.refusal(needed):
            raise LevelTooLow(text)

    async def _needed(self, method: str, request: Any) -> Level:
        _, _, action = method.partition(".")
        if action.startswith(_LOOKS):
            return Level.LOOK
        if method in _OPERATES:
            return Level.OPERATE
        if not method.startswith(_CONTROL):
            return Level.IMPACT
        if action.startswith("Create"):
            return Level.CONFIGURE
        if not action.startswith("Update"):
            return Level.IMPACT
        if getattr(request, "rollback", 0) == control_pb2.UpdateServiceRequest.PREVIOUS:
            return Level.OPERATE
        return await self._of_update(action.removeprefix("Update"), request)

    async def _of_update(self, noun: str, request: Any) -> Level:
        field = f"{noun.lower()}_id"
        asked = getattr(control_pb2, f"Get{noun}Request")(**{field: getattr(request, field)})
        before: Any = getattr(await self._calls.call(f"Control.Get{noun}", asked), noun.lower())
        after = type(before)()
        after.CopyFrom(before)
        after.spec.CopyFrom(request.spec)
        return level_of_pair(Pair(before, after))


def gated(cluster: Cluster, allowance: Allowance) -> Cluster:
    """The cluster behind a gate."""
    return replace(cluster, calls=Gate(cluster.calls, allowance))
