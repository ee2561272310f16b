"""The allocator: subnets for networks, endpoints for services, addresses for tasks and nodes (docs/design/allocator.md).

What it cannot give stays as it is, and the tasks that wait for it say why. All that it knows is in the store, so it goes on with what a
leader of another make has given, and such a leader goes on with what it gave.
"""

import logging
import random
from functools import partial

from swarm_core.api.proto.objects_pb2 import Cluster, Network, Node, Service, Task
from swarm_core.api.timestamps import timestamp
from swarm_core.manager.allocator.board import Board
from swarm_core.manager.allocator.subnets import Pools
from swarm_core.runtime.clock import Clock
from swarm_core.store.events import Commit, Deleted, Event
from swarm_core.store.memory import MemoryStore
from swarm_core.watch.queue import Overflow, Subscription

log = logging.getLogger(__name__)


class _OtherSubnets(Exception):
    """A network's addresses are others now."""


class Allocator:
    """Leader component. It leaves nothing to chance: `rng` is taken as every component's and unused."""

    name = "allocator"

    def __init__(self, *, store: MemoryStore, clock: Clock, rng: random.Random) -> None:
        self._store = store
        self._clock = clock
        self._board: Board | None = None  # what is counted while it runs

    async def run(self) -> None:
        """Allocate until cancelled."""
        while True:
            with self._store.subscribe(Network, Service, Node, Task) as events:
                try:
                    await self._follow(events)
                except Overflow:
                    log.warning("fell behind the store's changes; starting over from its content")
                except _OtherSubnets:
                    log.info("the subnets of a network changed; starting over from the store")

    async def _follow(self, events: Subscription[Commit]) -> None:
        board = self._board = self._fill_board()
        await self._decide(board)
        async for commits in events:
            for commit in commits:
                for event in commit.events:
                    _feed(board, event)
            await self._decide(board)

    def _fill_board(self) -> Board:
        board = Board(Pools.of(next(iter(self._store.find(Cluster)), None)))
        for network in self._store.find(Network):
            board.network_changed(network)
        for service in self._store.find(Service):
            board.service_changed(service)
        for node in self._store.find(Node):
            board.node_changed(node)
        for task in self._store.find(Task):
            board.task_changed(task)
        return board

    async def _decide(self, board: Board) -> None:
        decisions = board.plan()
        if not decisions:
            return
        now = timestamp(self._clock.wall_ns())
        results = await self._store.batch(partial(decision.write, now=now) for decision in decisions)
        for decision, error in zip(decisions, results, strict=True):
            if error is not None:
                log.debug("not allocated: %s", error)
                board.refused(decision)


def _feed(board: Board, event: Event) -> None:
    item, is_gone = event.object, isinstance(event, Deleted)
    match item:
        case Task():
            (board.task_removed if is_gone else board.task_changed)(item)
        case Node():
            board.node_removed(item.id) if is_gone else board.node_changed(item)
        case Service():
            board.service_removed(item.id) if is_gone else board.service_changed(item)
        case Network():
            if board.has_other_subnets(item):
                raise _OtherSubnets
            board.network_removed(item.id) if is_gone else board.network_changed(item)
