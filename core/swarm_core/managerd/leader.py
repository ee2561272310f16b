"""Where calls that only the leader can answer go (docs/design/raft-node.md 2.8).

Rules: while this member leads, and what only a leader runs is running, they stay here. Otherwise they go over one
connection to the leader, apart from raft's own, and over a link beside it when the leader is a manager of ours. A leader that lost its place has a moment to end what it was
asked; then the connection is closed. While there is no leader, calls wait; they fail at once when there has been none
for so long that the quorum must be lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from swarm_core.api.proto.health_pb2 import HealthCheckRequest, HealthCheckResponse
from swarm_core.raft_node.membership import Member
from swarm_core.raft_node.net.peer import Dial, DialLink
from swarm_core.rpc.errors import Unavailable, Unknown
from swarm_core.rpc.forwarding import Route
from swarm_core.rpc.grpcio import grpc
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.runtime.waiting import event_or_time

_log = logging.getLogger(__name__)
GOODBYE_S = 0.3
_AGAIN_S = 0.25
_LEADERLESS_TICKS, _LEADERLESS_MIN_S = 10, 3.0
_POLL_S = 0.05
_CHECK_S = 1.0
# A leader's address may come to be known without a change of the leader.
_LOOK_AGAIN_S = 1.0
_HEALTH = "/docker.swarmkit.v1.Health/Check"


class Leadership(Protocol):
    """Port: who leads."""

    @property
    def leader_id(self) -> int:
        """Raft id of the leader, 0 while none is known."""

    @property
    def is_leader(self) -> bool:
        """Whether this member leads."""

    is_handing_over: bool
    """Whether leadership is on its way to another member."""

    @property
    def leaderless_s(self) -> float:
        """For how long no leader is known."""

    @property
    def changed(self) -> asyncio.Event:
        """Set at the next change; the one after that has its own event."""


class Members(Protocol):
    """Port: the members of raft."""

    @property
    def raft_id(self) -> int:
        """Of this member."""

    @property
    def is_member(self) -> bool:
        """Whether this node takes part."""

    def all(self) -> list[Member]:
        """All of them, this one too."""


class TickLength(Protocol):
    """Port: how soon a lost leader is missed."""

    said_s: float
    """The length of a tick now."""

    @property
    def election_s(self) -> float:
        """The shortest time without a leader before an election."""


class RaftLeaderLocator:
    """The locator of a manager: `run` must be running. `is_ready`: whether the leader's components run here."""

    def __init__(
        self,
        leadership: Leadership,
        members: Members,
        ticks: TickLength,
        dial: Dial,
        clock: Clock,
        *,
        is_ready: Callable[[], bool],
        dial_link: DialLink | None = None,
    ) -> None:
        self._leadership = leadership
        self._members = members
        self._ticks = ticks
        self._dial = dial
        self._clock = clock
        self._is_ready = is_ready
        self._dial_link = dial_link
        self._address = ""
        self._route: Route | None = None
        self._given_up: list[Route] = []
        self._work = asyncio.Event()

    @property
    def leads(self) -> bool:
        """Whether this manager answers for the cluster now."""
        return self._leads_raft() and self._is_ready()

    async def leader(self, *, other_than: Route | None = None) -> Route | None:
        """See rpc.forwarding.LeaderLocator."""
        deadline = self._clock.monotonic() + self._patience_s()
        while True:
            changed, pause = self._leadership.changed, _POLL_S
            if self._leads_raft():
                if self._is_ready():
                    return None
            elif (route := self._find_route()) is None:
                pause = self._check_leaderless()
            elif other_than is None:
                return route
            else:
                if route is other_than:
                    # It may be handing over, or starting again: in a moment it is the same one, or another.
                    if await event_or_time(self._clock, changed, _AGAIN_S):
                        continue
                    route = self._renew()
                if await _serves(route.channel):
                    return route
            left = deadline - self._clock.monotonic()
            if left <= 0:
                raise Unavailable("the leader of the cluster cannot be reached")
            await event_or_time(self._clock, changed, min(left, pause, _LOOK_AGAIN_S))

    def redial(self) -> None:
        """This node's certificate, or whom it trusts, has changed: use a new connection."""
        self._give_up()

    async def run(self) -> None:
        """Follow the leader and close connections that were given up, until cancelled."""
        linked: Route | None = None
        async with Group() as group:
            try:
                while True:
                    changed = self._leadership.changed
                    self._work.clear()
                    if self._address and self._address != self._leader_address():
                        self._give_up()
                    while self._given_up:
                        group.spawn(_end(self._given_up.pop(), self._clock), name="close a connection")
                    if self._route is not None and self._route is not linked:
                        linked = self._route
                        group.spawn(self._add_link(linked), name="link to the leader")
                    work = group.spawn(self._work.wait(), name="connections given up")
                    change = group.spawn(changed.wait(), name="leader changes")
                    await asyncio.wait((work, change), return_when=asyncio.FIRST_COMPLETED)
                    work.cancel()
                    change.cancel()
            finally:
                for route in (*self._given_up, self._route):
                    if route is not None:
                        await _close(route)

    def _leads_raft(self) -> bool:
        return self._leadership.is_leader and not self._leadership.is_handing_over

    def _leader_address(self) -> str:
        leader = self._leadership.leader_id
        if leader in (0, self._members.raft_id):
            return ""
        return next((one.address for one in self._members.all() if one.raft_id == leader), "")

    async def _add_link(self, route: Route) -> None:
        if self._dial_link is None:
            return
        try:
            async with asyncio.timeout(_CHECK_S):
                link = await self._dial_link(self._address)
        except (OSError, TimeoutError) as error:
            _log.debug("no link to the leader: %s", error)
            return
        if self._route is route:
            route.link = link
        else:
            link.abort()

    def _find_route(self) -> Route | None:
        address = self._leader_address() if self._members.is_member else ""
        if address != self._address:
            self._give_up()
        if address and self._route is None:
            self._take_route(address)
        return self._route

    def _take_route(self, address: str) -> Route:
        self._address, self._route = address, Route(self._dial(address))
        self._work.set()
        return self._route

    def _renew(self) -> Route:
        address = self._address
        self._give_up()
        return self._take_route(address)

    def _give_up(self) -> None:
        if self._route is not None:
            self._given_up.append(self._route)
            self._work.set()
        self._address, self._route = "", None

    def _leaderless_max_s(self) -> float:
        return max(_LEADERLESS_TICKS * self._ticks.said_s, _LEADERLESS_MIN_S)

    def _patience_s(self) -> float:
        # A follower notices that its leader is gone within two election timeouts.
        return 2 * self._ticks.election_s + self._leaderless_max_s()

    def _check_leaderless(self) -> float:
        """How long to wait for a leader before asking again. Raises Unknown when it was long enough."""
        left = self._leaderless_max_s() - self._leadership.leaderless_s
        if left <= 0:
            raise Unknown(
                "the cluster has no leader: too few managers are online to agree on anything; bring managers back, or "
                "begin anew with --force-new-cluster on one of them"
            )
        return left


async def _end(route: Route, clock: Clock) -> None:
    """Close after a moment for what is under way."""
    if route.link is not None:
        await clock.sleep(GOODBYE_S)
    await _close(route)


async def _close(route: Route) -> None:
    if route.link is not None:
        route.link.abort()
    await route.channel.close(None if route.link is not None else GOODBYE_S)


async def _serves(channel: grpc.aio.Channel) -> bool:
    request = HealthCheckRequest(service="Raft").SerializeToString()
    try:
        data: bytes = await channel.unary_unary(_HEALTH, None, None)(request, timeout=_CHECK_S)
    except (grpc.aio.AioRpcError, grpc.aio.BaseError):
        return False
    return HealthCheckResponse.FromString(data).status == HealthCheckResponse.SERVING
