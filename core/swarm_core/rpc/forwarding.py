"""Calls that only the leader can answer: where it is, and what a call says when it is passed on.

Rules (docs/design/certificates.md 3.9): a call is passed on once; one that carries `redirect` already is refused. A call
from the control socket is made as this manager itself; a remote one names its caller in the forwarding keys, and
keys of that name that came in with it are dropped, so that no caller can speak for another.

When the leader is lost, a unary call is tried again with the next one if that is safe: nothing happened yet (nobody was
reached, or the manager that was says so), or doing it twice is like doing it once. Otherwise the caller is told that
the outcome is not known. Streams are not tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

from swarm_core.rpc import authorization as keys
from swarm_core.rpc.authorization import Metadata
from swarm_core.rpc.caller import Peer
from swarm_core.rpc.errors import (
    Code,
    DeadlineExceeded,
    InvalidArgument,
    ResourceExhausted,
    RpcFailure,
    Unavailable,
)
from swarm_core.rpc.grpcio import grpc
from swarm_core.rpc.link import LinkClient, LinkLost
from swarm_core.rpc.translated import Translated

REDIRECT = "redirect"
TRIES = 8
# Our managers' word that a failed call changed nothing.
NOT_DONE = "swarmtui-not-done"
# Methods whose repetition changes nothing, beside those that only read.
_REPEATABLE = frozenset({
    "NodeCertificateStatus", "Heartbeat", "UpdateTaskStatus", "UpdateVolumeStatus", "Join",
})  # fmt: skip
_READING = ("Get", "List")
_TRANSPORT_KEYS = frozenset({"user-agent", "content-type", "te"})
Pairs = tuple[tuple[str, str | bytes], ...]


@dataclass(eq=False, slots=True)
class Route:
    """The way to the leader. `link` is there when the leader is a manager of ours, and carries unary calls then."""

    channel: grpc.aio.Channel
    link: LinkClient | None = None


class LeaderLocator(Protocol):
    @property
    def leads(self) -> bool:
        """Whether this member answers for the cluster now."""

    async def leader(self, *, other_than: Route | None = None) -> Route | None:
        """The way to the leader; None when this member leads. Waits while a leader is being elected; after a failure
        on the route `other_than`, until another one leads or the same can be reached again. Raises RpcFailure when
        there is no leader."""


class AlwaysLocal:
    """The locator of a manager that answers everything itself."""

    leads = True

    async def leader(self, *, other_than: Route | None = None) -> None:
        return None


class LeaderLost(Unavailable):
    """The leader did not answer. `not_done`: it never heard of the call."""

    def __init__(self, *, not_done: bool) -> None:
        super().__init__(
            "the leader of the cluster does not answer"
            if not_done
            else "the leader of the cluster was lost during the call; whether it took effect is not known"
        )
        self.not_done = not_done


class Refused(RpcFailure):
    """The leader refused, and changed nothing."""

    not_done = True


class SecondHop(ResourceExhausted):
    """A call that was passed on came to a manager that does not lead, or no longer. Nothing was done."""

    not_done = True

    def __init__(self) -> None:
        super().__init__("more than one redirect to leader from: this manager is not the leader")


def check_passed_on(incoming: Metadata, locator: LeaderLocator) -> None:
    """A call that was passed on is the leader's to answer, also where a direct one would be answered from this member's copy:
    who passed it on may not know of a new leader yet. Raises SecondHop."""
    if not locator.leads and any(key == REDIRECT for key, _ in incoming):
        raise SecondHop


def may_retry(error: Exception, path: str) -> bool:
    """Whether a call of this method that failed so may be made again."""
    if getattr(error, "not_done", False):
        return True
    method = path.rpartition("/")[2]
    return isinstance(error, LeaderLost) and (method.startswith(_READING) or method in _REPEATABLE)


def not_done_metadata(error: Exception) -> tuple[tuple[str, str], ...]:
    """What a failure says about itself to a manager that passed the call on."""
    return ((NOT_DONE, "true"),) if getattr(error, "not_done", False) else ()


def local_metadata(incoming: Metadata) -> Pairs:
    """What a call from the control socket says to the leader. Raises SecondHop."""
    return (*_kept(incoming), (REDIRECT, "unix"))


def remote_metadata(incoming: Metadata, peer: Peer) -> Pairs:
    """What a call of `peer` says to the leader. Raises SecondHop, InvalidArgument."""
    kept = _kept(incoming)
    if not peer.remote_addr:
        raise InvalidArgument("remote address is unknown")
    certificate = peer.certificate
    units = sorted(certificate.units) if certificate else [""]
    return (
        *kept,
        (keys.FORWARDED, "true"),
        (keys.FORWARDED_CN, certificate.common_name if certificate else ""),
        (keys.FORWARDED_ORG, certificate.organization if certificate else ""),
        *((keys.FORWARDED_OU, unit) for unit in units),
        (keys.REMOTE_ADDR, peer.remote_addr),
    )


async def unary(route: Route, path: str, request: bytes, metadata: Pairs, timeout: float | None) -> bytes:
    """The leader's answer, encoded. Raises RpcFailure with the leader's code and text."""
    if route.link is not None and route.link.is_open:
        return await _over_link(route.link, path, request, metadata, timeout)
    channel = route.channel
    with Translated(_failure):
        answer: bytes = await channel.unary_unary(path, None, None)(
            request, metadata=metadata, timeout=timeout
        )
        return answer


async def _over_link(
    link: LinkClient, path: str, request: bytes, metadata: Pairs, timeout: float | None
) -> bytes:
    try:
        async with asyncio.timeout(timeout):
            return await link.call(path, request, metadata)
    except LinkLost as lost:
        raise LeaderLost(not_done=not lost.was_sent) from None
    except TimeoutError:
        raise DeadlineExceeded("the leader of the cluster did not answer in time") from None


async def stream(
    route: Route,
    path: str,
    requests: AsyncIterator[bytes] | bytes,
    metadata: Pairs,
    timeout: float | None,
) -> AsyncIterator[bytes]:
    """The leader's answers, encoded, while it reads `requests`, or to the one request. Serves every shape of stream."""
    # One request goes with the headers: to write it by itself would hide the code of a leader that refuses at once.
    shape: Any = route.channel.unary_stream if isinstance(requests, bytes) else route.channel.stream_stream
    call = shape(path, None, None)(requests, metadata=metadata, timeout=timeout)
    try:
        with Translated(_failure):
            async for answer in call:
                yield answer
    finally:
        call.cancel()
        del call


def _kept(incoming: Metadata) -> Pairs:
    pairs = tuple(incoming)
    if any(key == REDIRECT for key, _ in pairs):
        raise SecondHop
    return tuple(
        (key, value)
        for key, value in pairs
        if key not in _TRANSPORT_KEYS
        and key not in keys.FORWARDING_KEYS
        and not key.startswith(("grpc-", ":"))
    )


def _failure(error: BaseException) -> BaseException | None:
    if isinstance(error, asyncio.CancelledError):
        # Giving up a connection ends its calls like this; that is not the caller's cancellation.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            return None
        return LeaderLost(not_done=False)
    if not isinstance(error, grpc.aio.AioRpcError):
        # Used after its end, or broken inside grpcio.
        return LeaderLost(not_done=isinstance(error, grpc.aio.UsageError))
    code, text = Code(error.code().value[0]), error.details() or ""
    trailing: Any = error.trailing_metadata() or ()
    if any(key == NOT_DONE for key, _ in trailing):
        return Refused(code, text)
    if code is Code.UNAVAILABLE:
        return LeaderLost(not_done="failed to connect" in text.lower())
    return RpcFailure(code, text)
