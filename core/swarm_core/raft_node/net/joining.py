"""Becoming a member: asking for it, and how the leader finds out who asks (docs/design/raft-node.md 2.6)."""

import ipaddress
import logging
from collections.abc import Awaitable, Callable, Collection

from swarm_core.api.proto.health_pb2 import HealthCheckRequest, HealthCheckResponse
from swarm_core.api.proto.raft_pb2 import JoinRequest, JoinResponse
from swarm_core.raft_node.errors import JoinFailed, JoinRefused
from swarm_core.raft_node.net.peer import Dial
from swarm_core.rpc.grpcio import grpc
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.clock import Clock

_log = logging.getLogger(__name__)
CHECK_S = 5.0
_JOIN = "/docker.swarmkit.v1.RaftMembership/Join"
_HEALTH = "/docker.swarmkit.v1.Health/Check"
# Asking again changes nothing about these.
FINAL_CODES = frozenset(("PERMISSION_DENIED", "INVALID_ARGUMENT", "UNAUTHENTICATED", "UNIMPLEMENTED"))

AskOnce = Callable[[float], Awaitable[JoinResponse]]
"""Asks a manager once, for so many seconds. Raises JoinRefused."""


async def check_joiner(dial: Dial, address: str) -> None:
    """Whether the manager at `address` can be reached from here and takes part. Raises JoinFailed."""
    channel = dial(address)
    try:
        data: bytes = await channel.unary_unary(_HEALTH, None, None)(
            HealthCheckRequest(service="Raft").SerializeToString(), timeout=CHECK_S, wait_for_ready=True
        )
    except grpc.aio.AioRpcError as error:
        reason = error.details() or error.code().name
        raise JoinFailed(f"the new manager cannot be reached at {address}: {reason}") from None
    finally:
        await channel.close(None)
    if HealthCheckResponse.FromString(data).status != HealthCheckResponse.SERVING:
        raise JoinFailed(f"the new manager at {address} is not ready for the consensus")


async def ask_to_join(
    dial: Dial,
    manager: str,
    own_address: str,
    clock: Clock,
    backoff: Backoff,
    *,
    timeout_s: float,
    former: Collection[int] = (),
) -> JoinResponse:
    """Ask the manager at an address to be admitted, as `ask_until_admitted` does. Raises JoinFailed.

    Each time on a connection of its own: this node's certificate and whom it trusts may have changed meanwhile.
    """
    request = JoinRequest(addr=own_address).SerializeToString()

    async def ask(seconds: float) -> JoinResponse:
        channel = dial(manager)
        try:
            data: bytes = await channel.unary_unary(_JOIN, None, None)(
                request, timeout=seconds, wait_for_ready=True
            )
        except grpc.aio.AioRpcError as error:
            reason = error.details() or error.code().name
            raise JoinRefused(reason, is_final=error.code().name in FINAL_CODES) from None
        finally:
            await channel.close(None)
        return JoinResponse.FromString(data)

    return await ask_until_admitted(ask, clock, backoff, manager=manager, timeout_s=timeout_s, former=former)


async def ask_until_admitted(
    ask: AskOnce,
    clock: Clock,
    backoff: Backoff,
    *,
    manager: str,
    timeout_s: float,
    former: Collection[int] = (),
) -> JoinResponse:
    """Ask to be admitted, again and again for `timeout_s`. Raises JoinFailed.

    `former`: raft ids that this node had; a leader that offers one does not know yet that it was replaced.
    """
    deadline = clock.monotonic() + timeout_s
    while True:
        try:
            answer = await ask(deadline - clock.monotonic())
            if answer.raft_id not in former:
                return answer
            refusal = JoinRefused("a manager answered that does not know of its removal", is_final=False)
        except JoinRefused as error:
            refusal = error
        pause = backoff.failed()
        if refusal.is_final or clock.monotonic() + pause >= deadline:
            raise JoinFailed(f"the managers at {manager} did not admit this manager: {refusal}")
        _log.info("the managers at %s do not admit this manager yet: %s", manager, refusal)
        await clock.sleep(pause)


def reachable_address(given: str, source: str) -> str:
    """The address of a joiner: where it came from, if it names no host. Raises ValueError."""
    host, port = split_address(given)
    if not is_unspecified(host):
        return given
    came_from, _ = split_address(source)
    return f"[{came_from}]:{port}" if ":" in came_from else f"{came_from}:{port}"


def split_address(address: str) -> tuple[str, str]:
    """Host (without brackets) and port. Raises ValueError."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535 or (":" in host and not host.startswith("[")):
        raise ValueError(f"{address!r} is not of the form host:port")
    return host.strip("[]"), port


def is_unspecified(host: str) -> bool:
    """Whether `host` stands for every address of its machine."""
    try:
        return not host or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
