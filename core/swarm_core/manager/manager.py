"""Leadership in, components on or off.

The manager knows nothing of what its components do. When this member becomes leader it first takes over
(`prepare`), then starts every component one after the other; when it stops leading, they are cancelled and waited for, last one
first, before anything else happens. A component that fails is reported and started again after a pause:
one broken loop must not take the others along.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from swarm_core.raft_node.errors import ProposalRefused
from swarm_core.runtime import log
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group, end_if_cancelled
from swarm_core.watch.queue import Overflow

_log = logging.getLogger(__name__)

# Others are answered for as long as a component looked through the store when it started, but not for longer than this.
_PAUSE_MAX_S = 0.1


class LeaderComponent(Protocol):
    """Work that only the leader does."""

    @property
    def name(self) -> str:
        """Short and fixed, for logs."""

    async def run(self) -> None:
        """Work from gaining leadership until cancelled."""


class Manager:
    """Runs `served` and `loops` while this member leads: the components that are called, and those that work from the store alone and
    that nobody waits for."""

    def __init__(
        self,
        served: Sequence[LeaderComponent],
        loops: Sequence[LeaderComponent] = (),
        *,
        prepare: Callable[[], Awaitable[None]],
        clock: Clock,
        backoff: Callable[[], Backoff],
    ) -> None:
        self._served = tuple(served)
        self._loops = tuple(loops)
        self._prepare = prepare
        self._clock = clock
        self._backoff = backoff
        self._leads = False
        self._changed = asyncio.Event()
        self._leading = asyncio.Event()

    def set_leadership(self, leads: bool) -> None:
        """Called by the shell of raft, in the order of its log."""
        self._leads = leads
        self._changed.set()

    @property
    def is_leading(self) -> bool:
        """Whether this member leads and the components that are called were started."""
        return self._leading.is_set()

    async def run(self) -> None:
        """Follow leadership until cancelled."""
        while True:
            self._changed.clear()
            if self._leads:
                async with Group() as group:
                    group.spawn(self._lead(), name="leader")
                    await self._changed.wait()
                    self._leading.clear()
                    group.cancel_all()
            else:
                await self._changed.wait()

    async def _lead(self) -> None:
        backoff = self._backoff()
        while True:
            try:
                await self._prepare()
                break
            except Exception:  # noqa: BLE001 - the supervision border of a component
                end_if_cancelled()
                _log.exception("taking over as leader failed; trying again")
                await self._clock.sleep(backoff.failed())
        async with Group() as group:
            for component in self._served:
                await self._start(component, group)
            self._leading.set()
            for component in self._loops:
                await self._start(component, group)

    async def _start(self, component: LeaderComponent, group: Group) -> None:
        """Each looks through the whole store when it starts; after it others are answered for as long as that took."""
        before = self._clock.monotonic()
        group.spawn(self._supervise(component), name=component.name)
        await self._clock.sleep(0)
        await self._clock.sleep(min(self._clock.monotonic() - before, _PAUSE_MAX_S))

    async def _supervise(self, component: LeaderComponent) -> None:
        log.COMPONENT.set(component.name)
        backoff = self._backoff()
        while True:
            try:
                await component.run()
            except Overflow:
                end_if_cancelled()
                _log.warning("%s fell behind and lists anew", component.name)
            except ProposalRefused as error:
                # Normal life: leadership is being handed over, or is lost and nobody has said so yet.
                end_if_cancelled()
                _log.warning("%s could not write and is started again: %s", component.name, error)
            except Exception:  # noqa: BLE001 - the supervision border of a component
                end_if_cancelled()
                _log.exception("%s failed and is started again", component.name)
            else:
                _log.error("%s ended by itself and is started again", component.name)
            await self._clock.sleep(backoff.failed())
