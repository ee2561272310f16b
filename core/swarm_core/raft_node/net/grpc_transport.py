"""The transport of real clusters: a peer for each other member, over the managers' remote APIs.

Rules
1. Peers are served while `run` runs. Those that were added before wait for it.
2. For a message to a member that nobody added, the member that answers longest is asked for the address. That is done for one
   message at a time; others are lost meanwhile.
"""

import asyncio
import logging
from collections.abc import Sequence

from google.protobuf.message import DecodeError

from swarm_core.api.proto.raft_pb2 import ResolveAddressRequest, ResolveAddressResponse
from swarm_core.raft.types import Message, MessageType
from swarm_core.raft_node.net.peer import Dial, DialLink, Peer
from swarm_core.raft_node.net.transport import Reports
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

_log = logging.getLogger(__name__)
SEND_TIMEOUT_S = 2.0
_DRAIN_POLL_S = 0.01


class GrpcTransport:
    """`dial` opens a channel to an address, as this node; `dial_link` a link, if there shall be links."""

    def __init__(
        self,
        dial: Dial,
        clock: Clock,
        *,
        dial_link: DialLink | None = None,
        timeout_s: float = SEND_TIMEOUT_S,
    ) -> None:
        self._dial = dial
        self._dial_link = dial_link
        self._clock = clock
        self._timeout_s = timeout_s
        self._reports: Reports | None = None
        self._peers: dict[int, Peer] = {}
        self._group: Group | None = None
        self._retired: set[Peer] = set()
        self._is_resolving = False

    # The port

    def report_to(self, reports: Reports) -> None:
        self._reports = reports

    def send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            peer = self._peers.get(message.to)
            if peer is not None:
                peer.post(message)
            else:
                self._send_to_unknown(message)

    def add_peer(self, raft_id: int, address: str) -> None:
        peer = self._peers.get(raft_id)
        if peer is None:
            peer = self._peers[raft_id] = self._make_peer(raft_id, address)
            self._serve(peer)
        elif peer.address != address:
            peer.move(address)

    def remove_peer(self, raft_id: int) -> None:
        peer = self._peers.pop(raft_id, None)
        if peer is not None:
            self._retire(peer)

    def active_since(self, raft_id: int) -> float | None:
        peer = self._peers.get(raft_id)
        return None if peer is None else peer.active_since

    def is_ours(self, raft_id: int) -> bool | None:
        peer = self._peers.get(raft_id)
        return None if peer is None else peer.is_ours

    # What others ask

    async def answers(self, raft_id: int) -> bool:
        """Whether a member can be reached and takes part, asked now."""
        peer = self._peers.get(raft_id)
        return peer is not None and await peer.answers()

    def heard(self, raft_id: int) -> None:
        """A message of this member has come in."""
        peer = self._peers.get(raft_id)
        if peer is not None:
            peer.heard()

    def redial(self) -> None:
        """This node's certificate, or whom it trusts, has changed: use new connections."""
        for peer in self._peers.values():
            peer.redial()

    # Life

    async def run(self) -> None:
        """Serve all peers until cancelled."""
        async with Group() as group:
            self._group = group
            for peer in self._peers.values():
                self._serve(peer)
            await asyncio.Event().wait()

    async def drain(self, seconds: float) -> None:
        """Return when everything was sent, or after a while."""
        end = self._clock.monotonic() + seconds
        while self._clock.monotonic() < end:
            if all(peer.is_idle for peer in (*self._peers.values(), *self._retired)):
                return
            await self._clock.sleep(_DRAIN_POLL_S)

    def _make_peer(self, raft_id: int, address: str) -> Peer:
        assert self._reports is not None
        return Peer(
            raft_id,
            address,
            self._dial,
            self._reports,
            self._clock,
            timeout_s=self._timeout_s,
            dial_link=self._dial_link,
        )

    def _serve(self, peer: Peer) -> None:
        if self._group is not None:
            self._group.spawn(peer.run(), name=f"raft member {peer.raft_id:x}")

    def _retire(self, peer: Peer) -> None:
        peer.retire()
        if self._group is not None and not peer.is_idle:
            self._retired.add(peer)
            self._group.spawn(self._forget(peer), name=f"former raft member {peer.raft_id:x}")

    async def _forget(self, peer: Peer) -> None:
        while not peer.is_idle:
            await self._clock.sleep(_DRAIN_POLL_S)
        self._retired.discard(peer)

    # Members that nobody added

    def _send_to_unknown(self, message: Message) -> None:
        assert self._reports is not None
        if self._is_resolving or self._group is None:
            if message.type is MessageType.SNAP:
                self._reports.report_snapshot(message.to, ok=False)
            return
        self._is_resolving = True
        self._group.spawn(self._resolve_and_send(message), name=f"find raft member {message.to:x}")

    async def _resolve_and_send(self, message: Message) -> None:
        try:
            address = await self._resolve(message.to)
            if address is None:
                _log.debug("the address of raft member %x is not known", message.to)
                if message.type is MessageType.SNAP and self._reports is not None:
                    self._reports.report_snapshot(message.to, ok=False)
                return
            peer = self._make_peer(message.to, address)
            peer.post(message)
            peer.retire()
            await peer.run()
        finally:
            self._is_resolving = False

    async def _resolve(self, raft_id: int) -> str | None:
        active = [(peer.active_since, peer.raft_id) for peer in self._peers.values() if peer.active_since]
        if not active:
            return None
        peer = self._peers[min(active)[1]]
        answer = await peer.ask("ResolveAddress", ResolveAddressRequest(raft_id=raft_id).SerializeToString())
        try:
            return None if answer is None else ResolveAddressResponse.FromString(answer).addr or None
        except DecodeError:
            return None
