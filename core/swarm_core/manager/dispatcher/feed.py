"""One reader of the store's events for all assignment streams: it hands the change of a task or volume to the streams of its nodes.

A stream begins with the store as it is, after the reader has taken in every event up to that moment; from then on it sees
each event once. While a message is on its way, changes gather for the next one; an idle stream sends at once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from swarm_core.api.proto.objects_pb2 import Config, Secret, Task, Volume
from swarm_core.api.proto.types_pb2 import ASSIGNED
from swarm_core.manager.dispatcher import wire
from swarm_core.manager.dispatcher.assignments import AssignmentSet
from swarm_core.store.by import ByNode
from swarm_core.store.memory import MemoryStore


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

    def __init__(self, store: MemoryStore, catch_up: Callable[[], None]) -> None:
        """`catch_up` takes in, by put and remove, every event that is pending."""
        self._store = store
        self._catch_up = catch_up
        self._streams: dict[str, list[Stream]] = {}

    def put(self, task: Task, encoded: bytes) -> None:
        """A task was created or changed."""
        for stream in self._streams.get(task.node_id, ()):
            stream.set.put(task, encoded)
            if stream.set:
                stream.woken.set()

    def remove(self, task: Task) -> None:
        """A task was deleted."""
        for stream in self._streams.get(task.node_id, ()):
            stream.set.remove(task.id)
            stream.woken.set()

    def put_volume(self, volume: Volume, old: Volume | None) -> None:
        """A volume was created, or changed from `old`."""
        for stream in self._streams_of(volume, old):
            stream.set.put_volume(volume)
            if stream.set:
                stream.woken.set()

    def remove_volume(self, volume: Volume) -> None:
        """A volume was deleted."""
        for stream in self._streams_of(volume, None):
            stream.set.remove_volume(volume)
            stream.woken.set()

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
            if not streams:
                del self._streams[node_id]

    async def follow_tasks(self, node_id: str, check: Callable[[], None]) -> AsyncIterator[bytes]:
        """For the deprecated Tasks call: the full list of the node's tasks, again after every change worth telling."""
        async for _ in self.follow(node_id, check):
            tasks = self._store.find(Task, ByNode(node_id))
            yield wire.tasks_message(
                task.SerializeToString() for task in tasks if task.status.state >= ASSIGNED
            )
