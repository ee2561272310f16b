"""The port that control, watch and logs need: unary calls and server streams to one cluster.

`client.connection.Connection` is the real one, `swarm_testkit.cluster_fake.FakeCluster` the one of tests. Methods are
named "Service.Method" within docker.swarmkit.v1. Failures are those of `client.errors`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from google.protobuf.message import Message


class Calls(Protocol):
    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        """The answer of one unary call. Raises CallFailed or Unreachable."""

    def stream(self, method: str, request: Message) -> AsyncIterator[Any]:
        """The messages of one server stream; reading raises CallFailed or Unreachable."""

    def both_ways(self, method: str, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Send a client stream while the messages of a server stream come; reading raises CallFailed or Unreachable. `requests` is closed
        at the end."""

    async def close(self) -> None:
        """End every call and the connection."""


@asynccontextmanager
async def opened(stream: AsyncIterator[Any]) -> AsyncIterator[AsyncIterator[Any]]:
    """`stream`, closed when the block is left: whoever stops reading early also ends the call."""
    try:
        yield stream
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
