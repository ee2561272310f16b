"""One reader of the store's events for all assignment streams: it hands the change of a task or volume to the streams of its nodes.

Rules
1. A stream begins with the store as it is, after the reader has taken in every event up to that moment; from then on it sees
   each event once.
2. While a message is on its way, changes gather for the next one; an idle stream sends at once.
3. Changes for many nodes at once, as when a large service is placed, come in many commits one after the other. After a commit for
   many nodes the feed rests for a while: the commits of that time go out as one message per node (docs/design/dispatcher.md 5.7.5).
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from swarm_core.api.proto.objects_pb2 import Config, Secret, Task, Volume
from swarm_core.api.proto.types_pb2 import ASSIGNED
from swarm_core.manager.dispatcher import wire
from swarm_core.manager.dispatcher.assignments import AssignmentSet
from swarm_core.manager.dispatcher.config import DispatcherConfig
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.waiting import turn
from swarm_core.store.by import ByNode
from swarm_core.store.memory import MemoryStore

# A message to each of a thousand nodes takes most of a second: in between others have their turn of the loop.
_WOKEN_TOGETHER = 32


class Stream:
    """One agent's open Assignments call."""

    def __init__(self, store: MemoryStore, node_id: str) -> None:
        self._store = store
        self._node_id = node_id
        self._sequence = 0
        self._complete = True
        self.set = AssignmentSet(node_id, self._look_up)
        self.woken = asyncio.Event()
        self.start_anew()

    def start_anew(self) -> None:
        """The next message is a full set of what the store holds."""
        self._complete = True
        here = ByNode(self._node_id)
        self.set.reset(self._store.find(Task, here), self._store.find(Volume, here))
        self.woken.set()

    def message(self) -> bytes | None:
        """The next message, if there is something to say."""
        if not self.set and not self._complete:
            return None
        build = wire.complete if self._complete else wire.incremental
        self._complete = False
        applies_to = str(self._sequence) if self._sequence else ""
        self._sequence += 1
        return build(applies_to, str(self._sequence), self.set.take())

    def _look_up(self, item: int, object_id: str) -> Secret | Config | None:
        if item == wire.CONFIG:
            return self._store.get(Config, object_id)
        secret = self._store.get(Secret, object_id)
        # The value of a secret with a driver comes from a plugin, and this manager has none.
        return None if secret is None or secret.spec.HasField("driver") else secret


class AssignmentFeed:
    """The open streams by node."""

    def __init__(
        self, store: MemoryStore, clock: Clock, config: DispatcherConfig, catch_up: Callable[[], None]
    ) -> None:
        """`catch_up` takes in, by put and remove, every event that is pending."""
        self._store = store
        self._clock = clock
        self._config = config
        self._catch_up = catch_up
        self._streams: dict[str, list[Stream]] = {}
        self._changed: dict[Stream, None] = {}  # streams that have something to say and have not been woken
        self._is_changed = asyncio.Event()

    async def run(self) -> None:
        """Wake the streams that have something to say, until cancelled."""
        while True:
            await self._is_changed.wait()
            self._is_changed.clear()
            changed, self._changed = self._changed, {}
            for number, stream in enumerate(changed):
                if number % _WOKEN_TOGETHER == _WOKEN_TOGETHER - 1:
                    await turn()
                stream.woken.set()
            rest_s = self._config.rest_s(len(changed))
            if rest_s > 0:
                await self._clock.sleep(rest_s)

    def _tell(self, stream: Stream) -> None:
        self._changed[stream] = None
        self._is_changed.set()

    def put(self, task: Task, encoded: bytes) -> None:
        """A task was created or changed."""
        for stream in self._streams.get(task.node_id, ()):
            stream.set.put(task, encoded)
            if stream.set:
                self._tell(stream)

    def remove(self, task: Task) -> None:
        """A task was deleted."""
        for stream in self._streams.get(task.node_id, ()):
            stream.set.remove(task.id)
            self._tell(stream)

    def put_volume(self, volume: Volume, old: Volume | None) -> None:
        """A volume was created, or changed from `old`."""
        for stream in self._streams_of(volume, old):
            stream.set.put_volume(volume)
            if stream.set:
                self._tell(stream)

    def remove_volume(self, volume: Volume) -> None:
        """A volume was deleted."""
        for stream in self._streams_of(volume, None):
            stream.set.remove_volume(volume)
            self._tell(stream)

    def _streams_of(self, volume: Volume, old: Volume | None) -> list[Stream]:
        """The streams of the nodes that have, or had, anything to do with a volume."""
        nodes = {status.node_id: None for status in volume.publish_status}
        if old is not None:
            nodes.update((status.node_id, None) for status in old.publish_status)
        return [stream for node_id in nodes for stream in self._streams.get(node_id, ())]

    def start_anew(self) -> None:
        """Events were missed: every stream sends a full set."""
        for streams in self._streams.values():
            for stream in streams:
                stream.start_anew()

    def wake(self, node_id: str | None = None) -> None:
        """Let the streams of a node (None: all) check their session."""
        chosen = self._streams.values() if node_id is None else [self._streams.get(node_id, [])]
        for streams in chosen:
            for stream in streams:
                stream.woken.set()

    async def follow(self, node_id: str, check: Callable[[], None]) -> AsyncIterator[bytes]:
        """The messages for one node; `check` raises what ends the stream."""
        check()
        self._catch_up()
        stream = Stream(self._store, node_id)
        self._streams.setdefault(node_id, []).append(stream)
        try:
            while True:
                check()
                stream.woken.clear()
                if (message := stream.message()) is not None:
                    yield message
                else:
                    await stream.woken.wait()
        finally:
            streams = self._streams[node_id]
            streams.remove(stream)
            self._changed.pop(stream, None)
            if not streams:
                del self._streams[node_id]

    async def follow_tasks(self, node_id: str, check: Callable[[], None]) -> AsyncIterator[bytes]:
        """For the deprecated Tasks call: the full list of the node's tasks, again after every change worth telling."""
        async for _ in self.follow(node_id, check):
            tasks = self._store.find(Task, ByNode(node_id))
            yield wire.tasks_message(
                task.SerializeToString() for task in tasks if task.status.state >= ASSIGNED
            )
