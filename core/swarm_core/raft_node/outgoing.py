"""What this member sends, and the votes that it asks for again.

A candidate repeats its requests for votes at every tick. The core asks once, but a member ignores the request while it could
still hear from the leader: a whole election would be lost to a tick's difference.
"""

from collections.abc import Sequence
from dataclasses import replace

from swarm_core.raft.types import Message, MessageType, StateRole
from swarm_core.raft_node.applier import Applier
from swarm_core.raft_node.core import Core
from swarm_core.raft_node.net.transport import Transport


class Outgoing:
    def __init__(self, core: Core, applier: Applier, transport: Transport) -> None:
        self._core = core
        self._applier = applier
        self._transport = transport
        self._vote_requests: list[Message] = []

    def send(self, messages: Sequence[Message]) -> None:
        """Hand messages to the transport."""
        if messages:
            self._transport.send([self._current(one) for one in messages])

    def remember_vote_requests(self, messages: Sequence[Message]) -> None:
        """Repeat those of these messages that ask for a vote."""
        self._vote_requests += [one for one in messages if one.type is MessageType.VOTE]

    def repeat_vote_requests(self, role: StateRole) -> None:
        """Ask again, as long as this member is a candidate in the same term."""
        if role is not StateRole.CANDIDATE:
            self._vote_requests = []
            return
        self._vote_requests = [one for one in self._vote_requests if one.term == self._core.raw.term]
        self.send(self._vote_requests)

    def _current(self, message: Message) -> Message:
        """A snapshot tells the members of now: one that it is sent to may have joined since it was taken."""
        if message.snapshot is None:
            return message
        return replace(message, snapshot=replace(message.snapshot, conf_state=self._applier.conf_state))
