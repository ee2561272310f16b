"""Published ports of process services, the tasks that take connections for them, and where those are. Pure.

Rules
1. A route is a port that an allocator has published for a process service through the ingress network.
2. A backend is a process task that runs, is to go on running, and was given ports on its node. Such a task is healthy: its node says
   RUNNING only then.
3. A place is a node that has a backend, that lets others in, and that is not known to be down.
4. What came before is replaced by key; every change gives the keys that it touched.
"""

from collections import Counter
from collections.abc import Iterable

from swarm_core.api.proto.endpoints_pb2 import Backend, EndpointsMessage, Place, Route
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.types_pb2 import RUNNING, NodeStatus, PortConfig
from swarm_core.api.runtimes import PROCESS, runtime_of
from swarm_core.api.task_ports import gate_port, has_all, ingress_targets

RouteKey = tuple["PortConfig.Protocol.ValueType", int]
Key = RouteKey | tuple[str] | tuple[str, None]
"""A route; a backend by its task's id; a place by its node's id."""


def backend_key(task_id: str) -> Key:
    return (task_id,)


def place_key(node_id: str) -> Key:
    return (node_id, None)


class EndpointTable:
    """All there is at one moment."""

    def __init__(self) -> None:
        self._routes: dict[RouteKey, Route] = {}
        self._routes_of: dict[str, set[RouteKey]] = {}
        self._backends: dict[str, Backend] = {}
        self._backends_on: Counter[str] = Counter()
        self._nodes: dict[str, Place] = {}

    def put_service(self, service: Service) -> set[Key]:
        """The service was made or changed."""
        routes = {(route.protocol, route.published_port): route for route in _routes(service)}
        old = self._routes_of.get(service.id, set())
        if not routes and not old:
            return set()
        gone = {key for key in old - routes.keys() if self._routes[key].service_id == service.id}
        changed = {key for key, route in routes.items() if self._routes.get(key) != route}
        for key in gone:
            del self._routes[key]
        self._routes.update(routes)
        self._routes_of[service.id] = set(routes)
        if not routes:
            del self._routes_of[service.id]
        return {*gone, *changed}

    def remove_service(self, service_id: str) -> set[Key]:
        """The service is gone."""
        return self.put_service(Service(id=service_id))

    def put_task(self, task: Task) -> set[Key]:
        """The task was made or changed."""
        if not task.endpoint.ports and task.id not in self._backends:
            return set()
        return self._put_backend(task.id, _backend(task))

    def remove_task(self, task_id: str) -> set[Key]:
        """The task is gone."""
        return self._put_backend(task_id, None)

    def put_node(self, node: Node, manager_host: str) -> set[Key]:
        """The node was made or changed; `manager_host` is where its manager is, empty where it has none."""
        place = None
        host, port = manager_host or node.status.addr, gate_port(node.description)
        if host and port and node.status.state != NodeStatus.DOWN:
            place = Place(node_id=node.id, host=host, gate_port=port)
        if self._nodes.get(node.id) == place:
            return set()
        if place is None:
            del self._nodes[node.id]
        else:
            self._nodes[node.id] = place
        return {place_key(node.id)} if self._backends_on[node.id] else set()

    def remove_node(self, node_id: str) -> set[Key]:
        """The node is gone."""
        return self.put_node(Node(id=node_id), "")

    def keys(self) -> list[Key]:
        """Everything, routes first."""
        places = (place_key(node_id) for node_id in self._nodes if self._backends_on[node_id])
        return [*self._routes, *places, *map(backend_key, self._backends)]

    def message(self, keys: Iterable[Key], *, is_complete: bool = False) -> EndpointsMessage:
        """What is known now under `keys`."""
        message = EndpointsMessage(is_complete=is_complete)
        for key in keys:
            match key:
                case (str() as task_id,):
                    self._add_backend(message, task_id)
                case (str() as node_id, None):
                    self._add_place(message, node_id)
                case (int() as protocol, int() as number):
                    route = self._routes.get((protocol, number))
                    if route is not None:
                        message.routes.append(route)
                    else:
                        message.removed_routes.add(protocol=protocol, published_port=number)
        return message

    def _add_backend(self, message: EndpointsMessage, task_id: str) -> None:
        if (backend := self._backends.get(task_id)) is not None:
            message.backends.append(backend)
        else:
            message.removed_backends.append(task_id)

    def _add_place(self, message: EndpointsMessage, node_id: str) -> None:
        place = self._nodes.get(node_id)
        if place is not None and self._backends_on[node_id]:
            message.places.append(place)
        else:
            message.removed_places.append(node_id)

    def _put_backend(self, task_id: str, backend: Backend | None) -> set[Key]:
        old = self._backends.get(task_id)
        if old == backend:
            return set()
        changed = {backend_key(task_id)}
        if old is not None:
            changed |= self._count(old.node_id, -1)
            del self._backends[task_id]
        if backend is not None:
            changed |= self._count(backend.node_id, 1)
            self._backends[task_id] = backend
        return changed

    def _count(self, node_id: str, step: int) -> set[Key]:
        had_some = bool(self._backends_on[node_id])
        self._backends_on[node_id] += step
        has_some = bool(self._backends_on[node_id])
        if not has_some:
            del self._backends_on[node_id]
        return {place_key(node_id)} if had_some != has_some and node_id in self._nodes else set()


def _routes(service: Service) -> Iterable[Route]:
    if not service.endpoint.ports or runtime_of(service.spec.task) != PROCESS:
        return
    for port in service.endpoint.ports:
        if port.publish_mode == PortConfig.INGRESS and port.published_port:
            yield Route(
                protocol=port.protocol,
                published_port=port.published_port,
                target_port=port.target_port,
                service_id=service.id,
                service_name=service.spec.annotations.name,
            )


def _backend(task: Task) -> Backend | None:
    if task.status.state != RUNNING or task.desired_state > RUNNING or runtime_of(task.spec) != PROCESS:
        return None
    targets = ingress_targets(task)
    if not targets or not has_all(task):
        return None
    ports = [Route(protocol=port.protocol, target_port=port.target_port) for port in targets]
    return Backend(task_id=task.id, service_id=task.service_id, node_id=task.node_id, ports=ports)
