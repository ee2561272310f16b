"""What measures a manager, as the composition root sees it: parts that are looked at, or plain ones (docs/design/metrics.md M.2).

`NotMeasured` is what a manager has unless somebody asked for its figures: nothing is looked at, and nothing is loaded.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from swarm_core.api.proto.manager_figures_pb2 import Measured
from swarm_core.ca.certificates import NodeIdentity
from swarm_core.manager.parts import Parts
from swarm_core.raft_node.node import RaftNode
from swarm_core.rpc.observed import CallObserver
from swarm_core.store.memory import MemoryStore


@dataclass(frozen=True, slots=True)
class Watched:
    """A manager whose parts are there. `is_serving`: its control socket answers."""

    store: MemoryStore
    raft: RaftNode
    parts: Parts
    identity: Callable[[], NodeIdentity]
    is_serving: Callable[[], bool]


class Meters(Protocol):
    """Port."""

    @property
    def calls(self) -> CallObserver | None:
        """Who is told of calls."""

    @property
    def decided(self) -> Callable[[float, int], None] | None:
        """Who is told of the scheduler's passes."""

    @property
    def synced(self) -> Callable[[float], None] | None:
        """Who is told how long each sync of the log took."""

    @property
    def told(self) -> Callable[[], Measured] | None:
        """What other managers are told of it."""

    def store(self) -> MemoryStore | None:
        """A store that tells what it does; None for the plain one."""

    def serving(self, manager: Watched) -> AbstractAsyncContextManager[None]:
        """Tell the figures of `manager` to whoever asks, within the block. Raises AddressUnusable."""

    async def run(self, manager: Watched) -> None:
        """Follow what is told of nowhere else, until cancelled."""


class NotMeasured:
    """See the module."""

    calls: CallObserver | None = None
    decided: Callable[[float, int], None] | None = None
    synced: Callable[[float], None] | None = None
    told: Callable[[], Measured] | None = None

    def store(self) -> MemoryStore | None:
        return None

    @asynccontextmanager
    async def serving(self, manager: Watched) -> AsyncIterator[None]:
        yield

    async def run(self, manager: Watched) -> None:
        """There is nothing to follow."""
