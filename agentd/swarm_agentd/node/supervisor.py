"""Keeps the manager of this node running (control-plane spec 6.4).

Rules: a manager that ends is started again after a pause that grows while it keeps failing; one that gives up with an
exit code before it has ever served here ends the node, for no later start would go better. It counts as there once
its health service says that the control API serves.
"""

import asyncio
import logging
import random
from pathlib import Path

from swarm_core.api.proto.health_pb2 import HealthCheckRequest, HealthCheckResponse
from swarm_core.client.connection import Connection
from swarm_core.client.errors import ClientError
from swarm_core.client.trust import Trust
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

from swarm_agentd.node.errors import ManagerGaveUp, NodeError
from swarm_agentd.node.launcher import Launcher, ManagerProcess

_log = logging.getLogger(__name__)
SERVICE = "ControlAPI"
_POLL_S = 0.05
_CALL_S = 2.0


class ManagerSupervisor:
    """`serving` is set while the manager's control socket can be used."""

    def __init__(
        self, launcher: Launcher, socket: Path, roots: bytes, clock: Clock, rng: random.Random
    ) -> None:
        self.serving = asyncio.Event()
        self._launcher, self._socket, self._clock = launcher, socket, clock
        self._trust = Trust(roots)
        self._backoff = Backoff(rng)
        self._has_served = False

    async def run(self) -> None:
        """Until cancelled; then the manager has ended too. Raises NodeError when it cannot run at all."""
        while True:
            try:
                process = await self._launcher.launch()
            except OSError as error:
                raise NodeError(f"cannot start the manager: {error.strerror} ({error.filename})") from None
            try:
                code = await self._attend(process)
            finally:
                self.serving.clear()
                await process.stop()
            if code > 0 and not self._has_served:
                raise ManagerGaveUp(f"the manager could not start (exit code {code})")
            _log.warning("the manager ended (%s); it is started again", _describe(code))
            await self._clock.sleep(self._backoff.failed())

    async def _attend(self, process: ManagerProcess) -> int:
        """Watch the manager until it ends; its exit code."""
        async with Group() as group:
            watching = group.spawn(self._watch_health(), name="manager health")
            try:
                return await process.wait()
            finally:
                watching.cancel()

    async def _watch_health(self) -> None:
        while not await self._is_serving():
            await self._clock.sleep(_POLL_S)
        self._has_served = True
        self._backoff.succeeded()
        self.serving.set()
        _log.info("the manager serves on %s", self._socket)

    async def _is_serving(self) -> bool:
        if not self._socket.exists():
            return False
        try:
            async with await Connection.open(self._socket, trust=self._trust, timeout=_CALL_S) as connection:
                answer: HealthCheckResponse = await connection.call(
                    "Health.Check", HealthCheckRequest(service=SERVICE), timeout=_CALL_S
                )
        except ClientError:
            return False
        return answer.status == HealthCheckResponse.SERVING


def _describe(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
