"""Who is registered: one session id per node, and how often a node may ask for a new one (docs/design/dispatcher.md 5.3, 5.4)."""

import random
from dataclasses import dataclass

from swarm_core.api.ids import new_id
from swarm_core.manager.dispatcher.config import DispatcherConfig
from swarm_core.rpc.errors import InvalidArgument, NotFound, Unavailable


@dataclass(slots=True)
class _Registration:
    session_id: str  # empty: known from an earlier leader, not yet registered here
    accepted_at: float
    attempts: int


class Registrations:
    """A node's newest session is its only valid one."""

    def __init__(self, config: DispatcherConfig, rng: random.Random) -> None:
        self._config = config
        self._rng = rng
        self._by_node: dict[str, _Registration] = {}

    def expect(self, node_id: str, now: float) -> None:
        """Know a node that has no session with this leader yet."""
        self._by_node[node_id] = _Registration("", now, 0)

    def holds(self, node_id: str, session_id: str) -> bool:
        """Whether this is the node's present session."""
        known = self._by_node.get(node_id)
        return known is not None and bool(session_id) and known.session_id == session_id

    def admit(self, node_id: str, now: float) -> None:
        """Count one attempt to register. Raises Unavailable when there were too many lately."""
        known = self._by_node.get(node_id)
        if known is None or not known.session_id:
            return
        if now - known.accepted_at > self._config.rate_window_s:
            known.attempts = 0
        known.attempts += 1
        if known.attempts > self._config.registrations_max:
            raise Unavailable("node attempted registration too recently")
        known.accepted_at = now

    def register(self, node_id: str, now: float) -> str:
        """A new session, which ends the node's previous one."""
        known = self._by_node.get(node_id)
        session_id = new_id(self._rng)
        self._by_node[node_id] = _Registration(session_id, now, known.attempts if known else 0)
        return session_id

    def check(self, node_id: str, session_id: str) -> None:
        """Raises NotFound when the node is not registered here, InvalidArgument for a session that is not its present one."""
        known = self._by_node.get(node_id)
        if known is None:
            raise NotFound("node not registered")
        if not session_id or known.session_id != session_id:
            raise InvalidArgument("session invalid")

    def remove(self, node_id: str) -> None:
        """Forget the node, if it is known."""
        self._by_node.pop(node_id, None)

    def clear(self) -> None:
        """Forget everybody."""
        self._by_node.clear()
