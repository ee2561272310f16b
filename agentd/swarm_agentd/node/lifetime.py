"""Readiness and end of one run of a node, for whoever embeds it (docs/design/node.md 6.3)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from swarm_core.runtime.tasks import Group

from swarm_agentd.node.errors import NodeError


class Lifetime:
    """Awaited by any number of tasks."""

    def __init__(self) -> None:
        self._ready, self._ended = asyncio.Event(), asyncio.Event()
        self._failure: BaseException | None = None

    async def until_ready(self) -> None:
        """Return when the node is ready. Raises what ended it before, NodeError where that was no failure."""
        if not await self.until_settled():
            raise self._failure or NodeError("the node ended before it was ready")

    async def until_settled(self) -> bool:
        """Return when the node has been ready, or has ended; whether it has been ready."""
        async with Group() as group:
            waits = (
                group.spawn(self._ready.wait(), name="ready"),
                group.spawn(self._ended.wait(), name="ended"),
            )
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            group.cancel_all()
        return self._ready.is_set()

    async def until_ended(self) -> None:
        """Return when the node has ended politely. Raises what ended it otherwise."""
        await self._ended.wait()
        if self._failure is not None:
            raise self._failure

    @property
    def was_ready(self) -> bool:
        """Whether the node has been ready, whatever became of it."""
        return self._ready.is_set()

    @property
    def is_ready(self) -> bool:
        """Whether the node has been ready and lives."""
        return self._ready.is_set() and not self._ended.is_set()

    def ready(self) -> None:
        """The node is ready from now on."""
        self._ready.set()

    @contextmanager
    def lived(self) -> Iterator[None]:
        """The node lives within the block."""
        try:
            yield
        except asyncio.CancelledError:
            raise
        except BaseException as failure:
            self._failure = failure
            raise
        finally:
            self._ended.set()
