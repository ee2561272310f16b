"""Manager processes as the node daemon starts and ends them (see node.launcher).

A process ends in three ways: stopped (it closes its files), killed (what it wrote is there, synced or not), or by a power cut
(see swarm_testkit.disk). Whatever else ends it must be a failure of its disk, its removal from the cluster, or that nobody
admitted it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from swarm_agentd.node.launcher import Launch, ToldKey
from swarm_core.api.proto.raft_pb2 import JoinResponse
from swarm_core.raft_node.errors import DiskFailed, JoinFailed, NotMember
from swarm_core.runtime import exit_codes, heartbeat
from swarm_core.runtime.tasks import Group

from swarm_testkit.disk import PowerCut
from swarm_testkit.simulation.checkers import Findings
from swarm_testkit.simulation.host import Host
from swarm_testkit.simulation.life import Life

_KILLED = -9
_EXPECTED = (DiskFailed, NotMember, JoinFailed)

Ask = Callable[[str, frozenset[int]], Awaitable[JoinResponse]]
"""Asks the manager at an address to admit this node."""


def leaves(error: BaseException) -> list[BaseException]:
    """The errors within groups, without endings that somebody asked for."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in leaves(one)]
    return [] if isinstance(error, asyncio.CancelledError | PowerCut) else [error]


class Body(Protocol):
    """The machine that a process runs on."""

    @property
    def host(self) -> Host: ...

    @property
    def findings(self) -> Findings: ...

    def make_life(self, how: Launch, tell: Callable[[bytes, bool], None]) -> Life:
        """A process that was just started. Raises CaError."""

    async def until_startable(self) -> None:
        """Return when a process may begin here."""

    async def ask(self, address: str, former: frozenset[int]) -> JoinResponse:
        """See processes.Ask."""

    def ended(self) -> None:
        """The process is over, whatever the reason."""


class SimulatedProcess:
    """See launcher.ManagerProcess. `life` is there while it runs."""

    last_words = ""

    def __init__(self, body: Body, group: Group, how: Launch) -> None:
        self._body, self._how = body, how
        self._told: asyncio.Queue[ToldKey | None] = asyncio.Queue()
        self._code: int | None = None
        self._serving = asyncio.Event()
        self.life: Life | None = None
        self._work = group.spawn(self._run(), name=f"manager of {body.host.name}")

    async def wait(self) -> int:
        await asyncio.wait((self._work,))
        return 0 if self._code is None else self._code

    async def next_unlock_key(self) -> ToldKey | None:
        return await self._told.get()

    async def until_serving(self) -> None:
        await self._serving.wait()

    @property
    def beats(self) -> int:
        """A paused machine stands still as a whole; its daemon looks at nothing meanwhile."""
        return int(self._body.host.clock.monotonic() / heartbeat.BEAT_S)

    def set_log_level(self, level: str) -> None:
        """It logs with the whole simulation."""

    def starved_s(self) -> float:
        return 0.0

    async def stop(self) -> None:
        self._work.cancel()
        await asyncio.wait((self._work,))

    def kill(self) -> None:
        """End it without a last word. The disk is off already."""
        self._code = _KILLED
        if self.life is not None:
            self.life.end()
        self._work.cancel()

    async def _run(self) -> None:
        host, how = self._body.host, self._how
        try:
            self.life = life = self._body.make_life(how, self._tell)
            ask = (lambda former: self._body.ask(how.join, former)) if how.join else None
            await life.run(ask, self._serving.set)
        except asyncio.CancelledError:
            self._end(0)
        except BaseException as error:  # noqa: BLE001 - judged here
            if self._code is None:
                self._judge(error)
        finally:
            host.trace.note(f"the manager of {host.name} ends: {self._code}")
            if self.life is not None:
                self.life.end()
            self.life = None
            self._told.put_nowait(None)
            self._body.ended()

    def _tell(self, key: bytes, is_locking: bool) -> None:
        self._told.put_nowait(ToldKey(key, locks=is_locking))

    def _end(self, code: int) -> None:
        if self._code is None:
            self._code = code

    def _judge(self, error: BaseException) -> None:
        found = leaves(error)
        for leaf in found:
            self._body.host.trace.note(f"{self._body.host.name} ends: {leaf!r}")
            if not isinstance(leaf, _EXPECTED):
                self._body.findings.add(f"{self._body.host.name} ended: {type(leaf).__name__}: {leaf}")
        is_removed = any(isinstance(leaf, NotMember) for leaf in found)
        self._end(exit_codes.REMOVED if is_removed else exit_codes.FAILED)


class SimulatedLauncher:
    """See launcher.Launcher. `current` is the process that runs."""

    def __init__(self, body: Body, group: Group) -> None:
        self._body, self._group = body, group
        self.current: SimulatedProcess | None = None

    async def launch(self, how: Launch) -> SimulatedProcess:
        await self._body.until_startable()
        self.current = SimulatedProcess(self._body, self._group, how)
        return self.current

    def dismiss(self) -> None:
        """Nobody stands by here."""
