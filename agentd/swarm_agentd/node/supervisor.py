"""Keeps the manager of this node running while the node is one (docs/design/node.md 6.4).

Rules
1. A manager that ends is started again after a pause that grows while it keeps failing; one that gives up with an exit code
   before it has ever served here ends the node, for no later start would go better.
2. It says itself when its control API serves, and from then on that its loop turns; now and then it is asked, too. One that is hung is
   ended and started again, one that is busy is not (`hung`).
3. When the node becomes a worker the manager is ended and what it kept is cleared.
4. A manager that was taken out of the consensus has its data cleared too. It becomes one anew as soon as a session says that the
   node is to be a manager; without such news it waits for its demotion, then asks for a certificate and waits again.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from swarm_core.api.proto.health_pb2 import HealthCheckRequest
from swarm_core.ca.errors import CaError
from swarm_core.client.dial import Dial, ManagerConnection
from swarm_core.client.errors import ClientError
from swarm_core.client.trust import Trust
from swarm_core.runtime import exit_codes
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

from swarm_agentd.node import hung
from swarm_agentd.node.errors import ManagerGaveUp, NodeError
from swarm_agentd.node.launcher import Launch, Launcher, ManagerProcess, ToldKey
from swarm_agentd.node.live import LiveIdentity

_log = logging.getLogger(__name__)
SERVICE = "ControlAPI"
ROLE_WAIT_S = 16.0
ASK_S = 5.0
_CALL_S = 300.0
"""Long, for a busy manager answers late; how late is too late is judged by its signs of life."""


class ManagerData(Protocol):
    """Port: what a manager finds when it starts, and leaves when it was one."""

    def launch(self) -> Launch:
        """How to start it now. Raises CaError, NodeError or OSError."""

    def learn(self, told: ToldKey) -> None:
        """It is about to put its key file under this key."""

    def clear(self) -> None:
        """Remove what it kept of the consensus. Raises OSError."""


class ManagerHealth(Protocol):
    """Port: asks the manager that runs how it is."""

    async def answers(self) -> bool:
        """Whether it answers, whatever it says."""

    async def close(self) -> None:
        """It has ended; the next question is for another."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """How the manager came to its end: `code` is None when the role went first, or when it was `hung`, and then says how. `said`: its
    last words."""

    code: int | None
    hung: str | None = None
    said: str = ""


class ManagerSupervisor:
    """`serving` is set while the manager's control socket can be used; `health` asks it. `renew` asks for a new certificate."""

    def __init__(
        self,
        launcher: Launcher,
        health: ManagerHealth,
        live: LiveIdentity,
        data: ManagerData,
        renew: Callable[[], None],
        clock: Clock,
        rng: random.Random,
        *,
        serving: asyncio.Event,
        log_level: str = "",
    ) -> None:
        self.serving = serving
        self._launcher, self._health, self._live = launcher, health, live
        self._data, self._renew, self._clock = data, renew, clock
        self._backoff = Backoff(rng)
        self._has_served = False
        self._log_level = self._first_level = log_level
        self._process: ManagerProcess | None = None
        self.starts = 0
        """How many manager processes were started."""

    def set_log_level(self, level: str) -> None:
        """Have the manager log from this level on, now and whenever it is started; `log_level` is that of its flags."""
        self._log_level = level
        if self._process is not None:
            self._process.set_log_level(level)

    async def run(self) -> None:
        """Until cancelled; then the manager has ended too. Raises NodeError when it cannot run at all."""
        while True:
            await self._live.until_role(is_manager=True)
            ending = await self._run_manager()
            if ending.hung is not None:
                _log.error("the manager %s; it is ended and started again", ending.hung)
                await self._clock.sleep(self._backoff.failed())
            elif ending.code is None:
                self._has_served = False
                _log.info("the node is a worker now; its manager has ended")
                self._clear()
            elif ending.code == exit_codes.REMOVED:
                _log.warning("this manager was removed from the cluster's consensus")
                self._clear()
                await self._await_demotion()
            elif ending.code > 0 and not self._has_served:
                raise ManagerGaveUp(f"the manager could not start (exit code {ending.code})", ending.said)
            else:
                _log.warning("the manager ended (%s); it is started again", _describe(ending.code))
                await self._clock.sleep(self._backoff.failed())

    async def _run_manager(self) -> _Ending:
        try:
            process = await self._launcher.launch(self._data.launch())
            self.starts += 1
        except OSError as error:
            raise NodeError(f"cannot start the manager: {error.strerror} ({error.filename})") from None
        except CaError as error:
            raise NodeError(f"cannot start the manager: {error}") from None
        self._process = process
        if self._log_level != self._first_level:
            process.set_log_level(self._log_level)
        try:
            return await self._attend(process)
        finally:
            self._process = None
            self.serving.clear()
            await process.stop()

    async def _attend(self, process: ManagerProcess) -> _Ending:
        """Watch the manager until it ends or the node is no manager any more."""
        async with Group() as group:
            ending = group.spawn(process.wait(), name="manager process")
            demoted = group.spawn(self._live.until_role(is_manager=False), name="manager role")
            health = group.spawn(self._until_hung(process), name="manager health")
            keys = group.spawn(self._learn_keys(process), name="unlock keys")
            await asyncio.wait((ending, demoted, health), return_when=asyncio.FIRST_COMPLETED)
            has_ended, is_hung = ending.done(), health.done() and not demoted.done()
            if has_ended:
                # Its last words may be the key that its next start needs.
                await asyncio.wait((keys,))
            group.cancel_all()
        if has_ended:
            return _Ending(ending.result(), said=process.last_words)
        return _Ending(None, health.result() if is_hung else None)

    async def _learn_keys(self, process: ManagerProcess) -> None:
        while (told := await process.next_unlock_key()) is not None:
            self._data.learn(told)

    def _clear(self) -> None:
        try:
            self._data.clear()
        except OSError as error:
            raise NodeError(
                f"cannot remove the manager's data: {error.strerror} ({error.filename})"
            ) from None

    async def _await_demotion(self) -> None:
        """A member that was removed is usually being demoted. What sessions say from now on tells; if nobody says anything, its
        certificate will."""
        if not await self._live.until_settled(self._clock, ROLE_WAIT_S):
            self._renew()
            await self._live.until_settled(self._clock, ROLE_WAIT_S)

    async def _until_hung(self, process: ManagerProcess) -> str:
        """Return when the manager has served and is hung, with what was seen of it."""
        await process.until_serving()
        self._has_served = True
        self._backoff.succeeded()
        self.serving.set()
        _log.info("the manager serves")
        vigil = hung.Vigil.begin(self._clock.monotonic(), process.beats, process.starved_s())
        try:
            async with Group() as group:
                group.spawn(self._ask(vigil), name="manager questions")
                wrong = None
                while wrong is None:
                    await self._clock.sleep(hung.LOOK_S)
                    wrong = vigil.look(self._clock.monotonic(), process.beats, process.starved_s())
                group.cancel_all()
        finally:
            await self._health.close()
        return wrong

    async def _ask(self, vigil: hung.Vigil) -> None:
        """Ask one question after the other, and note what was answered."""
        while True:
            await self._clock.sleep(ASK_S)
            if await self._health.answers():
                vigil.answered()


class ControlSocket:
    """See ManagerHealth: one connection to the manager's control socket, kept for as long as the manager lives."""

    def __init__(self, socket: Path, live: LiveIdentity, dial: Dial) -> None:
        self._socket, self._live, self._dial = socket, live, dial
        self._connection: ManagerConnection | None = None

    async def answers(self) -> bool:
        """See ManagerHealth."""
        try:
            if self._connection is None:
                trust = Trust(self._live.now.tls.roots)
                self._connection = await self._dial.open(self._socket, trust, timeout=_CALL_S)
            await self._connection.call("Health.Check", HealthCheckRequest(service=SERVICE), timeout=_CALL_S)
        except ClientError as error:
            _log.debug("the manager does not answer: %s", error)
            await self.close()
            return False
        return True

    async def close(self) -> None:
        """See ManagerHealth."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _describe(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
