"""What the cluster's objects tell the doctor: quorum, nodes, certificates, clock, networks, and how services are made. Pure.

What is not so already is told where it would hurt: a problem of now is the problem board's.
"""

from collections.abc import Callable, Iterator
from typing import Final

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.proto.objects_pb2 import Network, Node, Service
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.client.certificate_age import validity

from swarm_tui.doctor.model import Finding, Grade, names
from swarm_tui.resources import addresses, cluster, managers, networks, nodes, services
from swarm_tui.resources import format as fmt
from swarm_tui.resources.model import ClusterView

_SKEW_NS: Final = 2_000_000_000
_LATE: Final = 0.2
"""Certificates are renewed when a half of their time has passed; so little is left only where that failed."""


def findings(view: ClusterView, now_ns: int) -> Iterator[Finding]:
    """All of them, in the order in which they are looked for."""
    yield from _quorum(view)
    yield from _nodes(view)
    yield from _certificates(view, now_ns)
    yield from _clock(view, now_ns)
    yield from _networks(view)
    for rule in _RULES:
        yield from rule(view)


def _quorum(view: ClusterView) -> Iterator[Finding]:
    state = cluster.quorum(view)
    if state.is_lost:
        yield Finding(
            Grade.ERROR,
            "quorum",
            f"{state.count}, and nothing can be changed",
            "Bring a manager back: 'swarm-tui up' on its machine; if none comes back, run 'swarm-tui cluster init --force-new-cluster' on one that is left.",
        )
    elif state.managers == 1:
        yield Finding(
            Grade.ADVICE,
            "quorum",
            "there is one manager, and the cluster is lost with it",
            "Have three: 'swarm-tui node promote NODE' makes managers of two more nodes.",
        )
    elif state.reachable < state.managers:
        away = [
            nodes.name(node, view)
            for node in view.objects(Node)
            if managers.is_member(node) and not managers.is_reached(node)
        ]
        yield Finding(
            Grade.WARNING,
            "quorum",
            f"{state.count}, and {state.tolerates} more may be lost; not reached: {names(sorted(away))}",
            "Bring it back: 'swarm-tui up' on its machine. Where it is lost for good: 'swarm-tui node demote NODE', "
            "then 'swarm-tui node rm --force NODE', and have another in its place.",
        )
    elif state.managers % 2 == 0 and state.managers:
        yield Finding(
            Grade.WARNING,
            "quorum",
            f"{state.managers} managers bear no more losses than {state.managers - 1}",
            "Promote one more node, or demote one manager.",
        )
    elif state.managers:
        yield Finding(Grade.FINE, "quorum", f"{state.managers} managers, {state.tolerates} more may be lost")


def _nodes(view: ClusterView) -> Iterator[Finding]:
    found = view.objects(Node)
    down = [nodes.name(node, view) for node in found if node.status.state == types_pb2.NodeStatus.DOWN]
    if down:
        yield Finding(
            Grade.WARNING,
            "nodes",
            f"{fmt.plural(len(down), 'node')} down: {names(sorted(down))}",
            "Start its daemon again, or forget it with 'swarm-tui node rm'.",
        )
    elif found:
        yield Finding(Grade.FINE, "nodes", f"all {len(found)} answer")
    workers = [node for node in found if not managers.is_member(node) and nodes.takes_tasks(node)]
    busy = [
        nodes.name(node, view)
        for node in found
        if managers.is_member(node) and nodes.takes_tasks(node) and view.tasks_of_node(node.id)
    ]
    if busy and workers:
        yield Finding(
            Grade.ADVICE,
            "managers",
            f"{names(sorted(busy))} {'run' if len(busy) > 1 else 'runs'} tasks, which may take from a manager what it needs",
            "Where the workers have room: 'swarm-tui node drain NODE'.",
        )


def _certificates(view: ClusterView, now_ns: int) -> Iterator[Finding]:
    late, over, known = [], [], 0
    for node in view.objects(Node):
        valid = validity(node.certificate.certificate)
        if valid is None:
            continue
        known += 1
        if valid.end_ns <= now_ns:
            over.append(nodes.name(node, view))
        elif valid.left(now_ns) < _LATE:
            late.append(nodes.name(node, view))
    remedy = "Look at the node's daemon: it renews by itself while it reaches a manager. 'swarm-tui cluster ca --rotate' makes all anew."
    if over:
        yield Finding(Grade.ERROR, "certificates", f"expired: {names(sorted(over))}", remedy)
    if late:
        yield Finding(Grade.WARNING, "certificates", f"not renewed in time: {names(sorted(late))}", remedy)
    if known and not over and not late:
        yield Finding(Grade.FINE, "certificates", f"those of {fmt.plural(known, 'node')} have time left")


def _clock(view: ClusterView, now_ns: int) -> Iterator[Finding]:
    newest = max((timestamp_ns(task.status.timestamp) for task in view.objects(objects_pb2.Task)), default=0)
    if newest - now_ns > _SKEW_NS:
        yield Finding(
            Grade.WARNING,
            "clock",
            f"a node's clock is {fmt.age(now_ns, newest)} ahead of this machine's",
            "Have every machine keep time, with chrony or systemd-timesyncd.",
        )


def _networks(view: ClusterView) -> Iterator[Finding]:
    full = [
        networks.name(network, view)
        for network in view.objects(Network)
        if (share := addresses.share(network, view)) is not None and share >= 0.75
    ]
    if full:
        yield Finding(
            Grade.WARNING,
            "addresses",
            f"few are left in {names(sorted(full))}",
            "Make a network with a larger subnet, and move services to it.",
        )


def _rule(
    grade: Grade, what: str, breaks: Callable[[Service, ClusterView], bool], text: str, remedy: str
) -> Callable[[ClusterView], Iterator[Finding]]:
    """One finding for all services that break a rule."""

    def look(view: ClusterView) -> Iterator[Finding]:
        found = sorted(services.name(one, view) for one in view.objects(Service) if breaks(one, view))
        if found:
            yield Finding(grade, what, f"{text}: {names(found)}", remedy)

    return look


def _container(service: Service) -> specs_pb2.ContainerSpec | None:
    return service.spec.task.container if service.spec.task.WhichOneof("runtime") == "container" else None


def _goes_on(service: Service) -> bool:
    return service.spec.WhichOneof("mode") in ("replicated", "global")


def _has_loose_tag(service: Service, view: ClusterView) -> bool:
    container = _container(service)
    if container is None or "@" in container.image:
        return False
    _, _, last = container.image.rpartition("/")
    return ":" not in last or last.endswith(":latest")


def _is_unwatched(service: Service, view: ClusterView) -> bool:
    container = _container(service)
    return (
        container is not None
        and _goes_on(service)
        and bool(service.spec.endpoint.ports)
        and not container.HasField("healthcheck")
    )


def _has_no_limit(service: Service, view: ClusterView) -> bool:
    return _goes_on(service) and not service.spec.task.resources.limits.memory_bytes


def _stops_first_alone(service: Service, view: ClusterView) -> bool:
    return (
        service.spec.WhichOneof("mode") == "replicated"
        and service.spec.replicated.replicas == 1
        and bool(service.spec.endpoint.ports)
        and service.spec.update.order == types_pb2.UpdateConfig.STOP_FIRST
    )


_RULES: Final = (
    _rule(
        Grade.ADVICE,
        "images",
        _has_loose_tag,
        "what they run may be another image tomorrow",
        "Name a version: 'swarm-tui service update --image NAME:VERSION SERVICE'.",
    ),
    _rule(
        Grade.ADVICE,
        "health",
        _is_unwatched,
        "their specs have no health check",
        "Unless the image has one, give them a check: 'swarm-tui service update --health-cmd COMMAND SERVICE'.",
    ),
    _rule(
        Grade.ADVICE,
        "memory",
        _has_no_limit,
        "one of them may take all memory of its node",
        "Set a limit: 'swarm-tui service update --limit-memory 512M SERVICE'.",
    ),
    _rule(
        Grade.ADVICE,
        "updates",
        _stops_first_alone,
        "one replica that stops before its successor starts, so each update is an outage",
        "'swarm-tui service update --update-order start-first SERVICE', or two replicas.",
    ),
)
