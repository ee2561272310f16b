"""The port to the other members, and the transport of a cluster of one.

The node hands messages to its transport and is told by it, through `Reports`, what became of them.
"""

from collections.abc import Sequence
from typing import Protocol

from swarm_core.raft.types import Message


class Reports(Protocol):
    """What a transport tells the node it works for."""

    def report_unreachable(self, raft_id: int) -> None:
        """A message to this member was lost."""

    def report_snapshot(self, raft_id: int, ok: bool) -> None:
        """A snapshot reached this member, or did not: one of both must be told for every snapshot."""

    def report_removed(self) -> None:
        """A member says that this node was removed from the cluster."""

    @property
    def said_tick_s(self) -> float:
        """The length of a tick, told with each message that can carry it."""


class Transport(Protocol):
    """Carries messages in order per peer, and may lose them. No call waits."""

    def report_to(self, reports: Reports) -> None:
        """Whom to tell; comes before everything else."""

    def send(self, messages: Sequence[Message]) -> None: ...

    def add_peer(self, raft_id: int, address: str) -> None:
        """Reach a member; a known one gets the new address."""

    def remove_peer(self, raft_id: int) -> None:
        """Stop reaching a former member, after what was sent to it already."""

    def active_since(self, raft_id: int) -> float | None:
        """Since when (monotonic) a member answers; None when it does not."""

    def is_ours(self, raft_id: int) -> bool | None:
        """Whether a member is of our make; None until it was reached."""


class NoTransport:
    """For a single member: there is nobody to reach."""

    def report_to(self, reports: Reports) -> None:
        """There is nothing to tell."""

    def send(self, messages: Sequence[Message]) -> None:
        """Messages to nobody are lost, as messages may be."""

    def add_peer(self, raft_id: int, address: str) -> None:
        """Nothing to prepare."""

    def remove_peer(self, raft_id: int) -> None:
        """Nothing to undo."""

    def active_since(self, raft_id: int) -> float | None:
        """Nobody answers."""
        return None

    def is_ours(self, raft_id: int) -> bool | None:
        """Nobody is known."""
        return None
