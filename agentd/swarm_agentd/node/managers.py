"""Which manager the agent talks to (port agent.session.Managers).

Rules: this node's own manager first, over its control socket, whenever it serves; otherwise one of the known
managers by weight. One that failed is not tried again before the others were; a connection that did well ends that. A node that
knows no other manager waits for its own. The list of known managers follows what
managers say and is kept on disk.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from swarm_core.api.proto.types_pb2 import Peer, WeightedPeer
from swarm_core.ca.tls import TlsIdentity
from swarm_core.client.dial import Dial, ManagerConnection
from swarm_core.client.dispatch import AgentConnection
from swarm_core.client.errors import Unreachable
from swarm_core.client.trust import Trust

from swarm_agentd.node.remotes import WEIGHT, Key, Remotes, key_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalManager:
    """The manager of this node: its control socket, and when that can be used."""

    node_id: str
    socket: Path
    serving: asyncio.Event


class KnownManagers:
    """`keep` stores the list of managers."""

    def __init__(
        self,
        remotes: Remotes,
        identity: TlsIdentity,
        dial: Dial,
        *,
        local: LocalManager | None = None,
        keep: Callable[[list[Peer]], None] = lambda _: None,
    ) -> None:
        self._remotes, self._identity, self._dial = remotes, identity, dial
        self._local, self._keep = local, keep
        self._failed: set[Key] = set()
        self._peers: WeakKeyDictionary[AgentConnection, Peer] = WeakKeyDictionary()

    def show(self, identity: TlsIdentity) -> None:
        """Use this identity for connections from now on."""
        self._identity = identity

    async def connect(self) -> AgentConnection:
        """See agent.session.Managers."""
        local = self._local
        peer = self._untried()
        if peer is None:
            self._failed.clear()
            peer = self._untried()
        if local is not None and (peer is None or local.serving.is_set()):
            await local.serving.wait()
            return await self._dial.open(local.socket, Trust(self._identity.roots))
        if peer is None:
            raise Unreachable("no manager is known")
        connection = await self._reach(peer, self._identity)
        self._peers[connection] = peer
        return connection

    def peers(self) -> list[Peer]:
        """The managers that are known, this node too while it is one."""
        return self._remotes.peers()

    def has_untried(self) -> bool:
        """See agent.session.Managers. This node's own manager is not left for another one while it serves."""
        return not (self._local is not None and self._local.serving.is_set()) and self._untried() is not None

    def _untried(self) -> Peer | None:
        own = "" if self._local is None else self._local.node_id
        return self._remotes.choose(other_than=own, but_for=self._failed)

    async def open(self, identity: TlsIdentity, *, elsewhere: bool) -> ManagerConnection:
        """See renewal.RenewingManagers."""
        local, peer = self._local, self.elsewhere()
        if local is not None and local.serving.is_set() and (peer is None or not elsewhere):
            return await self._dial.open(local.socket, Trust(identity.roots))
        if peer is None:
            raise Unreachable("no manager is known")
        return await self._reach(peer, identity)

    async def open_own(self) -> ManagerConnection:
        """See renewal.RenewingManagers."""
        local = self._local
        if local is None or not local.serving.is_set():
            raise Unreachable("this node's own manager does not serve")
        return await self._dial.open(local.socket, Trust(self._identity.roots))

    def elsewhere(self) -> Peer | None:
        """See renewal.RenewingManagers."""
        return self._remotes.choose(other_than="" if self._local is None else self._local.node_id)

    async def fetch_root(self, address: str, *, timeout: float) -> bytes:
        """See renewal.RenewingManagers."""
        return await self._dial.fetch_root(address, timeout=timeout)

    async def _reach(self, peer: Peer, identity: TlsIdentity) -> ManagerConnection:
        try:
            return await self._dial.open(peer.addr, Trust(identity.anchors, identity))
        except Unreachable:
            self._observe(peer, is_good=False)
            raise

    def observe(self, connection: AgentConnection, *, is_good: bool) -> None:
        """See agent.session.Managers. Local connections are not scored."""
        if (peer := self._peers.get(connection)) is not None:
            self._observe(peer, is_good=is_good)

    def _observe(self, peer: Peer, *, is_good: bool) -> None:
        self._remotes.observe(peer, WEIGHT if is_good else -WEIGHT)
        if is_good:
            self._failed.clear()
        else:
            self._failed.add(key_of(peer))

    def learn(self, managers: Sequence[WeightedPeer]) -> None:
        """See agent.session.Managers."""
        if not self._remotes.replace((manager.peer, manager.weight) for manager in managers):
            return
        try:
            self._keep(self._remotes.peers())
        except OSError as error:
            _log.warning("the list of managers cannot be kept: %s", error)
