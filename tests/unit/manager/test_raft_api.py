"""Joining, leaving, and raft's messages as calls."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from swarm_core.api.proto import raft_pb2, raftpb_pb2
from swarm_core.manager.raft_api import RaftApi, RaftMembershipApi
from swarm_core.raft_node.errors import JoinFailed, MemberRemoved, NotMember
from swarm_core.raft_node.membership import Member
from swarm_core.raft_node.receiver import Receiver
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import FailedPrecondition, InvalidArgument, NotFound, Unknown

CALLER = Caller("n2", frozenset({"swarm-manager"}), "org", "10.0.0.2:5555")


@dataclass
class Node:
    is_member: bool = True
    is_leader: bool = True
    admitted: list[Member] = field(default_factory=lambda: [Member(1, "n1", "10.0.0.1:1")])
    removed: list[int] = field(default_factory=list)

    def all(self) -> list[Member]:
        return self.admitted

    async def admit(self, node_id: str, address: str) -> Member:
        self.admitted.append(Member(len(self.admitted) + 1, node_id, address))
        return self.admitted[-1]

    async def remove(self, raft_id: int) -> None:
        self.removed.append(raft_id)


@dataclass
class Bench:
    node: Node = field(default_factory=Node)
    checked: list[str] = field(default_factory=list)
    is_there: bool = True
    wanted: set[str] = field(default_factory=lambda: {"n2"})

    def api(self) -> RaftMembershipApi:
        async def check(address: str) -> None:
            self.checked.append(address)
            if not self.is_there:
                raise JoinFailed("the new manager cannot be reached")

        return RaftMembershipApi(self.node, self.node, check, self.wanted.__contains__)

    async def join(self, address: str, caller: Caller = CALLER) -> raft_pb2.JoinResponse:
        return await self.api().join(raft_pb2.JoinRequest(addr=address), caller)


async def test_a_node_that_can_be_reached_becomes_a_member() -> None:
    """It gets its id and everybody's address."""
    bench = Bench()
    answer = await bench.join("10.0.0.7:2377")
    assert bench.checked == ["10.0.0.7:2377"]
    assert answer.raft_id == 2
    members = [(one.raft_id, one.node_id, one.addr) for one in answer.members]
    assert members == [(1, "n1", "10.0.0.1:1"), (2, "n2", "10.0.0.7:2377")]


@pytest.mark.parametrize(
    ("address", "source", "found"),
    [
        ("0.0.0.0:4242", "10.0.0.2:5555", "10.0.0.2:4242"),
        ("[::]:4242", "10.0.0.2:5555", "10.0.0.2:4242"),
        (":4242", "[fd00::2]:5555", "[fd00::2]:4242"),
        ("host.example:4242", "10.0.0.2:5555", "host.example:4242"),
    ],
)
async def test_an_address_without_host_is_where_the_call_came_from(
    address: str, source: str, found: str
) -> None:
    """Only the port is the joiner's word then."""
    bench = Bench()
    await bench.join(address, Caller("n2", CALLER.roles, "org", source))
    assert bench.checked == [found]


@pytest.mark.parametrize("address", ["", "host", "host:", "host:port", "host:70000", "::1:80"])
async def test_what_is_no_address(address: str) -> None:
    """InvalidArgument, and nobody is dialled."""
    bench = Bench()
    with pytest.raises(InvalidArgument):
        await bench.join(address)
    assert bench.checked == []


async def test_who_does_not_admit() -> None:
    """No member, no leader; and a joiner that cannot be reached is nobody's member."""
    for node in (Node(is_member=False), Node(is_leader=False)):
        with pytest.raises(FailedPrecondition):
            await Bench(node).join("10.0.0.7:2377")
    bench = Bench(is_there=False)
    with pytest.raises(Unknown, match="cannot be reached"):
        await bench.join("10.0.0.7:2377")
    assert len(bench.node.admitted) == 1


async def test_leave() -> None:
    """Takes out whom the request names."""
    bench = Bench()
    await bench.api().leave(raft_pb2.LeaveRequest(node=raft_pb2.RaftMember(raft_id=5)), CALLER)
    assert bench.node.removed == [5]
    with pytest.raises(InvalidArgument):
        await bench.api().leave(raft_pb2.LeaveRequest(), CALLER)


class Receiving:
    """A receiver that fails as told."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.got: list[raftpb_pb2.Message] = []

    async def receive(self, message: raftpb_pb2.Message) -> None:
        if self.failure is not None:
            raise self.failure
        self.got.append(message)

    async def receive_parts(self, messages: AsyncIterator[raftpb_pb2.Message]) -> None:
        async for message in messages:
            await self.receive(message)


def raft_api(receiving: Receiving, node: Node | None = None) -> RaftApi:
    return RaftApi(node or Node(), cast(Receiver, receiving))


async def stream(*requests: raft_pb2.StreamRaftMessageRequest) -> AsyncIterator[Any]:
    for request in requests:
        yield request


async def test_messages_are_handed_on() -> None:
    """One by one or as a stream; requests without a message are nothing."""
    receiving = Receiving()
    api, message = raft_api(receiving), raftpb_pb2.Message(term=3)
    await api.process_raft_message(raft_pb2.ProcessRaftMessageRequest(message=message), CALLER)
    await api.process_raft_message(raft_pb2.ProcessRaftMessageRequest(), CALLER)
    request = raft_pb2.StreamRaftMessageRequest(message=message)
    await api.stream_raft_message(stream(request, raft_pb2.StreamRaftMessageRequest()), CALLER)
    assert receiving.got == [message, message]


async def test_refusals_have_the_code_that_peers_look_for() -> None:
    """A removed sender: NotFound with the text; parts that do not fit: InvalidArgument."""
    message = raftpb_pb2.Message(term=3)
    removed = raft_api(Receiving(MemberRemoved()))
    with pytest.raises(NotFound, match=r"^raft: member was removed from the cluster$"):
        await removed.process_raft_message(raft_pb2.ProcessRaftMessageRequest(message=message), CALLER)
    request = raft_pb2.StreamRaftMessageRequest(message=message)
    with pytest.raises(NotFound):
        await removed.stream_raft_message(stream(request), CALLER)
    with pytest.raises(InvalidArgument):
        await raft_api(Receiving(ValueError("parts"))).stream_raft_message(stream(request), CALLER)


async def test_addresses_of_members() -> None:
    """Known ones are told, unknown ones are NotFound; who is no member knows nothing."""
    api = raft_api(Receiving())
    assert (await api.resolve_address(raft_pb2.ResolveAddressRequest(raft_id=1), CALLER)).addr == "10.0.0.1:1"
    with pytest.raises(NotFound):
        await api.resolve_address(raft_pb2.ResolveAddressRequest(raft_id=4), CALLER)
    with pytest.raises(NotMember):
        await raft_api(Receiving(), Node(is_member=False)).resolve_address(
            raft_pb2.ResolveAddressRequest(raft_id=1), CALLER
        )


async def test_a_node_that_is_no_manager_any_more_is_not_admitted() -> None:
    """Its certificate may still be a manager's: what is wished for the node decides, and nobody asks whether it can be reached."""
    bench = Bench(wanted=set())
    with pytest.raises(FailedPrecondition, match="node n2 is not to be a manager"):
        await bench.join("10.0.0.7:2377")
    assert bench.checked == []
    assert [member.node_id for member in bench.node.all()] == ["n1"]
