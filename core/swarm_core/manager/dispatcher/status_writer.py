"""What agents report, written in groups that size themselves: at once while idle, and while a commit is in flight the next
group gathers.

Rules (docs/design/dispatcher.md 5.6)
1. The newest report of a task wins in the queue. The store's state is never lowered; an equal state is written when
   anything of the status differs.
2. What is not written stays queued until it is; the queue is bounded by the number of tasks, nodes and volumes.
3. Whoever registers waits until its node's update is committed.
"""

import asyncio
import itertools
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp

from swarm_core.api.proto.objects_pb2 import Node, Task, Volume
from swarm_core.api.proto.types_pb2 import NodeDescription, NodeStatus, TaskStatus, VolumePublishStatus
from swarm_core.api.timestamps import timestamp
from swarm_core.manager.dispatcher.config import DispatcherConfig
from swarm_core.raft_node.errors import ProposalRefused
from swarm_core.rpc.errors import Aborted
from swarm_core.runtime.clock import Clock
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Step, Transaction

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NodeUpdate:
    """A node's new status; an empty address and no description leave what is stored."""

    state: NodeStatus.State.ValueType
    message: str = ""
    addr: str = ""
    description: NodeDescription | None = None


@dataclass(slots=True)
class _QueuedNode:
    update: NodeUpdate
    written: "asyncio.Future[None]"

    def fail(self, error: Exception) -> None:
        """Tell whoever waits; it is fine when nobody does."""
        if not self.written.done():
            self.written.set_exception(error)
            self.written.exception()


class StatusWriter:
    """The queue and the loop that empties it. `node_id` is this manager's, for `applied_by`."""

    def __init__(self, store: MemoryStore, clock: Clock, node_id: str, config: DispatcherConfig) -> None:
        self._store = store
        self._clock = clock
        self._node_id = node_id
        self._config = config
        self._tasks: dict[str, TaskStatus] = {}
        self._nodes: dict[str, _QueuedNode] = {}
        self._unpublished: dict[tuple[str, str], None] = {}
        self._queued = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many updates are queued."""
        return len(self._tasks) + len(self._nodes) + len(self._unpublished)

    def put_task(self, task_id: str, status: TaskStatus) -> None:
        """Queue a task's status, which is handed over."""
        self._tasks[task_id] = status
        self._queued.set()

    def put_unpublished(self, volume_id: str, node_id: str) -> None:
        """Queue that a node no longer uses a volume."""
        self._unpublished[volume_id, node_id] = None
        self._queued.set()

    def put_node(self, node_id: str, update: NodeUpdate) -> "asyncio.Future[None]":
        """Queue a node's status; the future, which belongs to all who wait, ends when it, or a newer one, is committed."""
        queued = self._nodes.get(node_id)
        if queued is None:
            queued = _QueuedNode(update, asyncio.get_running_loop().create_future())
            self._nodes[node_id] = queued
        else:
            if update.description is None and queued.update.description is not None:
                update = NodeUpdate(
                    update.state, update.message, update.addr or queued.update.addr, queued.update.description
                )
            queued.update = update
        self._queued.set()
        return queued.written

    async def run(self) -> None:
        """Write what is queued until cancelled; those who wait then are cancelled too."""
        try:
            while True:
                await self._queued.wait()
                await self._flush()
        finally:
            for queued in self._nodes.values():
                queued.fail(Aborted("dispatcher is stopped"))
            self._nodes.clear()
            self._tasks.clear()
            self._unpublished.clear()

    async def _flush(self) -> None:
        tasks = dict(itertools.islice(self._tasks.items(), self._config.write_tasks_max))
        for task_id in tasks:
            del self._tasks[task_id]
        nodes, self._nodes = self._nodes, {}
        unpublished, self._unpublished = self._unpublished, {}
        if not self._tasks:
            self._queued.clear()
        steps: list[Step] = [self._node_step(node_id, queued.update) for node_id, queued in nodes.items()]
        now = timestamp(self._clock.wall_ns())
        steps += [self._task_step(task_id, status, now) for task_id, status in tasks.items()]
        steps += [_volume_step(volume_id, node_id) for volume_id, node_id in unpublished]
        try:
            results = await self._store.batch(steps)
        except ProposalRefused as error:
            _log.warning("status updates could not be written: %s", error)
            for queued in nodes.values():
                queued.fail(error)
            await self._put_back(tasks, nodes, unpublished)
            return
        except asyncio.CancelledError:
            for queued in nodes.values():
                queued.fail(Aborted("dispatcher is stopped"))
            raise
        for refused in filter(None, results):
            _log.error("a status update was refused: %s", refused)
        for queued in nodes.values():
            if not queued.written.done():
                queued.written.set_result(None)

    async def _put_back(
        self,
        tasks: dict[str, TaskStatus],
        nodes: dict[str, _QueuedNode],
        unpublished: Iterable[tuple[str, str]],
    ) -> None:
        for task_id, status in tasks.items():
            self._tasks.setdefault(task_id, status)
        for node_id, queued in nodes.items():
            if node_id not in self._nodes:
                self.put_node(node_id, queued.update)
        for key in unpublished:
            self._unpublished[key] = None
        await self._clock.sleep(self._config.write_retry_s)
        self._queued.set()

    def _task_step(self, task_id: str, status: TaskStatus, now: Timestamp) -> Step:
        def step(transaction: Transaction) -> None:
            stored = transaction.get(Task, task_id)
            if stored is None or stored.status.state > status.state:
                return
            status.applied_by = self._node_id
            if stored.status.state == status.state:
                status.applied_at.CopyFrom(stored.status.applied_at)
                if stored.status == status:
                    return
            status.applied_at.CopyFrom(now)
            task = Task()
            task.CopyFrom(stored)
            task.status.CopyFrom(status)
            transaction.update(task)

        return step

    def _node_step(self, node_id: str, update: NodeUpdate) -> Step:
        def step(transaction: Transaction) -> None:
            stored = transaction.get(Node, node_id)
            if stored is None:
                return
            node = Node()
            node.CopyFrom(stored)
            node.status.state = update.state
            node.status.message = update.message
            if update.addr:
                node.status.addr = update.addr
            if update.description is not None:
                node.description.CopyFrom(update.description)
            if node != stored:
                transaction.update(node)

        return step


def _volume_step(volume_id: str, node_id: str) -> Step:
    def step(transaction: Transaction) -> None:
        stored = transaction.get(Volume, volume_id)
        if stored is None:
            return
        volume = Volume()
        volume.CopyFrom(stored)
        for status in volume.publish_status:
            # A report that was on its way for long may meet a volume that was published there anew.
            if status.node_id == node_id and status.state == VolumePublishStatus.PENDING_NODE_UNPUBLISH:
                status.state = VolumePublishStatus.PENDING_UNPUBLISH
        if volume != stored:
            transaction.update(volume)

    return step
