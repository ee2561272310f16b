"""What this node knows of published ports and of the tasks behind them, as the leader tells it; and which task is next. Pure.

Rules (docs/design/ports.md P.4, P.5)
1. The task with the fewest connections of this node's is next; among equals they take turns. One that did not answer a moment ago is
   the last choice.
2. What is known stays while no manager can be reached.
"""

from collections import Counter
from collections.abc import Container, Iterable

from swarm_core.api.proto.endpoints_pb2 import Backend, EndpointsMessage, Place, Route
from swarm_core.api.proto.types_pb2 import PortConfig

from swarm_agentd.ports.limits import AVOID_MAX_S, AVOID_S
from swarm_agentd.ports.tasks import Target

RouteKey = tuple["PortConfig.Protocol.ValueType", int]
"""Protocol and published port."""


class RoutingTable:
    """Routes, backends and places, with this node's connections per task."""

    def __init__(self) -> None:
        self._routes: dict[RouteKey, Route] = {}
        self._backends: dict[str, dict[str, Backend]] = {}
        self._service_of: dict[str, str] = {}
        self._places: dict[str, Place] = {}
        self._connections: Counter[str] = Counter()
        self._avoided: dict[str, tuple[float, float]] = {}  # until when, and for how long
        self._turn = 0

    def apply(self, message: EndpointsMessage) -> bool:
        """Take in what the leader told; whether the routes are others now."""
        before = set(self._routes)
        if message.is_complete:
            self._routes.clear()
            self._backends.clear()
            self._service_of.clear()
            self._avoided.clear()
            self._places.clear()
        for route in message.removed_routes:
            self._routes.pop((route.protocol, route.published_port), None)
        for route in message.routes:
            self._routes[route.protocol, route.published_port] = route
        for task_id in message.removed_backends:
            self._remove(task_id)
        for backend in message.backends:
            self._remove(backend.task_id)
            self._backends.setdefault(backend.service_id, {})[backend.task_id] = backend
            self._service_of[backend.task_id] = backend.service_id
        for node_id in message.removed_places:
            self._places.pop(node_id, None)
        for place in message.places:
            self._places[place.node_id] = place
        return before != set(self._routes)

    def routes(self) -> Iterable[RouteKey]:
        """The published ports."""
        return self._routes.keys()

    def target(self, key: RouteKey) -> Target | None:
        """What the tasks behind a published port are asked for; None when it is no longer published."""
        route = self._routes.get(key)
        return None if route is None else (route.protocol, route.target_port)

    def place(self, node_id: str) -> Place | None:
        """Where a node lets connections in; None when it does not."""
        return self._places.get(node_id)

    def has(self, key: RouteKey, task_id: str) -> bool:
        """Whether the task takes connections for the published port."""
        route = self._routes.get(key)
        return route is not None and self._service_of.get(task_id) == route.service_id

    def next(self, key: RouteKey, tried: Container[str], now: float) -> Backend | None:
        """The task for a new connection; None when all were tried."""
        route = self._routes.get(key)
        if route is None:
            return None
        best: tuple[bool, int, int] | None = None
        chosen: Backend | None = None
        self._turn += 1
        backends = self._backends.get(route.service_id, {})
        for place, backend in enumerate(backends.values()):
            if backend.task_id in tried or not _answers(backend, route):
                continue
            is_avoided = backend.task_id in self._avoided and self._avoided[backend.task_id][0] > now
            turn = (place - self._turn) % len(backends)
            rank = (is_avoided, self._connections[backend.task_id], turn)
            if best is None or rank < best:
                best, chosen = rank, backend
        return chosen

    def avoid(self, task_id: str, now: float) -> None:
        """The task did not answer."""
        if task_id in self._service_of:
            _, before_s = self._avoided.get(task_id, (0.0, AVOID_S / 2))
            wait_s = min(before_s * 2, AVOID_MAX_S)
            self._avoided[task_id] = now + wait_s, wait_s

    def answered(self, task_id: str) -> None:
        """The task did answer."""
        self._avoided.pop(task_id, None)

    def count(self, task_id: str, step: int) -> None:
        """A connection of this node to the task begins (1) or ends (-1)."""
        self._connections[task_id] += step
        if not self._connections[task_id]:
            del self._connections[task_id]

    def _remove(self, task_id: str) -> None:
        self._avoided.pop(task_id, None)
        if (service_id := self._service_of.pop(task_id, None)) is not None:
            backends = self._backends[service_id]
            del backends[task_id]
            if not backends:
                del self._backends[service_id]


def _answers(backend: Backend, route: Route) -> bool:
    return any(
        port.protocol == route.protocol and port.target_port == route.target_port for port in backend.ports
    )
