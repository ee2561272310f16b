"""The calls of a cluster that is past: every one is refused, so that nothing seen there can reach the cluster of now."""

from collections.abc import AsyncIterator
from typing import Any, Final

from google.protobuf.message import Message
from swarm_core.client.errors import CallFailed

_REFUSED: Final = "this is the past: ctrl+t goes back to now"


class NoCalls:
    """Implements `client.calls.Calls`."""

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        raise CallFailed("FAILED_PRECONDITION", _REFUSED)

    async def stream(self, method: str, request: Message) -> AsyncIterator[Any]:
        raise CallFailed("FAILED_PRECONDITION", _REFUSED)
        yield

    async def both_ways(self, method: str, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        raise CallFailed("FAILED_PRECONDITION", _REFUSED)
        yield

    async def close(self) -> None:
        """There is nothing to close."""
