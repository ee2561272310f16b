"""Where other managers reach this one, and telling them when that has changed (control-plane spec 2.6, 5.1)."""

import logging
import random
import socket

from swarm_core.raft_node.errors import JoinFailed, ProposalRefused
from swarm_core.raft_node.net.joining import ask_to_join, is_unspecified, split_address
from swarm_core.raft_node.net.peer import Dial
from swarm_core.raft_node.node import RaftNode
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


class AddressKeeper:
    """Tells the cluster when this manager's address is not the one that the cluster knows."""

    def __init__(
        self, raft: RaftNode, node_id: str, address: str, dial: Dial, clock: Clock, rng: random.Random
    ) -> None:
        self._raft, self._node_id, self._address = raft, node_id, address
        self._dial, self._clock, self._rng, self._backoff = dial, clock, rng, Backoff(rng)

    async def run(self) -> None:
        """Return once the cluster knows the address."""
        while self._address:
            changed = self._raft.leader_changed
            own = next((one for one in self._raft.members() if one.raft_id == self._raft.raft_id), None)
            if own is None:
                # Not before the log tells of it.
                await event_or_time(self._clock, changed, _AGAIN_S)
                continue
            if own.address == self._address:
                return
            try:
                await self._tell()
                _log.info("the other managers know this one's address %s now", self._address)
                return
            except (ProposalRefused, JoinFailed) as error:
                _log.warning("the other managers do not know the address %s yet: %s", self._address, error)
                await event_or_time(self._clock, changed, self._backoff.failed())

    async def _tell(self) -> None:
        """The leader, through any other manager: one that knows the old address alone cannot tell us who leads."""
        if self._raft.is_leader:
            await self._raft.admit(self._node_id, self._address)
            return
        others = [one.address for one in self._raft.members() if one.raft_id != self._raft.raft_id]
        if not others:
            raise JoinFailed("this manager does not lead yet")
        manager = self._rng.choice(others)
        await ask_to_join(self._dial, manager, self._address, self._clock, self._backoff, timeout_s=_ASK_S)
