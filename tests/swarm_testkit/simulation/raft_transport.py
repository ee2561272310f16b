"""The transport port of raft over the simulated network, for one life of one member."""

import asyncio
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

from swarm_core.client.errors import Unreachable
from swarm_core.raft.types import Message, MessageType
from swarm_core.raft_node.codec import message_to_raftpb
from swarm_core.raft_node.net.grpc_transport import SEND_TIMEOUT_S
from swarm_core.raft_node.net.transport import Reports

from swarm_testkit.simulation.checkers import Ledger
from swarm_testkit.simulation.host import Host
from swarm_testkit.simulation.network import Network
from swarm_testkit.simulation.trace import Trace


class Receipt(Enum):
    """What became of a message at its target."""

    TAKEN = "taken"
    NOBODY = "nobody there"
    REMOVED = "its sender is no member any more"


class Peer(Protocol):
    """A host that may hold a running member."""

    @property
    def host(self) -> Host: ...

    @property
    def is_ours(self) -> bool:
        """Whether its manager says how long its ticks are; Docker Engines do not."""

    @property
    def is_serving(self) -> bool:
        """Whether its manager takes messages."""

    def receive(self, data: bytes, tick_s: float) -> Receipt:
        """Hand an encoded message to the member, with the length of its sender's ticks, 0 when it does not say."""

    def address_of(self, raft_id: int) -> str | None:
        """Where the member knows another one; None when it does not, or is down."""


class SimulatedTransport:
    """`find` gives the host at an address. Sends nothing any more once it is closed: the process behind it is dead."""

    def __init__(
        self, own: Peer, network: Network, find: Callable[[str], Peer], ledger: Ledger, trace: Trace
    ) -> None:
        self._own = own
        self._host = own.host
        self._network = network
        self._find = find
        self._ledger = ledger
        self._trace = trace
        self._peers: dict[int, Peer] = {}
        self._active: dict[int, float] = {}
        self._makes: dict[int, bool] = {}
        self._reports: Reports | None = None
        self.is_closed = False

    def report_to(self, reports: Reports) -> None:
        self._reports = reports

    def send(self, messages: Sequence[Message]) -> None:
        if self.is_closed:
            return
        for message in messages:
            self._ledger.sent(self._host.name, message)
            peer = self._peers.get(message.to) or self._find_stranger(message.to)
            if peer is not None:
                self._send(peer, message)
            else:
                self._report(message, ok=False)

    def add_peer(self, raft_id: int, address: str) -> None:
        self._peers[raft_id] = self._find(address)

    def remove_peer(self, raft_id: int) -> None:
        self._peers.pop(raft_id, None)
        self._active.pop(raft_id, None)

    def active_since(self, raft_id: int) -> float | None:
        return self._active.get(raft_id)

    def is_ours(self, raft_id: int) -> bool | None:
        return self._makes.get(raft_id)

    async def answers(self, raft_id: int) -> bool:
        """Whether a member serves, asked now."""
        peer = self._peers.get(raft_id)
        if peer is None:
            return False
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._network.carry(self._host.name, peer.host)
                is_serving = peer.is_serving
                await self._network.carry(peer.host.name, self._host)
        except (Unreachable, TimeoutError):
            is_serving = False
        if is_serving:
            self._answered(raft_id, peer)
        else:
            self._active.pop(raft_id, None)
        return is_serving

    def heard(self, raft_id: int) -> None:
        """Messages leave at once here, whether or not a member was heard from."""

    async def drain(self, seconds: float) -> None:
        """Whatever was sent is under way already."""

    def _send(self, peer: Peer, message: Message) -> None:
        name = self._host.name
        self._trace.note(
            f"{name}>{peer.host.name} {message.type!s} t{message.term} i{message.index} n{len(message.entries)} c{message.commit}"
            f"{' rejected' if message.reject else ''}"
        )

        assert self._reports is not None
        tick_s = self._reports.said_tick_s if self._own.is_ours and peer.is_ours else 0.0
        data = message_to_raftpb(message).SerializeToString()

        def deliver() -> None:
            receipt = peer.receive(data, tick_s)
            if receipt is Receipt.NOBODY:
                lost()
                return
            if receipt is Receipt.REMOVED:
                self._network.send(peer.host.name, self._host, self._tell_removed)
                return
            self._answered(message.to, peer)
            if message.type is MessageType.SNAP:
                self._report(message, ok=True)

        def lost() -> None:
            self._trace.note(f"{name}>{peer.host.name} {message.type} is lost")
            self._active.pop(message.to, None)
            self._report(message, ok=False)

        self._network.send(name, peer.host, deliver, lost=lost)

    def _answered(self, raft_id: int, peer: Peer) -> None:
        self._makes[raft_id] = peer.is_ours
        self._active.setdefault(raft_id, self._host.clock.monotonic())

    def _find_stranger(self, raft_id: int) -> Peer | None:
        """Who wrote to us before we heard that it joined: the others know its address, as far as they can be asked."""
        name, is_open = self._host.name, self._network.is_open
        for peer in self._peers.values():
            other = peer.host.name
            if is_open(name, other) and is_open(other, name) and (address := peer.address_of(raft_id)):
                return self._find(address)
        return None

    def _tell_removed(self) -> None:
        if not self.is_closed and self._reports is not None:
            self._reports.report_removed()

    def _report(self, message: Message, *, ok: bool) -> None:
        if self.is_closed or self._reports is None:
            return
        if message.type is MessageType.SNAP:
            self._reports.report_snapshot(message.to, ok)
        if not ok:
            self._reports.report_unreachable(message.to)
