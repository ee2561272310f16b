"""What each manager knows of itself alone, and how all of them are asked (docs/design/metrics.md M.6).

Any manager answers for all: it asks the others, side by side. Who does not answer in time is told of with the reason, and keeps nobody
from the figures of the others.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from swarm_core.api.proto.manager_figures_pb2 import (
    GetOwnFiguresRequest,
    GetOwnFiguresResponse,
    ListFiguresRequest,
    ListFiguresResponse,
    ManagerAnswer,
    Measured,
)
from swarm_core.raft_node.errors import NotMember
from swarm_core.raft_node.membership import Member
from swarm_core.raft_node.node import RaftNode
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Code, RpcFailure
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.processes import own_use
from swarm_core.runtime.tasks import Group

_ASK_S: Final = 2.0
_TROUBLE_MAX: Final = 200
AskOther = Callable[[str], Awaitable[GetOwnFiguresResponse]]
"""Port: asks the manager at an address for its own figures. Raises RpcFailure."""


class ManagerFiguresApi:
    """Handler of swarmtui.v1.ManagerFigures. `measured` is what a manager tells that is measured; None for one that is not."""

    def __init__(
        self,
        raft: RaftNode,
        clock: Clock,
        ask: AskOther | None,
        measured: Callable[[], Measured] | None,
    ) -> None:
        self._raft, self._clock, self._ask, self._measured = raft, clock, ask, measured

    async def get_own_figures(self, request: GetOwnFiguresRequest, caller: Caller) -> GetOwnFiguresResponse:
        """Of this manager. Raises NotMember."""
        return self._own()

    async def list_figures(self, request: ListFiguresRequest, caller: Caller) -> ListFiguresResponse:
        """Of every manager. Raises NotMember."""
        members = self._raft.members
        if not members.is_member:
            raise NotMember
        async with Group() as group:
            asked = [group.spawn(self._of(member), name="figures of a manager") for member in members.all()]
        return ListFiguresResponse(managers=[one.result() for one in asked])

    async def _of(self, member: Member) -> ManagerAnswer:
        answer = ManagerAnswer(node_id=member.node_id, addr=member.address)
        try:
            if member.raft_id == self._raft.members.raft_id:
                answer.figures.CopyFrom(self._own())
            elif self._ask is not None:
                async with asyncio.timeout(_ASK_S):
                    answer.figures.CopyFrom(await self._ask(member.address))
        except TimeoutError:
            answer.trouble = f"it did not answer within {_ASK_S:g} s"
        except RpcFailure as failure:
            answer.trouble = _trouble(failure)
        return answer

    def _own(self) -> GetOwnFiguresResponse:
        raft = self._raft
        if not raft.members.is_member:
            raise NotMember
        status, use = raft.status(), own_use()
        return GetOwnFiguresResponse(
            at_seconds=self._clock.monotonic(),
            is_leader=raft.leadership.is_leader,
            term=status.hard_state.term,
            last_index=status.last_index,
            commit_index=status.hard_state.commit,
            applied_index=raft.applied_index,
            memory_bytes=use.memory_bytes,
            cpu_seconds=use.cpu_seconds,
            measured=None if self._measured is None else self._measured(),
        )


def _trouble(failure: RpcFailure) -> str:
    if failure.code is Code.UNIMPLEMENTED:
        return "it does not tell: it is a Docker Engine, or older than this program"
    return failure.message[:_TROUBLE_MAX] or failure.code.name
