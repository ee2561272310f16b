"""The port to the other members, and the transport of a cluster of one."""

from collections.abc import Sequence
from typing import Protocol

from swarm_core.raft.types import Message


class Transport(Protocol):
    """Carries messages in order per peer, and may lose them. No call waits."""

    def send(self, messages: Sequence[Message]) -> None: ...

    def add_peer(self, raft_id: int, address: str) -> None:
        """Reach a member; a known one gets the new address."""

    def remove_peer(self, raft_id: int) -> None:
        """Stop reaching a former member."""


class NoTransport:
    """For a single member: there is nobody to reach."""

    def send(self, messages: Sequence[Message]) -> None:
        """Messages to nobody are lost, as messages may be."""

    def add_peer(self, raft_id: int, address: str) -> None:
        """Nothing to prepare."""

    def remove_peer(self, raft_id: int) -> None:
        """Nothing to undo."""
