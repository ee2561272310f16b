"""Runs this machine's node: once, and again where that is of use (docs/design/engine-api.md E12).

Rules
1. A node that had been ready and ended is started again, after 0.2 s and after twice as long each time, 30 s at most. So is one that failed
   to start for the second time. A first failure is only kept: whoever asked for the node is told.
2. A node that is locked waits for its key.
3. Ready again, errors and pauses are forgotten. What was meant for one start is not repeated.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

from swarm_agentd.agent.storage import StorageUnusable
from swarm_agentd.node.config import NodeConfig
from swarm_agentd.node.errors import NodeError, NodeLocked
from swarm_agentd.node.lifetime import Lifetime
from swarm_agentd.node.standing import Standing

_log = logging.getLogger(__name__)
DELAY_S, DELAY_MAX_S = 0.1, 30.0
UNUSABLE = (NodeError, StorageUnusable)


class RunsNode(Protocol):
    """Port: node.node.Node."""

    @property
    def life(self) -> Lifetime: ...

    def standing(self) -> Standing: ...

    async def run(self) -> None: ...

    async def leave(self) -> None: ...

    async def remove_tasks(self) -> None: ...

    def opening_key(self) -> bytes | None: ...


MakeNode = Callable[[NodeConfig], AbstractContextManager[RunsNode]]
"""Opens what a node needs of this machine for the block. Raises NodeError, StorageUnusable."""


class NodeRunner:
    """`settled` is set when the node was ready for the first time, or has failed; `node` is there while one lives. `failed_before`: a
    start has failed already. `ready` is called whenever a node has become ready."""

    def __init__(
        self,
        make: MakeNode,
        config: NodeConfig,
        clock: Clock,
        ready: Callable[[], None],
        *,
        failed_before: bool = False,
    ) -> None:
        self.settled = asyncio.Event()
        self.node: RunsNode | None = None
        self.error: Exception | None = None
        self.config = config
        self._make, self._clock, self._ready = make, clock, ready
        self._has_failed = failed_before

    @property
    def is_ready(self) -> bool:
        """Whether a node lives and is ready."""
        return self.node is not None and self.node.life.is_ready

    async def run(self) -> None:
        """Until cancelled, or until no further start is of use. Then `error` says why."""
        delay = DELAY_S
        while True:
            was_ready = await self._live()
            _log.error("the node ended: %s", self.error)
            has_failed, self._has_failed = self._has_failed, True
            self.settled.set()
            if isinstance(self.error, NodeLocked) or not (was_ready or has_failed):
                return
            delay = min((DELAY_S if was_ready else delay) * 2, DELAY_MAX_S)
            _log.info("the node is started again in %.2f seconds", delay)
            await self._clock.sleep(delay)

    async def _live(self) -> bool:
        """One life of the node, to its failure; whether it was ready."""
        was_ready = False
        try:
            with self._make(self.config) as node:
                self.node = node
                try:
                    async with Group() as group:
                        group.spawn(self._note_ready(node), name="readiness of the node")
                        life = group.spawn(_failure_of(node), name="life of the node")
                        await asyncio.wait((life,))
                        group.cancel_all()
                finally:
                    was_ready, self.node = node.life.was_ready, None
                    self._keep_key(node)
                self.error = life.result()
        except UNUSABLE as error:
            self.error = error
        return was_ready

    def _keep_key(self, node: RunsNode) -> None:
        """The next start needs nobody to unlock it, as far as this one knew the key."""
        if (key := node.opening_key()) is not None:
            self.config = replace(self.config, unlock_key=key)

    async def _note_ready(self, node: RunsNode) -> None:
        if not await node.life.until_settled():
            return
        self.error, self._has_failed = None, False
        self.config = replace(self.config, join=None, force_new_cluster=False)
        self._ready()
        self.settled.set()


async def _failure_of(node: RunsNode) -> Exception:
    """Run it; why it ended."""
    try:
        await node.run()
    except UNUSABLE as error:
        return error
    except BaseExceptionGroup as group:
        unusable, other = group.split(UNUSABLE)
        if other is not None or unusable is None:
            raise
        return _first(unusable)
    return NodeError("the node ended by itself")


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    """The first failure of a group of them."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Exception)
    return error
