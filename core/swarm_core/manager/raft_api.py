"""The services between managers: raft's messages, and who is a member (docs/design/raft-node.md 2.5, 2.6); and how raft stands."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from swarm_core.api.proto import raft_pb2, raft_status_pb2, raftpb_pb2
from swarm_core.raft_node.errors import JoinFailed, MemberRemoved, NotLeader, NotMember
from swarm_core.raft_node.membership import Member
from swarm_core.raft_node.net.joining import reachable_address
from swarm_core.raft_node.node import RaftNode
from swarm_core.raft_node.receiver import Receiver
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import FailedPrecondition, InvalidArgument, NotFound, Unknown

_log = logging.getLogger(__name__)


class Members(Protocol):
    """Port: the members of raft as this one knows them."""

    @property
    def is_member(self) -> bool:
        """Whether this node takes part."""

    def all(self) -> list[Member]:
        """All of them, this one too."""


class ChangingMembers(Members, Protocol):
    """Port: changes the members, on the leader."""

    async def admit(self, node_id: str, address: str) -> Member:
        """Make a node a member, or note its new address. Raises ProposalRefused."""

    async def remove(self, raft_id: int) -> None:
        """Take a member out. Raises ProposalRefused."""


class Leadership(Protocol):
    """Port: whether this member leads."""

    @property
    def is_leader(self) -> bool: ...


class RaftApi:
    """Handler of docker.swarmkit.v1.Raft."""

    def __init__(self, members: Members, receiver: Receiver) -> None:
        self._members = members
        self._receiver = receiver

    async def process_raft_message(
        self, request: raft_pb2.ProcessRaftMessageRequest, caller: Caller
    ) -> bytes:
        """One message of a member."""
        if request.HasField("message"):
            try:
                await self._receiver.receive(request.message)
            except MemberRemoved as removed:
                raise NotFound(str(removed)) from None
        return b""

    async def stream_raft_message(
        self, requests: AsyncIterator[raft_pb2.StreamRaftMessageRequest], caller: Caller
    ) -> bytes:
        """One message, perhaps in parts."""

        async def messages() -> AsyncIterator[raftpb_pb2.Message]:
            async for request in requests:
                if request.HasField("message"):
                    yield request.message

        try:
            await self._receiver.receive_parts(messages())
        except MemberRemoved as removed:
            raise NotFound(str(removed)) from None
        except ValueError as error:
            raise InvalidArgument(str(error)) from None
        return b""

    def message(self, data: bytes, tick_s: float) -> Awaitable[None] | None:
        """One encoded message of a manager of ours, which came over a link; it is taken after what is given, if anything."""
        try:
            return self._receiver.receive_bytes(data, tick_s=tick_s)
        except MemberRemoved as removed:
            raise NotFound(str(removed)) from None
        except ValueError as error:
            raise InvalidArgument(str(error)) from None

    async def resolve_address(
        self, request: raft_pb2.ResolveAddressRequest, caller: Caller
    ) -> raft_pb2.ResolveAddressResponse:
        """Where a member is reached."""
        if not self._members.is_member:
            raise NotMember
        for member in self._members.all():
            if member.raft_id == request.raft_id:
                return raft_pb2.ResolveAddressResponse(addr=member.address)
        raise NotFound(f"raft member {request.raft_id:x} is not known")


class RaftMembershipApi:
    """Handler of docker.swarmkit.v1.RaftMembership. `check` asks whether a manager can be reached at an address; it
    raises JoinFailed. `is_wanted` says whether a node is to be a manager: its certificate may be older than that wish."""

    def __init__(
        self,
        members: ChangingMembers,
        leadership: Leadership,
        check: Callable[[str], Awaitable[None]],
        is_wanted: Callable[[str], bool],
    ) -> None:
        self._members = members
        self._leadership = leadership
        self._check = check
        self._is_wanted = is_wanted

    async def join(self, request: raft_pb2.JoinRequest, caller: Caller) -> raft_pb2.JoinResponse:
        """Make the caller a member, or note its new address."""
        if not self._members.is_member:
            raise FailedPrecondition(str(NotMember()))
        if not self._leadership.is_leader:
            raise FailedPrecondition(str(NotLeader()))
        if not self._is_wanted(caller.node_id):
            raise FailedPrecondition(f"node {caller.node_id} is not to be a manager")
        try:
            address = reachable_address(request.addr, caller.remote_addr)
        except ValueError as error:
            raise InvalidArgument(str(error)) from None
        try:
            await self._check(address)
        except JoinFailed as failure:
            raise Unknown(str(failure)) from None
        member = await self._members.admit(caller.node_id, address)
        _log.info("manager %s at %s is raft member %x", member.node_id, member.address, member.raft_id)
        return raft_pb2.JoinResponse(raft_id=member.raft_id, members=map(_message, self._members.all()))

    async def leave(self, request: raft_pb2.LeaveRequest, caller: Caller) -> raft_pb2.LeaveResponse:
        """Take a member out."""
        if not request.HasField("node"):
            raise InvalidArgument("the request names no member")
        await self._members.remove(request.node.raft_id)
        _log.info("raft member %x was removed, as %s wished", request.node.raft_id, caller.node_id)
        return raft_pb2.LeaveResponse()


class RaftStatusApi:
    """Handler of swarmtui.v1.RaftStatus."""

    def __init__(self, node: RaftNode) -> None:
        self._node = node

    async def get_raft_status(
        self, request: raft_status_pb2.GetRaftStatusRequest, caller: Caller
    ) -> raft_status_pb2.GetRaftStatusResponse:
        """Term and log positions, of all members as their leader knows them. Raises NotLeader."""
        node = self._node
        if not node.leadership.is_leader:
            raise NotLeader
        status = node.status()
        return raft_status_pb2.GetRaftStatusResponse(
            term=status.hard_state.term,
            leader_raft_id=status.id,
            last_index=status.last_index,
            commit_index=status.hard_state.commit,
            applied_index=status.applied,
            members=[
                raft_status_pb2.MemberProgress(
                    raft_id=member.raft_id,
                    node_id=member.node_id,
                    match_index=progress.match,
                    state=raft_status_pb2.MemberProgress.State.Value(progress.state.name),
                    is_recently_active=progress.is_recently_active,
                    is_learner=progress.is_learner,
                )
                for member in node.members.all()
                if (progress := status.progress.get(member.raft_id)) is not None
            ],
        )


def _message(member: Member) -> raft_pb2.RaftMember:
    return raft_pb2.RaftMember(raft_id=member.raft_id, node_id=member.node_id, addr=member.address)
