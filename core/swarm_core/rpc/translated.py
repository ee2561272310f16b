"""A block in which what grpcio raises comes out as a failure of ours, and holds nothing of grpcio's.

A failure that held grpcio's, by its context or by a name in a frame of its traceback, would hold the call. A call holds its connection open, closed
or not, until somebody looks for garbage; daemons do that seldom.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType

from swarm_core.rpc.grpcio import grpc


class Translated:
    """`told` gives the failure that stands for what was raised, or None where that shall come out as it is."""

    __slots__ = ("_told",)

    def __init__(self, told: Callable[[BaseException], BaseException | None]) -> None:
        self._told = told

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or not isinstance(error, _endings()):
            return
        failure = self._told(error)
        if failure is None:
            return
        del error, trace
        try:
            raise failure
        finally:
            failure.__context__ = None
            del failure


def _endings() -> tuple[type[BaseException], ...]:
    """With which grpcio ends a call: its failures, those of a channel that is closed or broken, and a call that was cancelled."""
    return grpc.aio.AioRpcError, grpc.aio.BaseError, asyncio.CancelledError
