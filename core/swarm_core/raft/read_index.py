"""Reads that wait until the leader has proven that it still leads.

Requests are numbered in order of arrival. Each heartbeat carries the number of the newest one; a member that answers
acknowledges all up to that number, and a quorum of acknowledgements confirms them.
"""

from swarm_core.raft.quorum import JointVoters
from swarm_core.raft.types import Message

_CONTEXT_SIZE = 8


class ReadRequests:
    """Requests of one leader's term, oldest first, each with the commit index at its arrival."""

    __slots__ = ("_acked", "_confirmed", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[tuple[Message, int]] = []
        self._confirmed = 0
        self._acked: dict[int, int] = {}

    def add(self, request: Message, commit: int) -> None:
        self._waiting.append((request, commit))

    def heartbeat_context(self) -> bytes:
        """What a heartbeat must carry to confirm all that wait; empty when none does."""
        if not self._waiting:
            return b""
        return (self._confirmed + len(self._waiting)).to_bytes(_CONTEXT_SIZE, "little")

    def acknowledge(self, member: int, context: bytes) -> None:
        """Notes an answer; a context that no heartbeat of ours carried is ignored."""
        if len(context) != _CONTEXT_SIZE:
            return
        number = int.from_bytes(context, "little")
        if number <= self._confirmed + len(self._waiting):
            self._acked[member] = max(self._acked.get(member, 0), number)

    def take_confirmed(self, voters: JointVoters) -> list[tuple[Message, int]]:
        """Removes and returns what a quorum has confirmed."""
        count = voters.committed(self._acked) - self._confirmed
        if count <= 0:
            return []
        confirmed = self._waiting[:count]
        del self._waiting[:count]
        self._confirmed += len(confirmed)
        return confirmed
