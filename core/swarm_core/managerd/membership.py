"""Where other managers reach this one, and telling them when that has changed (docs/design/raft-node.md 2.6; docs/design/manager.md 5.1)."""

import asyncio
import logging
import random
import socket
from dataclasses import dataclass
from typing import Protocol

from swarm_core.raft_node.errors import JoinFailed, ProposalRefused
from swarm_core.raft_node.membership import Member
from swarm_core.raft_node.net.joining import ask_to_join, is_unspecified, split_address
from swarm_core.raft_node.net.peer import Dial
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.waiting import event_or_time

_log = logging.getLogger(__name__)
_ASK_S = 10.0
_AGAIN_S = 1.0
# Reserved for documentation: nothing is sent there, but the system says which of its addresses it would use.
_ELSEWHERE = ("192.0.2.1", 9)


def advertised_address(given: str, listening: str, *, towards: str = "") -> str:
    """host:port to tell others: as `given`, else where it listens. When that is every address of this machine: the one
    from which `towards`, another manager's address, or the world would be reached."""
    if given or not listening:
        return given
    host, port = split_address(listening)
    if not is_unspecified(host):
        return listening
    if towards:
        other, other_port = split_address(towards)
        host = _source(other, int(other_port)) or host
    else:
        host = _source(*_ELSEWHERE) or "127.0.0.1"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _source(host: str, port: int) -> str:
    """The address of this machine from which `host` is reached; empty when there is no way."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError:
        return ""


class Leadership(Protocol):
    """Port: who leads."""

    @property
    def is_leader(self) -> bool:
        """Whether this member leads."""

    @property
    def changed(self) -> asyncio.Event:
        """Set at the next change; the one after that has its own event."""


class Members(Protocol):
    """Port: the members of raft."""

    @property
    def raft_id(self) -> int:
        """Of this member."""

    def all(self) -> list[Member]:
        """All of them, this one too."""

    async def admit(self, node_id: str, address: str) -> Member:
        """On the leader: note the new address of a member. Raises ProposalRefused."""


@dataclass(frozen=True, slots=True)
class ThisManager:
    """This manager as it asks others to know it: its node, its address now, and how it calls them."""

    node_id: str
    address: str
    dial: Dial


class AddressKeeper:
    """Tells the cluster when this manager's address is not the one that the cluster knows."""

    def __init__(
        self, leadership: Leadership, members: Members, own: ThisManager, clock: Clock, rng: random.Random
    ) -> None:
        self._leadership, self._members, self._own = leadership, members, own
        self._clock, self._rng, self._backoff = clock, rng, Backoff(rng)

    async def run(self) -> None:
        """Return once the cluster knows the address."""
        while self._own.address:
            changed = self._leadership.changed
            own = next((one for one in self._members.all() if one.raft_id == self._members.raft_id), None)
            if own is None:
                # Not before the log tells of it.
                await event_or_time(self._clock, changed, _AGAIN_S)
                continue
            if own.address == self._own.address:
                return
            try:
                await self._tell()
                _log.info("the other managers know this one's address %s now", self._own.address)
                return
            except (ProposalRefused, JoinFailed) as error:
                _log.warning(
                    "the other managers do not know the address %s yet: %s", self._own.address, error
                )
                await event_or_time(self._clock, changed, self._backoff.failed())

    async def _tell(self) -> None:
        """The leader, through any other manager: one that knows the old address alone cannot tell us who leads."""
        if self._leadership.is_leader:
            await self._members.admit(self._own.node_id, self._own.address)
            return
        others = [one.address for one in self._members.all() if one.raft_id != self._members.raft_id]
        if not others:
            raise JoinFailed("this manager does not lead yet")
        manager = self._rng.choice(others)
        await ask_to_join(
            self._own.dial, manager, self._own.address, self._clock, self._backoff, timeout_s=_ASK_S
        )
