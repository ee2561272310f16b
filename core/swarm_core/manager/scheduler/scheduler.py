"""The leader's scheduler: feeds the board from the store and writes what the board decides.

There is no debounce (docs/design: group commit): it takes the commits that are there, plans, proposes all
decisions as one batch, and what was committed meanwhile is the next lot.
"""

import logging
import random
from collections.abc import Callable

from swarm_core.api.proto.objects_pb2 import Node, Task, Volume
from swarm_core.api.proto.types_pb2 import PENDING, RUNNING
from swarm_core.manager.scheduler.board import Board
from swarm_core.manager.scheduler.decisions import Free
from swarm_core.runtime.clock import Clock
from swarm_core.store.events import Commit, Deleted
from swarm_core.store.memory import MemoryStore
from swarm_core.watch.queue import Overflow, Subscription

log = logging.getLogger(__name__)


class Scheduler:
    """Leader component. Placement leaves nothing to chance: `rng` is taken as every component's and unused. `decided`, where there is one, is
    told of each pass that came to decisions: how long it took until they were written, in seconds, and how many they were."""

    name = "scheduler"

    def __init__(
        self,
        *,
        store: MemoryStore,
        clock: Clock,
        rng: random.Random,
        decided: Callable[[float, int], None] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._decided = decided
        self._board: Board | None = None  # what is counted while it runs

    async def run(self) -> None:
        """Schedule until cancelled."""
        while True:
            with self._store.subscribe(Node, Task, Volume) as events:
                try:
                    await self._follow(events)
                except Overflow:
                    log.warning("fell behind the store's changes; starting over from its content")

    async def _follow(self, events: Subscription[Commit]) -> None:
        board = self._board = self._fill_board()
        await self._decide(board)
        async for commits in events:
            for commit in commits:
                _feed(board, commit)
            await self._decide(board)

    def _fill_board(self) -> Board:
        board = Board(self._clock)
        for node in self._store.find(Node):
            board.node_changed(node)
        for volume in self._store.find(Volume):
            board.volume_changed(volume)
        for task in self._store.find(Task):
            if PENDING <= task.status.state <= RUNNING:
                board.task_changed(task)
        return board

    async def _decide(self, board: Board) -> None:
        start = self._clock.monotonic()
        decisions = board.plan()
        if not decisions:
            return
        results = await self._store.batch(decision.write for decision in decisions)
        if self._decided is not None:
            self._decided(self._clock.monotonic() - start, len(decisions))
        for decision, error in zip(decisions, results, strict=True):
            if error is None:
                continue
            if isinstance(decision, Free):
                log.error("volume %s could not be freed: %s", decision.volume_id, error)
            else:
                log.debug("task %s: %s", decision.task.id, error)
                board.refused(decision)


def _feed(board: Board, commit: Commit) -> None:
    for event in commit.events:
        item = event.object
        if isinstance(item, Task):
            (board.task_removed if isinstance(event, Deleted) else board.task_changed)(item)
        elif isinstance(item, Node):
            if isinstance(event, Deleted):
                board.node_removed(item.id)
            else:
                board.node_changed(item)
        elif isinstance(item, Volume):
            if isinstance(event, Deleted):
                board.volume_removed(item.id)
            else:
                board.volume_changed(item)
