"""Calls to the cluster by way of this node's manager, and why there are none (docs/design/engine-api.md E6).

Rules
1. Only a node whose manager serves can be asked; every other state is 503 with docker's sentence for it.
2. A call has twenty seconds.
3. There is one connection. It is made when it is first needed, and again after it was lost.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from google.protobuf.message import Message
from swarm_core.api.store_versions import Versions
from swarm_core.client.calls import Calls
from swarm_core.client.control import Control, NoSuchObject
from swarm_core.client.errors import CallFailed, ClientError
from swarm_core.http.errors import HttpError, RefusedCall, Unavailable

from swarm_agentd.engine_api.membership.refusals import (
    EXPIRED,
    LOCKED,
    NO_SWARM,
    NOT_IN_A_SWARM,
    PREPARED,
    WORKER,
)
from swarm_agentd.node.standing import HasStanding, NodeState

T = TypeVar("T")
_log = logging.getLogger(__name__)
CALL_S = 20.0
_REFUSALS = {
    NodeState.INACTIVE: NO_SWARM,
    NodeState.ERROR: NO_SWARM,
    NodeState.LOCKED: LOCKED,
}


class LinkedCalls(Calls, Protocol):
    """Calls to a manager that tells what changes."""

    def versions(self, kinds: Iterable[type[Message]]) -> Versions | None:
        """Which objects of these kinds there are now; None where that is not known without asking."""


class Opening(Protocol):
    """Opens the connection to a manager behind a control socket; raises Unreachable."""

    async def __call__(self, path: Path, /) -> LinkedCalls: ...


class LocalManagers:
    """This node's manager. `node` says whether there is one; `socket` is where it answers."""

    def __init__(self, node: HasStanding, socket: Path, opening: Opening) -> None:
        self._node, self._socket, self._opening = node, socket, opening
        self._calls: LinkedCalls | None = None

    def calls(self) -> "_Asking[Calls]":
        """Calls within the block. Raises Unavailable without a manager, and what it refuses as RefusedCall."""
        return _Asking(self, _same)

    def control(self) -> "_Asking[Control]":
        """Control calls within the block. Raises as `calls` does."""
        return _Asking(self, Control)

    async def opened(self) -> LinkedCalls:
        """The connection, made if need be. Raises Unavailable, and ClientError where it cannot be made."""
        self.refuse_without_manager()
        if self._calls is None:
            calls = await self._opening(self._socket)
            if self._calls is not None:  # somebody else was faster
                await calls.close()
            else:
                self._calls = calls
        return self._calls

    def versions(self, kinds: Iterable[type[Message]]) -> Versions | None:
        """Which objects of these kinds there are now; None where that is not known without asking. Raises Unavailable as
        `refuse_without_manager` does."""
        self.refuse_without_manager()
        return None if self._calls is None else self._calls.versions(kinds)

    def refuse_without_manager(self) -> None:
        """Raises Unavailable, in docker's words, while the cluster cannot be asked."""
        standing = self._node.standing()
        if standing.is_manager and standing.serves:
            return
        is_worker = standing.state is NodeState.ACTIVE and not standing.is_manager
        if standing.error == EXPIRED:
            raise Unavailable(EXPIRED)
        raise Unavailable(_REFUSALS.get(standing.state, WORKER if is_worker else PREPARED))

    async def close(self) -> None:
        """End the connection; the next call makes another one."""
        calls, self._calls = self._calls, None
        if calls is not None:
            await calls.close()


class _Asking(Generic[T]):
    """A block in which the manager is asked by way of what `made` makes of calls. It is no generator: each request has one."""

    def __init__(self, managers: LocalManagers, made: Callable[[Calls], T]) -> None:
        self._managers, self._made = managers, made

    async def __aenter__(self) -> T:
        try:
            return self._made(_Timed(await self._managers.opened()))
        except ClientError as error:
            raise await self._of_a_failure(error) from None

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, NoSuchObject):  # the cluster object: everything else is looked up by `lookup`
            raise Unavailable(NOT_IN_A_SWARM) from None
        if isinstance(error, ClientError):
            raise await self._of_a_failure(error) from None

    async def _of_a_failure(self, error: ClientError) -> HttpError:
        if isinstance(error, CallFailed):
            return refused(error)
        _log.info("the manager of this node cannot be asked: %s", error)
        await self._managers.close()
        return Unavailable(PREPARED)


class _Timed:
    """Calls that end in time."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        return await self._calls.call(method, request, timeout=timeout or CALL_S)

    def stream(self, method: str, request: Message) -> AsyncIterator[Any]:
        return self._calls.stream(method, request)

    def both_ways(self, method: str, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        return self._calls.both_ways(method, requests)

    async def close(self) -> None:
        await self._calls.close()


def _same(calls: Calls) -> Calls:
    return calls


def refused(error: CallFailed) -> RefusedCall:
    """What the manager refused, as clients are told."""
    text = "context deadline exceeded" if error.code == "DEADLINE_EXCEEDED" else error.message
    return RefusedCall(error.code, text)


def opening(store_versions: Path) -> Opening:
    """The real Opening, for a manager that tells what changes in this file."""

    async def open_connection(path: Path) -> LinkedCalls:
        from swarm_core.client.linked import LinkedConnection

        return await LinkedConnection.open(path, store_versions)

    return open_connection
