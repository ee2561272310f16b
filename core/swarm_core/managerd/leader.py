"""Where calls that only the leader can answer go (control-plane spec 2.8).

Rules: while this member leads, and what only a leader runs is running, they stay here. Otherwise they go over one
connection to the leader, apart from raft's own. A leader that lost its place has a moment to end what it was
asked; then the connection is closed. While there is no leader, calls wait; they fail at once when there has been none
for so long that the quorum must be lost.
"""

import asyncio
from collections.abc import Callable

from swarm_core.api.proto.health_pb2 import HealthCheckRequest, HealthCheckResponse
from swarm_core.raft_node.node import RaftNode
from swarm_core.raft_node.peer import Dial
from swarm_core.rpc.errors import Unavailable, Unknown
from swarm_core.rpc.grpcio import grpc
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.runtime.waiting import event_or_time

GOODBYE_S = 0.3
_AGAIN_S = 0.25
_LEADERLESS_TICKS, _LEADERLESS_MIN_S = 10, 3.0
_POLL_S = 0.05
_CHECK_S = 1.0
_HEALTH = "/docker.swarmkit.v1.Health/Check"


class RaftLeaderLocator:
    """The locator of a manager: `run` must be running. `is_ready`: whether the leader's components run here."""

    def __init__(
        self,
        raft: RaftNode,
        dial: Dial,
        clock: Clock,
        *,
        is_ready: Callable[[], bool],
        tick_s: float,
        election_s: float,
    ) -> None:
        self._raft = raft
        self._dial = dial
        self._clock = clock
        self._is_ready = is_ready
        self._leaderless_max_s = max(_LEADERLESS_TICKS * tick_s, _LEADERLESS_MIN_S)
        # A follower notices that its leader is gone within two election timeouts.
        self._patience_s = 2 * election_s + self._leaderless_max_s
        self._address = ""
        self._channel: grpc.aio.Channel | None = None
        self._given_up: list[grpc.aio.Channel] = []
        self._work = asyncio.Event()

    async def leader(self, *, other_than: grpc.aio.Channel | None = None) -> grpc.aio.Channel | None:
        """See rpc.forwarding.LeaderLocator."""
        raft = self._raft
        deadline = self._clock.monotonic() + self._patience_s
        while True:
            changed, pause = raft.leader_changed, _POLL_S
            if raft.is_leader and not raft.is_handing_over:
                if self._is_ready():
                    return None
            elif (channel := self._route()) is None:
                pause = self._check_leaderless()
            elif other_than is None:
                return channel
            else:
                if channel is other_than:
                    # It may be handing over, or starting again: in a moment it is the same one, or another.
                    if await event_or_time(self._clock, changed, _AGAIN_S):
                        continue
                    channel = self._renew()
                if await _serves(channel):
                    return channel
            left = deadline - self._clock.monotonic()
            if left <= 0:
                raise Unavailable("the leader of the cluster cannot be reached")
            await event_or_time(self._clock, changed, min(left, pause))

    def redial(self) -> None:
        """This node's certificate, or whom it trusts, has changed: use a new connection."""
        self._give_up()

    async def run(self) -> None:
        """Follow the leader and close connections that were given up, until cancelled."""
        async with Group() as group:
            try:
                while True:
                    changed = self._raft.leader_changed
                    self._work.clear()
                    if self._address and self._address != self._leader_address():
                        self._give_up()
                    while self._given_up:
                        group.spawn(self._given_up.pop().close(GOODBYE_S), name="close a connection")
                    work = group.spawn(self._work.wait(), name="connections given up")
                    change = group.spawn(changed.wait(), name="leader changes")
                    await asyncio.wait((work, change), return_when=asyncio.FIRST_COMPLETED)
                    work.cancel()
                    change.cancel()
            finally:
                for channel in (*self._given_up, self._channel):
                    if channel is not None:
                        await channel.close(None)

    def _leader_address(self) -> str:
        leader = self._raft.leader_id
        if leader == 0 or leader == self._raft.raft_id:
            return ""
        return next((one.address for one in self._raft.members() if one.raft_id == leader), "")

    def _route(self) -> grpc.aio.Channel | None:
        address = self._leader_address() if self._raft.is_member else ""
        if address != self._address:
            self._give_up()
        if address and self._channel is None:
            self._address, self._channel = address, self._dial(address)
        return self._channel

    def _renew(self) -> grpc.aio.Channel:
        address = self._address
        self._give_up()
        self._address, self._channel = address, self._dial(address)
        return self._channel

    def _give_up(self) -> None:
        if self._channel is not None:
            self._given_up.append(self._channel)
            self._work.set()
        self._address, self._channel = "", None

    def _check_leaderless(self) -> float:
        """How long to wait for a leader before asking again. Raises Unknown when it was long enough."""
        left = self._leaderless_max_s - self._raft.leaderless_s
        if left <= 0:
            raise Unknown(
                "the cluster has no leader: too few managers are online to agree on anything; bring managers back, or "
                "begin anew with --force-new-cluster on one of them"
            )
        return left


async def _serves(channel: grpc.aio.Channel) -> bool:
    request = HealthCheckRequest(service="Raft").SerializeToString()
    try:
        data: bytes = await channel.unary_unary(_HEALTH, None, None)(request, timeout=_CHECK_S)
    except (grpc.aio.AioRpcError, grpc.aio.BaseError):
        return False
    return HealthCheckResponse.FromString(data).status == HealthCheckResponse.SERVING
