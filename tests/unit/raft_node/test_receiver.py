"""What comes in and what the node sees of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from swarm_core.api.proto import raftpb_pb2
from swarm_core.raft.types import Message, MessageType
from swarm_core.raft_node.errors import MemberRemoved
from swarm_core.raft_node.membership import Member
from swarm_core.raft_node.receiver import Receiver


@dataclass
class Node:
    raft_id: int = 1
    is_member: bool = True
    gone: frozenset[int] = frozenset({9})
    known: tuple[int, ...] = (1, 2)
    stepped: list[Message] = field(default_factory=list)

    def removed(self) -> frozenset[int]:
        return self.gone

    def all(self) -> list[Member]:
        return [Member(raft_id, str(raft_id), "") for raft_id in self.known]

    def step(self, message: Message, *, tick_s: float = 0.0) -> None:
        self.stepped.append(message)


@dataclass
class Bench:
    node: Node = field(default_factory=Node)
    is_healthy: bool = True
    asked: list[int] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)

    def receiver(self) -> Receiver:
        async def answers(raft_id: int) -> bool:
            self.asked.append(raft_id)
            return self.is_healthy

        return Receiver(self.node, self.node.step, answers=answers, heard=self.heard.append)

    async def receive(self, **given: Any) -> int:
        """How many messages the node saw."""
        fields = {"type": raftpb_pb2.MsgHeartbeat, "to": 1, "from": 2, "term": 3} | given
        await self.receiver().receive(raftpb_pb2.Message(**fields))
        return len(self.node.stepped)


async def test_messages_of_members_are_taken() -> None:
    """And their sender counts as alive."""
    bench = Bench()
    assert await bench.receive() == 1
    assert bench.heard == [2]


async def test_removed_members_are_told() -> None:
    """Before anything else is looked at."""
    bench = Bench(Node(is_member=False))
    with pytest.raises(MemberRemoved, match=r"^raft: member was removed from the cluster$"):
        await bench.receive(**{"from": 9, "to": 77})


async def test_what_is_dropped() -> None:
    """Messages before membership, for others, and proposals."""
    assert await Bench(Node(is_member=False)).receive() == 0
    assert await Bench().receive(to=7) == 0
    assert await Bench().receive(type=raftpb_pb2.MsgProp) == 0


async def test_votes_are_for_candidates_that_can_be_reached() -> None:
    """An unknown candidate is not even asked; a known one must answer."""
    bench = Bench()
    assert await bench.receive(type=raftpb_pb2.MsgVote, **{"from": 5}) == 0
    assert bench.asked == []
    assert await bench.receive(type=raftpb_pb2.MsgVote) == 1
    assert bench.asked == [2]
    assert await Bench(is_healthy=False).receive(type=raftpb_pb2.MsgVote) == 0


async def test_a_joiner_that_knows_no_members_yet_gives_its_vote() -> None:
    """Those that admitted it count it: without its vote a cluster of one that admits a second would have no leader. It asks
    whether the candidate can be reached as anybody does."""
    bench = Bench(Node(known=()))
    assert await bench.receive(type=raftpb_pb2.MsgVote, **{"from": 5}) == 1
    assert bench.asked == [5]
    assert await Bench(Node(known=()), is_healthy=False).receive(type=raftpb_pb2.MsgVote) == 0


async def test_only_a_vote_may_have_to_wait() -> None:
    """Every other decoded message is taken or dropped at once."""
    bench = Bench()
    receiver = bench.receiver()
    assert receiver.take(Message(MessageType.HEARTBEAT, to=1, from_=2, term=3))
    assert len(bench.node.stepped) == 1
    vote = Message(MessageType.VOTE, to=1, from_=2, term=4)
    assert not receiver.take(vote)
    assert len(bench.node.stepped) == 1
    await receiver.take_vote(vote)
    assert bench.node.stepped[-1] is vote


async def parts(*messages: raftpb_pb2.Message) -> AsyncIterator[raftpb_pb2.Message]:
    for message in messages:
        yield message


def snapshot(data: bytes, *, index: int = 0, kind: int = raftpb_pb2.MsgSnap) -> raftpb_pb2.Message:
    message = raftpb_pb2.Message(type=kind, to=1, term=3, index=index, **{"from": 2})  # type: ignore[arg-type]
    message.snapshot.data = data
    message.snapshot.metadata.index = 4
    return message


async def test_parts_become_one_snapshot() -> None:
    """Its data is that of all parts, in order."""
    bench = Bench()
    await bench.receiver().receive_parts(parts(snapshot(b"ab"), snapshot(b"c"), snapshot(b"d")))
    (message,) = bench.node.stepped
    assert message.snapshot is not None
    assert message.snapshot.data == b"abcd"


async def test_parts_that_do_not_belong_together_are_refused() -> None:
    """Of another index, or of no snapshot; a stream without messages is nothing."""
    bench = Bench()
    for other in (snapshot(b"x", index=1), snapshot(b"x", kind=raftpb_pb2.MsgApp)):
        with pytest.raises(ValueError, match="one raft message"):
            await bench.receiver().receive_parts(parts(snapshot(b"a"), other))
    await bench.receiver().receive_parts(parts())
    assert bench.node.stepped == []
