"""Keeps the manager of this node running while the node is one (docs/design/node.md 6.4).

Rules: a manager that ends is started again after a pause that grows while it keeps failing; one that gives up with an
exit code before it has ever served here ends the node, for no later start would go better. It counts as there once it has
said so and its health service says that the control API serves. When the node becomes a worker the manager is ended and what it
kept is cleared; a manager that was taken out of the consensus has its data cleared too, and becomes one anew unless the
node turns into a worker soon.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from swarm_core.api.proto.health_pb2 import HealthCheckRequest, HealthCheckResponse
from swarm_core.ca.errors import CaError
from swarm_core.client.dial import Dial
from swarm_core.client.errors import ClientError
from swarm_core.client.trust import Trust
from swarm_core.runtime import exit_codes
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

from swarm_agentd.node.errors import ManagerGaveUp, NodeError
from swarm_agentd.node.launcher import Launch, Launcher, ManagerProcess, ToldKey
from swarm_agentd.node.live import LiveIdentity

_log = logging.getLogger(__name__)
SERVICE = "ControlAPI"
ROLE_WAIT_S = 16.0
_POLL_S = 0.05
_CALL_S = 2.0


class ManagerData(Protocol):
    """Port: what a manager finds when it starts, and leaves when it was one."""

    def launch(self) -> Launch:
        """How to start it now. Raises CaError, NodeError or OSError."""

    def learn(self, told: ToldKey) -> None:
        """It is about to put its key file under this key."""

    def clear(self) -> None:
        """Remove what it kept of the consensus. Raises OSError."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """How the manager came to its end: `code` is None when the role went first."""

    code: int | None


class ManagerSupervisor:
    """`serving` is set while the manager's control socket can be used; `serves` asks it. `renew` asks for a new certificate."""

    def __init__(
        self,
        launcher: Launcher,
        serves: Callable[[], Awaitable[bool]],
        live: LiveIdentity,
        data: ManagerData,
        renew: Callable[[], None],
        clock: Clock,
        rng: random.Random,
        *,
        serving: asyncio.Event,
    ) -> None:
        self.serving = serving
        self._launcher, self._serves, self._live = launcher, serves, live
        self._data, self._renew, self._clock = data, renew, clock
        self._backoff = Backoff(rng)
        self._has_served = False

    async def run(self) -> None:
        """Until cancelled; then the manager has ended too. Raises NodeError when it cannot run at all."""
        while True:
            await self._live.until_role(is_manager=True)
            ending = await self._run_manager()
            if ending.code is None:
                _log.info("the node is a worker now; its manager has ended")
                self._clear()
            elif ending.code == exit_codes.REMOVED:
                _log.warning("this manager was removed from the cluster's consensus")
                self._clear()
                await self._await_demotion()
            elif ending.code > 0 and not self._has_served:
                raise ManagerGaveUp(f"the manager could not start (exit code {ending.code})")
            else:
                _log.warning("the manager ended (%s); it is started again", _describe(ending.code))
                await self._clock.sleep(self._backoff.failed())

    async def _run_manager(self) -> _Ending:
        try:
            process = await self._launcher.launch(self._data.launch())
        except OSError as error:
            raise NodeError(f"cannot start the manager: {error.strerror} ({error.filename})") from None
        except CaError as error:
            raise NodeError(f"cannot start the manager: {error}") from None
        try:
            return await self._attend(process)
        finally:
            self.serving.clear()
            await process.stop()

    async def _attend(self, process: ManagerProcess) -> _Ending:
        """Watch the manager until it ends or the node is no manager any more."""
        async with Group() as group:
            ending = group.spawn(process.wait(), name="manager process")
            demoted = group.spawn(self._live.until_role(is_manager=False), name="manager role")
            group.spawn(self._watch_health(process), name="manager health")
            keys = group.spawn(self._learn_keys(process), name="unlock keys")
            await asyncio.wait((ending, demoted), return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                # Its last words may be the key that its next start needs.
                await asyncio.wait((keys,))
            group.cancel_all()
        return _Ending(ending.result() if ending.done() and not ending.cancelled() else None)

    async def _learn_keys(self, process: ManagerProcess) -> None:
        while (told := await process.next_unlock_key()) is not None:
            self._data.learn(told)

    def _clear(self) -> None:
        self._has_served = False
        try:
            self._data.clear()
        except OSError as error:
            raise NodeError(
                f"cannot remove the manager's data: {error.strerror} ({error.filename})"
            ) from None

    async def _await_demotion(self) -> None:
        """A member that was removed is usually being demoted; if not, its certificate will say what it is."""
        if not await self._live.until_worker_or(self._clock, ROLE_WAIT_S):
            self._renew()
            await self._live.until_worker_or(self._clock, ROLE_WAIT_S)

    async def _watch_health(self, process: ManagerProcess) -> None:
        await process.until_serving()
        while not await self._serves():
            await self._clock.sleep(_POLL_S)
        self._has_served = True
        self._backoff.succeeded()
        self.serving.set()
        _log.info("the manager serves")


class ControlSocket:
    """What a manager's health service says about it, asked over its control socket."""

    def __init__(self, socket: Path, live: LiveIdentity, dial: Dial) -> None:
        self._socket, self._live, self._dial = socket, live, dial

    async def serves(self) -> bool:
        """Whether the control API can be used."""
        trust = Trust(self._live.now.tls.roots)
        try:
            async with await self._dial.open(self._socket, trust, timeout=_CALL_S) as connection:
                answer: HealthCheckResponse = await connection.call(
                    "Health.Check", HealthCheckRequest(service=SERVICE), timeout=_CALL_S
                )
        except ClientError:
            return False
        return answer.status == HealthCheckResponse.SERVING


def _describe(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
