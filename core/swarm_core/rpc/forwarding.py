"""Calls that only the leader can answer: where it is, and what a call says when it is passed on.

Rules (control-plane spec 3.9): a call is passed on once; one that carries `redirect` already is refused. A call
from the control socket is made as this manager itself; a remote one names its caller in the forwarding keys, and
keys of that name that came in with it are dropped, so that no caller can speak for another.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from swarm_core.rpc import authorization as keys
from swarm_core.rpc.authorization import Metadata
from swarm_core.rpc.caller import Peer
from swarm_core.rpc.errors import Code, InvalidArgument, ResourceExhausted, RpcFailure
from swarm_core.rpc.grpcio import grpc

REDIRECT = "redirect"
_TRANSPORT_KEYS = frozenset({"user-agent", "content-type", "te"})
Pairs = tuple[tuple[str, str | bytes], ...]


class LeaderLocator(Protocol):
    async def leader(self) -> grpc.aio.Channel | None:
        """A channel to the leader; None when this member leads. Raises RpcFailure when there is no leader."""


class AlwaysLocal:
    """The locator of a manager that answers everything itself."""

    async def leader(self) -> None:
        return None


def local_metadata(incoming: Metadata) -> Pairs:
    """What a call from the control socket says to the leader. Raises ResourceExhausted for a second hop."""
    return (*_kept(incoming), (REDIRECT, "unix"))


def remote_metadata(incoming: Metadata, peer: Peer) -> Pairs:
    """What a call of `peer` says to the leader. Raises ResourceExhausted, InvalidArgument."""
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


async def unary(
    channel: grpc.aio.Channel, path: str, request: bytes, metadata: Pairs, timeout: float | None
) -> bytes:
    """The leader's answer, encoded. Raises RpcFailure with the leader's code and text."""
    try:
        answer: bytes = await channel.unary_unary(path, None, None)(
            request, metadata=metadata, timeout=timeout
        )
    except grpc.aio.AioRpcError as error:
        raise _failure(error) from None
    return answer


async def stream(
    channel: grpc.aio.Channel,
    path: str,
    requests: AsyncIterator[bytes],
    metadata: Pairs,
    timeout: float | None,
) -> AsyncIterator[bytes]:
    """The leader's answers, encoded, while it reads `requests`. Serves every shape of stream."""
    call = channel.stream_stream(path, None, None)(requests, metadata=metadata, timeout=timeout)
    try:
        async for answer in call:
            yield answer
    except grpc.aio.AioRpcError as error:
        raise _failure(error) from None
    finally:
        call.cancel()


def _kept(incoming: Metadata) -> Pairs:
    pairs = tuple(incoming)
    if any(key == REDIRECT for key, _ in pairs):
        raise ResourceExhausted("more than one redirect to leader from: this manager is not the leader")
    return tuple(
        (key, value)
        for key, value in pairs
        if key not in _TRANSPORT_KEYS
        and key not in keys.FORWARDING_KEYS
        and not key.startswith(("grpc-", ":"))
    )


def _failure(error: grpc.aio.AioRpcError) -> RpcFailure:
    return RpcFailure(Code(error.code().value[0]), error.details() or "")
