"""The transport port of raft over the simulated network, for one life of one member."""

from collections.abc import Callable, Sequence
from typing import Protocol

from swarm_core.raft.types import Message, MessageType
from swarm_core.raft_node.transport import Reports

from swarm_testkit.simulation.checkers import Ledger
from swarm_testkit.simulation.host import Host
from swarm_testkit.simulation.network import Network
from swarm_testkit.simulation.trace import Trace


class Peer(Protocol):
    """A host that may hold a running member."""

    @property
    def host(self) -> Host: ...

    def receive(self, message: Message) -> bool:
        """Hand a message to the member; False when there is none."""


class SimulatedTransport:
    """Sends nothing any more once it is closed: the process behind it is dead."""

    def __init__(
        self, host: Host, network: Network, find: Callable[[int], Peer], ledger: Ledger, trace: Trace
    ) -> None:
        self._host = host
        self._network = network
        self._find = find
        self._ledger = ledger
        self._trace = trace
        self._peers: set[int] = set()
        self._active: dict[int, float] = {}
        self._reports: Reports | None = None
        self.is_closed = False

    def report_to(self, reports: Reports) -> None:
        self._reports = reports

    def send(self, messages: Sequence[Message]) -> None:
        if self.is_closed:
            return
        for message in messages:
            self._ledger.sent(self._host.name, message)
            if message.to in self._peers:
                self._send(message)

    def add_peer(self, raft_id: int, address: str) -> None:
        self._peers.add(raft_id)

    def remove_peer(self, raft_id: int) -> None:
        self._peers.discard(raft_id)
        self._active.pop(raft_id, None)

    def active_since(self, raft_id: int) -> float | None:
        return self._active.get(raft_id)

    def _send(self, message: Message) -> None:
        peer = self._find(message.to)
        name = self._host.name
        self._trace.note(
            f"{name}>{peer.host.name} {message.type} t{message.term} i{message.index} n{len(message.entries)} c{message.commit}"
            f"{' rejected' if message.reject else ''}"
        )

        def deliver() -> None:
            if not peer.receive(message):
                lost()
                return
            self._active.setdefault(message.to, self._host.clock.monotonic())
            if message.type is MessageType.SNAP:
                self._report(message, ok=True)

        def lost() -> None:
            self._trace.note(f"{name}>{peer.host.name} {message.type} is lost")
            self._active.pop(message.to, None)
            self._report(message, ok=False)

        self._network.send(name, peer.host, deliver, lost=lost)

    def _report(self, message: Message, *, ok: bool) -> None:
        if self.is_closed or self._reports is None:
            return
        if message.type is MessageType.SNAP:
            self._reports.report_snapshot(message.to, ok)
        if not ok:
            self._reports.report_unreachable(message.to)
