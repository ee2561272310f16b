"""The port to what the log builds: the replicated state machine."""

from collections.abc import Callable
from typing import Protocol


class StateMachine(Protocol):
    """All calls come on the event loop, in the order of the log."""

    def apply(self, index: int, request: bytes) -> None:
        """An encoded InternalRaftRequest that no local proposal waits for."""

    def snapshot(self) -> Callable[[], bytes]:
        """Take references to the present state now; the call encodes them as a StoreSnapshot, maybe in a thread."""

    def restore(self, index: int, snapshot: bytes) -> None:
        """Become what an encoded StoreSnapshot says."""
