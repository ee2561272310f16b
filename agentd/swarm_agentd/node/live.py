"""Who the node is at this moment: certificates are renewed, roles change, trust moves to another root.

Rules: there is one writer, and a new identity is on disk before it is adopted here; whoever needs the identity later
reads it here anew. Beside who the node is stands what managers last said that it is to be.
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
        self._wanted = asyncio.Event()
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

    def hear_manager_wanted(self) -> None:
        """A manager says that the node is to be a manager, and that its role is."""
        self._wanted.set()
        self._wanted = asyncio.Event()

    async def until_settled(self, clock: Clock, seconds: float) -> bool:
        """Return when the node is a worker, when a manager says from now on that it is to be a manager, or after `seconds`; whether
        it was one of the first two."""
        async with Group() as group:
            role = group.spawn(self.until_role(is_manager=False), name="role")
            word = group.spawn(self._wanted.wait(), name="word")
            timer = group.spawn(clock.sleep(seconds), name="timer")
            await asyncio.wait((role, word, timer), return_when=asyncio.FIRST_COMPLETED)
            is_settled = role.done() or word.done()
            group.cancel_all()
        return is_settled
