"""When the meeting point of Docker Engines is open on this manager (docs/design/manager.md 5.9).

Open while an engine is in the cluster, and none on this machine: one that is here has the port for itself, and answers the others. An engine
begins to gossip with the first message of its session, before its description is stored: a node that was admitted and has not described
itself yet counts as an engine.
"""

import asyncio
import ipaddress
import logging
import random
from collections.abc import Iterable, Sequence

from swarm_core.api.proto.objects_pb2 import Cluster, Node
from swarm_core.gossip.meeting_point import PORT, MeetingPoint
from swarm_core.runtime.clock import Clock
from swarm_core.specs.network import OVERLAY
from swarm_core.store.events import Commit, Deleted, Event
from swarm_core.store.memory import MemoryStore
from swarm_core.watch.queue import Overflow, Subscription

_GOSSIP = "networking:gossip"
_log = logging.getLogger(__name__)


class Engines:
    """The Docker Engines of the cluster, as seen from the machine at `host`. No input, no output."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._elsewhere: set[str] = set()
        self._here: set[str] = set()

    @property
    def need_introductions(self) -> bool:
        """Whether there are any, and none here that would introduce them."""
        return bool(self._elsewhere) and not self._here

    def begin(self, nodes: Iterable[Node]) -> None:
        """These are the nodes, and no others."""
        self._elsewhere.clear()
        self._here.clear()
        for node in nodes:
            self._sort(node)

    def look_at(self, event: Event) -> None:
        """A node came, changed or went."""
        node = event.object
        assert isinstance(node, Node)
        self._elsewhere.discard(node.id)
        self._here.discard(node.id)
        if not isinstance(event, Deleted):
            self._sort(node)

    def _sort(self, node: Node) -> None:
        if _may_be_engine(node):
            (self._here if node.status.addr == self._host else self._elsewhere).add(node.id)


class Introductions:
    """`address` is this manager's own as others are told it: host:port."""

    def __init__(self, store: MemoryStore, clock: Clock, rng: random.Random, address: str) -> None:
        self._store = store
        self._host = address.rpartition(":")[0].strip("[]")
        self._engines = Engines(self._host)
        self._point = MeetingPoint(clock, rng, self._keys)
        self._server: asyncio.Server | None = None

    async def run(self) -> None:
        """Open and close until cancelled. Engines on other machines cannot reach a manager that has told no address of its own."""
        if not _is_reachable(self._host):
            await asyncio.Event().wait()
        try:
            while True:
                with self._store.subscribe(Node) as commits:
                    try:
                        await self._follow(commits)
                    except Overflow:
                        _log.info("fell behind the store's changes; looking at all nodes anew")
        finally:
            self._close()

    async def _follow(self, commits: Subscription[Commit]) -> None:
        self._engines.begin(self._store.find(Node))
        await self._adapt()
        async for some in commits:
            for commit in some:
                for event in commit.events:
                    self._engines.look_at(event)
            await self._adapt()

    async def _adapt(self) -> None:
        if not self._engines.need_introductions:
            self._close()
        elif self._server is None:
            try:
                self._server = await self._point.serve(self._host)
            except OSError as error:
                _log.info("Docker Engines cannot be introduced at %s:%d: %s", self._host, PORT, error)

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _keys(self) -> Sequence[bytes]:
        clusters = self._store.find(Cluster)
        return [key.key for one in clusters for key in one.network_bootstrap_keys if key.subsystem == _GOSSIP]


def _may_be_engine(node: Node) -> bool:
    if not node.HasField("description"):
        return bool(node.status.addr)
    return any(one.type == "Network" and one.name == OVERLAY for one in node.description.engine.plugins)


def _is_reachable(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return bool(host) and host != "localhost"
