"""The calls of what no manager stands behind, the past or many engines: every one is refused."""

from collections.abc import AsyncIterator
from typing import Any, Final

from google.protobuf.message import Message
from swarm_core.client.errors import CallFailed

THE_PAST: Final = "this is the past: ctrl+t goes back to now"


class NoCalls:
    """Implements `client.calls.Calls`; `why` is the rest of a sentence."""

    def __init__(self, why: str = THE_PAST) -> None:
        self._why = why

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        raise CallFailed("FAILED_PRECONDITION", self._why)

    async def stream(self, method: str, request: Message) -> AsyncIterator[Any]:
        raise CallFailed("FAILED_PRECONDITION", self._why)
        yield

    async def both_ways(self, method: str, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        raise CallFailed("FAILED_PRECONDITION", self._why)
        yield

    async def close(self) -> None:
        """There is nothing to close."""
