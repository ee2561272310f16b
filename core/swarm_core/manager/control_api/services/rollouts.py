"""Holding rollouts, and going on with them (docs/design/orchestration.md 2.6.14).

What is written is SwarmKit's own: the update status of the service. The orchestrators follow it as they follow a pause after failures.
"""

from collections.abc import Callable
from typing import Any

from swarm_core.api.proto.objects_pb2 import Service
from swarm_core.api.proto.rollouts_pb2 import (
    HoldRolloutRequest,
    HoldRolloutResponse,
    ResumeRolloutRequest,
    ResumeRolloutResponse,
)
from swarm_core.manager.control_api.requests import copy, known
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import FailedPrecondition, InvalidArgument
from swarm_core.rules import rollout
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction


class RolloutsApi:
    """Handler of swarmtui.v1.Rollouts."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def hold_rollout(self, request: HoldRolloutRequest, caller: Caller) -> HoldRolloutResponse:
        """Replace no further task. Held already is held; FAILED_PRECONDITION where nothing is rolled out."""

        def hold(service: Service) -> None:
            if rollout.is_paused(service):
                return
            if not rollout.is_going(service):
                raise FailedPrecondition("no update of it is on its way")
            rollout.hold(service)

        return HoldRolloutResponse(service=await self._change(request, hold))

    async def resume_rollout(self, request: ResumeRolloutRequest, caller: Caller) -> ResumeRolloutResponse:
        """Go on. What goes already goes on; FAILED_PRECONDITION where nothing is paused."""

        def resume(service: Service) -> None:
            if rollout.is_going(service):
                return
            if not rollout.is_paused(service):
                raise FailedPrecondition("no update of it is paused")
            rollout.resume(service)

        return ResumeRolloutResponse(service=await self._change(request, resume))

    async def _change(self, request: Any, change: Callable[[Service], None]) -> Service:
        if not request.HasField("spec_version"):
            raise InvalidArgument("the version of the spec that is rolled out is required")

        def write(tx: Transaction) -> Service:
            stored = known(tx, Service, request.service_id)
            if stored.spec_version.index != request.spec_version.index:
                raise FailedPrecondition("it was updated since it was looked at")
            service = copy(stored)
            change(service)
            if service != stored:
                tx.update(service)
            return service

        return await self._store.update(write)
