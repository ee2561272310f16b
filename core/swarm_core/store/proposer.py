"""The port through which the store replicates its changes; the shell of raft implements it.

Proposing is the only thing the store waits for. The order of `on_commit` calls is the order of the log.
"""

from collections.abc import Callable
from typing import Protocol


class Proposer(Protocol):
    def commit_index(self) -> int | None:
        """Newest committed index, or None while this member is not part of a cluster."""

    async def propose(self, actions: bytes, on_commit: Callable[[int], None]) -> None:
        """Replicate one entry and return when it is applied.

        `actions` is an encoded InternalRaftRequest without its id, at most `api.limits.ENTRY_BYTES_MAX`. `on_commit(index)`
        runs synchronously when the entry is applied, before any later entry. When this raises (leadership
        lost, stopped, too large) `on_commit` has not run and never will.
        """

    def changes_between(self, low: int, high: int) -> list[tuple[int, bytes]]:
        """Index and encoded InternalRaftRequest of the normal entries in (low, high]; raises LookupError when
        the log no longer holds them."""
