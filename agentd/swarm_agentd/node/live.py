"""Who the node is at this moment: certificates are renewed, roles change, trust moves to another root.

Rules: there is one writer, and a new identity is on disk before it is adopted here; whoever needs the identity later
reads it here anew.
"""

import asyncio
from collections.abc import Callable

from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

from swarm_agentd.node.identity import Identity


class LiveIdentity:
    """`now` is the identity in force."""

    def __init__(self, identity: Identity) -> None:
        self.now = identity
        self._changed = asyncio.Event()
        self._listeners: list[Callable[[Identity], None]] = []

    def listen(self, listener: Callable[[Identity], None]) -> None:
        """Call `listener` with every identity from now on."""
        self._listeners.append(listener)

    def adopt(self, identity: Identity) -> None:
        """Be this from now on."""
        assert identity.node_id == self.now.node_id
        self.now = identity
        for listener in self._listeners:
            listener(identity)
        self._changed.set()
        self._changed = asyncio.Event()

    async def until_role(self, *, is_manager: bool) -> None:
        """Return when the node has this role."""
        while self.now.is_manager != is_manager:
            await self._changed.wait()

    async def until_worker_or(self, clock: Clock, seconds: float) -> bool:
        """Return when the node is a worker, or after `seconds`; whether it is one."""
        async with Group() as group:
            waits = (
                group.spawn(self.until_role(is_manager=False), name="role"),
                group.spawn(clock.sleep(seconds), name="timer"),
            )
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            group.cancel_all()
        return not self.now.is_manager
