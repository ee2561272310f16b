"""One client's log subscription: which nodes are asked, which still owe something, and what has come.

Without following it is complete when every node asked is done and all that came is read. Records wait in a bounded queue;
who publishes into a full one waits. Following subscriptions never complete by themselves.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence

from swarm_core.api.proto.logbroker_pb2 import (
    LogMessage,
    LogSelector,
    LogSubscriptionOptions,
    SubscriptionMessage,
)
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import RUNNING
from swarm_core.api.timestamps import timestamp
from swarm_core.rules.log_positions import LogPositions
from swarm_core.store.by import ByService
from swarm_core.store.memory import MemoryStore

BATCHES_MAX = 64
_READ_BYTES = 1024 * 1024


class Subscription:
    """`nodes` are asked so far."""

    def __init__(self, subscription_id: str, selector: LogSelector, options: LogSubscriptionOptions) -> None:
        self.id = subscription_id
        self.selector = selector
        self.options = options
        self.nodes: dict[str, None] = {}
        self.is_closed = False
        self._owing: set[str] = set()
        self._errors: dict[str, str] = {}
        self._unplaced: set[str] = set()
        self._service_ids = frozenset(selector.service_ids)
        self._task_ids = frozenset(selector.task_ids)
        self._positions: dict[str, LogPositions] = {}
        """Of the nodes that have published into a subscription that follows."""
        self._batches: deque[Sequence[LogMessage]] = deque()
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()

    # who is asked

    def find_nodes(self, store: MemoryStore) -> list[str]:
        """Take in what the selector means now; the nodes that are new."""
        new = [node_id for node_id in self.selector.node_ids if self._ask(node_id)]
        for task_id in self.selector.task_ids:
            if (task := store.get(Task, task_id)) is not None and (node_id := self._place(task)):
                new.append(node_id)
        for service_id in self.selector.service_ids:
            for task in store.find(Task, ByService(service_id)):
                if (self.options.follow or task.status.state >= RUNNING) and (node_id := self._place(task)):
                    new.append(node_id)
        return new

    def see(self, task: Task) -> str:
        """A task changed; the node that is newly concerned by it, or nothing."""
        if task.service_id in self._service_ids or task.id in self._task_ids:
            return self._place(task)
        return ""

    def message(self, node_id: str, *, close: bool = False) -> SubscriptionMessage:
        """What a node is told; one that published before is asked for what is missing. The options are always there: agents of
        other makes rely on it."""
        message = SubscriptionMessage(id=self.id, selector=self.selector, options=self.options, close=close)
        message.options.SetInParent()
        positions = self._positions.get(node_id)
        if positions is not None and positions.has_begun:
            message.options.tail = 0
            message.options.since.CopyFrom(timestamp(positions.reached_ns))
        return message

    def awaits(self, node_id: str) -> bool:
        """Whether the node is to be told of this subscription when it comes."""
        return node_id in self.nodes and (self.options.follow or node_id in self._owing)

    def done(self, node_id: str, error: str = "") -> None:
        """The node has sent all it has, or failed with `error`. Only the first time counts."""
        if node_id in self._owing:
            self._owing.discard(node_id)
            if error:
                self._errors[node_id] = error
            self._readable.set()

    def reasons(self) -> list[str]:
        """Why something may be missing."""
        missing = [f"node {node_id}: {self._errors[node_id]}" for node_id in sorted(self._errors)]
        return missing + [f"task {task_id} has not been scheduled" for task_id in sorted(self._unplaced)]

    def _place(self, task: Task) -> str:
        if not task.node_id:
            self._unplaced.add(task.id)
            return ""
        self._unplaced.discard(task.id)
        return task.node_id if self._ask(task.node_id) else ""

    def _ask(self, node_id: str) -> bool:
        if node_id in self.nodes:
            return False
        self.nodes[node_id] = None
        self._owing.add(node_id)
        return True

    # what comes

    def begin(self, node_id: str) -> None:
        """A node starts to publish, perhaps not for the first time."""
        if self.options.follow:
            self._positions.setdefault(node_id, LogPositions()).begin_anew()

    async def publish(self, node_id: str, messages: Iterable[LogMessage]) -> None:
        """Queue what is new; waits while the queue is full. After `close` they are dropped."""
        while len(self._batches) >= BATCHES_MAX and not self.is_closed:
            self._writable.clear()
            await self._writable.wait()
        positions = self._positions.get(node_id)
        new = list(messages) if positions is None else [one for one in messages if positions.is_new(one)]
        if not self.is_closed and (batch := new):
            self._batches.append(batch)
            self._readable.set()

    async def read(self) -> list[LogMessage] | None:
        """The next records in order of arrival; None when nothing more comes."""
        while not self._batches:
            if self.is_closed or (not self.options.follow and not self._owing):
                return None
            self._readable.clear()
            await self._readable.wait()
        out: list[LogMessage] = []
        size = 0
        while self._batches and size < _READ_BYTES:
            batch = self._batches.popleft()
            out += batch
            size += sum(len(message.data) for message in batch)
        self._writable.set()
        return out

    def close(self) -> None:
        """Nobody reads any more: publishers go on, readers are told."""
        self.is_closed = True
        self._batches.clear()
        self._writable.set()
        self._readable.set()
