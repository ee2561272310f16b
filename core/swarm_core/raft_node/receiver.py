"""Raft messages that come in: which of them the node may see (control-plane spec 2.5).

What is dropped is answered like what is taken: raft copes with loss, and the sender can do nothing better. Only a
removed member is told, so that it stops.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from google.protobuf.message import DecodeError

from swarm_core.api.proto import raftpb_pb2
from swarm_core.raft_node.codec import message_from_raftpb
from swarm_core.raft_node.errors import MemberRemoved
from swarm_core.raft_node.net.envelopes import is_same_snapshot
from swarm_core.raft_node.node import RaftNode

_log = logging.getLogger(__name__)


class Receiver:
    """`answers` asks whether a member can be reached; `heard` notes that one was heard from."""

    def __init__(
        self, node: RaftNode, *, answers: Callable[[int], Awaitable[bool]], heard: Callable[[int], None]
    ) -> None:
        self._node = node
        self._answers = answers
        self._heard = heard

    async def receive_bytes(self, data: bytes, *, tick_s: float = 0.0) -> None:
        """Take one encoded message. `tick_s`: the length of its sender's ticks, 0 when it does not say. Raises MemberRemoved; ValueError when it is none."""
        try:
            message = raftpb_pb2.Message.FromString(data)
        except DecodeError as error:
            raise ValueError("not a raft message") from error
        await self.receive(message, tick_s=tick_s)

    async def receive(self, message: raftpb_pb2.Message, *, tick_s: float = 0.0) -> None:
        """Take one message. Raises MemberRemoved."""
        node = self._node
        sender: int = getattr(message, "from")
        if sender in node.removed_members():
            raise MemberRemoved
        if not node.is_member:
            return
        if message.to != node.raft_id:
            _log.warning("a raft message for member %x of %x came here", message.to, sender)
            return
        self._heard(sender)
        match message.type:
            case raftpb_pb2.MsgProp:
                return
            case raftpb_pb2.MsgVote:
                # A candidate that cannot be reached could not lead.
                if all(member.raft_id != sender for member in node.members()) or not await self._answers(
                    sender
                ):
                    return
        node.step(message_from_raftpb(message), tick_s=tick_s)

    async def receive_parts(self, messages: AsyncIterator[raftpb_pb2.Message]) -> None:
        """Take a message that comes in parts: a large snapshot. Raises MemberRemoved; ValueError when the parts are not
        of one snapshot."""
        whole: raftpb_pb2.Message | None = None
        data: list[bytes] = []
        async for part in messages:
            if whole is None:
                whole = part
            elif not is_same_snapshot(whole, part):
                raise ValueError("a stream carries one raft message, or the parts of one snapshot")
            data.append(part.snapshot.data)
        if whole is None:
            return
        if len(data) > 1:
            whole.snapshot.data = b"".join(data)
        await self.receive(whole)
