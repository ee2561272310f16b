"""The service Endpoints on the leader (docs/design/ports.md P.5).

Rules
1. Every node of the cluster may follow. It is told everything, then what changes; one that lags behind what is kept of the changes is
   told everything again.
2. Changes that come while a node is being told travel as one message. Nodes that stand at the same point are sent the same bytes.
3. Outside `run` every call is answered Aborted, and open streams end so.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from swarm_core.api.proto.endpoints_pb2 import FollowEndpointsRequest
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.types_pb2 import WeightedPeer
from swarm_core.manager.endpoints.table import EndpointTable, Key
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Aborted, NotFound
from swarm_core.store.events import Commit, Deleted, Event
from swarm_core.store.memory import MemoryStore
from swarm_core.watch.queue import Overflow

CHANGES_MAX = 1024
ENTRIES_PER_MESSAGE = 10_000
"""Keeps a message well below the 4 MiB that a receiver takes."""


class EndpointsApi:
    """Handler of swarmtui.v1.Endpoints and component of the leader. `managers` gives the managers and their addresses; call
    `managers_changed` when it would give another answer."""

    name = "endpoints"

    def __init__(self, store: MemoryStore, managers: Callable[[], Sequence[WeightedPeer]]) -> None:
        self._store = store
        self._managers = managers
        self._hosts: dict[str, str] = {}
        self._table: EndpointTable | None = None  # None: not running
        self._begin()

    def _begin(self) -> None:
        self._version = 0
        self._changes: deque[frozenset[Key]] = deque(maxlen=CHANGES_MAX)
        self._changed = asyncio.Event()
        self._made: dict[int, list[bytes]] = {}

    async def run(self) -> None:
        """Serve from now until cancelled."""
        try:
            while True:
                with self._store.subscribe(Service, Task, Node) as events:
                    self._start_up()
                    try:
                        async for commits in events:
                            self._see(commits)
                    except Overflow:
                        continue  # everything is looked at anew, and everybody told anew
        finally:
            self._table = None
            self._changed.set()

    def managers_changed(self) -> None:
        """Managers came, went or moved."""
        if self._table is not None:
            self._read_hosts()
            self._tell({key for node in self._store.find(Node) for key in self._put_node(self._table, node)})

    async def follow_endpoints(self, request: FollowEndpointsRequest, caller: Caller) -> AsyncIterator[bytes]:
        """Encoded EndpointsMessages: everything, then changes."""
        self._check(caller)
        told: int | None = None
        while True:
            changed, version = self._changed, self._version
            if told != version:
                for message in self._messages(told):
                    yield message
                told = version
            else:
                await changed.wait()
            self._check(caller)

    def _check(self, caller: Caller) -> None:
        if self._table is None:
            raise Aborted("endpoints are told by the leader; this manager does not lead")
        if self._store.get(Node, caller.node_id) is None:
            raise NotFound(f"node {caller.node_id} does not exist")

    def _start_up(self) -> None:
        self._table = table = EndpointTable()
        self._read_hosts()
        for service in self._store.find(Service):
            table.put_service(service)
        for task in self._store.find(Task):
            table.put_task(task)
        for node in self._store.find(Node):
            self._put_node(table, node)
        old, version = self._changed, self._version
        self._begin()
        # A step that no list of changes leads over: whoever follows is told everything.
        self._version = version + 1
        old.set()

    def _read_hosts(self) -> None:
        self._hosts = {one.peer.node_id: _host(one.peer.addr) for one in self._managers()}

    def _put_node(self, table: EndpointTable, node: Node) -> set[Key]:
        return table.put_node(node, self._hosts.get(node.id, ""))

    def _see(self, commits: Sequence[Commit]) -> None:
        keys: set[Key] = set()
        for commit in commits:
            for event in commit.events:
                keys |= self._apply(event)
        self._tell(keys)

    def _apply(self, event: Event) -> set[Key]:
        table, item = self._table, event.object
        assert table is not None
        is_gone = isinstance(event, Deleted)
        if isinstance(item, Task):
            return table.remove_task(item.id) if is_gone else table.put_task(item)
        if isinstance(item, Service):
            return table.remove_service(item.id) if is_gone else table.put_service(item)
        if isinstance(item, Node):
            return table.remove_node(item.id) if is_gone else self._put_node(table, item)
        return set()

    def _tell(self, keys: set[Key]) -> None:
        if not keys:
            return
        self._changes.append(frozenset(keys))
        self._version += 1
        self._made.clear()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _messages(self, told: int | None) -> list[bytes]:
        """What leads from version `told` to the present one."""
        behind = self._version - told if told is not None else CHANGES_MAX + 1
        if behind > len(self._changes):
            behind = 0  # stands for everything
        if (made := self._made.get(behind)) is None:
            made = self._made[behind] = list(self._encoded(behind))
        return made

    def _encoded(self, behind: int) -> Iterator[bytes]:
        table = self._table
        assert table is not None
        if behind:
            newest = list(self._changes)[-behind:]
            keys = list(dict.fromkeys(key for changed in newest for key in changed))
        else:
            keys = table.keys()
        for start in range(0, max(len(keys), 1), ENTRIES_PER_MESSAGE):
            part = keys[start : start + ENTRIES_PER_MESSAGE]
            yield table.message(part, is_complete=not behind and start == 0).SerializeToString()


def _host(address: str) -> str:
    return address.rpartition(":")[0].removeprefix("[").removesuffix("]")
