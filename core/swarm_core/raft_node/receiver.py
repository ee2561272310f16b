"""Raft messages that come in: which of them the node may see (docs/design/raft-node.md 2.5).

A message that is dropped is answered like one that is taken: raft copes with loss, and its sender could do nothing about it.
Only a removed member is told, so that it stops.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from google.protobuf.message import DecodeError

from swarm_core.api.proto import raftpb_pb2
from swarm_core.raft.types import Message, MessageType
from swarm_core.raft_node.codec import message_from_raftpb
from swarm_core.raft_node.errors import MemberRemoved
from swarm_core.raft_node.membership import Member
from swarm_core.raft_node.net.envelopes import is_same_snapshot

_log = logging.getLogger(__name__)


class KnownMembers(Protocol):
    """Port: the member that messages are for, and the others as it knows them."""

    @property
    def raft_id(self) -> int:
        """Of this member."""

    @property
    def is_member(self) -> bool:
        """Whether it takes part."""

    def all(self) -> list[Member]:
        """All members, this one too."""

    def removed(self) -> frozenset[int]:
        """Raft ids that never come back."""


class Step(Protocol):
    """Port: hands a message to raft."""

    def __call__(self, message: Message, *, tick_s: float = 0.0) -> None: ...


class Receiver:
    """`answers` asks whether a member can be reached; `heard` notes that one was heard from.

    `tick_s` is the length of the sender's ticks, 0 when it does not say.
    """

    def __init__(
        self,
        members: KnownMembers,
        step: Step,
        *,
        answers: Callable[[int], Awaitable[bool]],
        heard: Callable[[int], None],
    ) -> None:
        self._members = members
        self._step = step
        self._answers = answers
        self._heard = heard

    def receive_bytes(self, data: bytes, *, tick_s: float = 0.0) -> Awaitable[None] | None:
        """Take one encoded message: at once, or after what is given. Raises MemberRemoved; ValueError when it is none."""
        try:
            message = raftpb_pb2.Message.FromString(data)
        except DecodeError as error:
            raise ValueError("not a raft message") from error
        decoded = message_from_raftpb(message)
        return None if self.take(decoded, tick_s=tick_s) else self.take_vote(decoded, tick_s=tick_s)

    async def receive(self, message: raftpb_pb2.Message, *, tick_s: float = 0.0) -> None:
        """Take one message. Raises MemberRemoved."""
        decoded = message_from_raftpb(message)
        if not self.take(decoded, tick_s=tick_s):
            await self.take_vote(decoded, tick_s=tick_s)

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

    def take(self, message: Message, *, tick_s: float = 0.0) -> bool:
        """Take or drop one decoded message at once. False when it asks for a vote: that is for `take_vote`, which may
        wait. Raises MemberRemoved."""
        members, sender = self._members, message.from_
        if sender in members.removed():
            raise MemberRemoved
        if not members.is_member:
            return True
        if message.to != members.raft_id:
            _log.warning("a raft message for member %x of %x came here", message.to, sender)
            return True
        self._heard(sender)
        if message.type is MessageType.VOTE:
            return False
        if message.type is not MessageType.PROP:
            self._step(message, tick_s=tick_s)
        return True

    async def take_vote(self, message: Message, *, tick_s: float = 0.0) -> None:
        """Take a candidate's request once it answers: one that cannot be reached could not lead.

        A joiner whose log does not tell of its own addition yet knows no members, but those that admitted it count it among them: in a
        cluster of one that admits a second nobody is elected without it. It is asked at the address that came with its admission.
        """
        sender, known = message.from_, self._members.all()
        is_member = not known or any(member.raft_id == sender for member in known)
        if is_member and await self._answers(sender):
            self._step(message, tick_s=tick_s)
