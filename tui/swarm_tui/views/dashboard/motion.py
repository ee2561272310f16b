"""What is in motion: services on their way to their goal, and nodes that are being drained.

Kept up to date object by object; the notes are made when they are asked for.
"""

from typing import Final, TypeAlias

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources import nodes, services
from swarm_tui.resources.format import plural
from swarm_tui.resources.model import Health
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.resources.states import is_wanted, state_word
from swarm_tui.widgets.cells import bar
from swarm_tui.widgets.notes import Note
from swarm_tui.widgets.paint import Span

NOTES_MAX: Final = 12
_BAR: Final = 16
_SHOWN_SLOTS: Final = 2
_SCANNED_TASKS_MAX: Final = 200
"""Beyond this many tasks no slot of a service is named: two of thousands tell nothing."""

_Node: TypeAlias = objects_pb2.Node
_Service: TypeAlias = objects_pb2.Service


class MotionBoard:
    """Ids of services and nodes in motion."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._services: set[str] = set()
        self._nodes: set[str] = set()

    def apply(self, changes: Changes, now_ns: int) -> None:
        """Look at what changed, or at everything after a reset."""
        mirror = self._mirror
        if changes.is_reset:
            self._services.clear()
            self._nodes.clear()
        for id_ in mirror.ids(_Service) if changes.is_reset else changes.of(_Service):
            service = mirror.get(_Service, id_)
            is_moving = service is not None and services.health(service, mirror, now_ns) is Health.MOTION
            (self._services.add if is_moving else self._services.discard)(id_)
        for id_ in mirror.ids(_Node) if changes.is_reset else changes.of(_Node):
            node = mirror.get(_Node, id_)
            is_draining = node is not None and is_drain_unfinished(node, mirror)
            (self._nodes.add if is_draining else self._nodes.discard)(id_)

    @property
    def targets(self) -> set[ObjectRef]:
        """All that is in motion."""
        services_moving = {self._ref("service", id_) for id_ in self._services}
        return services_moving | {self._ref("node", id_) for id_ in self._nodes}

    def _ref(self, noun: str, id_: str) -> ObjectRef:
        return ObjectRef(self._mirror.cluster, noun, id_)

    def notes(self) -> list[Note]:
        """One note for each of the first `NOTES_MAX`, by name."""
        found = [self._mirror.get(_Service, id_) for id_ in self._services]
        drained = [self._mirror.get(_Node, id_) for id_ in self._nodes]
        moving = sorted(filter(None, found), key=services.name)[:NOTES_MAX]
        draining = sorted(filter(None, drained), key=nodes.name)[: NOTES_MAX - len(moving)]
        return [*map(self._service_note, moving), *map(self._node_note, draining)]

    def _service_note(self, service: _Service) -> Note:
        goal, have = services.wanted(service, self._mirror), services.running(service, self._mirror)
        heading: list[Span] = [("⟳ ", "accent"), (services.name(service), "text+bold"), ("  ", "text")]
        if goal:
            heading += bar(min(have / goal, 1.0), _BAR, "accent")
        heading += [(f" {have}", "text"), (f"/{goal}", "muted")]
        slots = self._slots(service)
        return Note(heading, [slots] if slots else [], self._ref("service", service.id))

    def _slots(self, service: _Service) -> list[Span]:
        tasks = self._mirror.tasks_of_service(service.id)
        if len(tasks) > _SCANNED_TASKS_MAX:
            return []
        moving = [task for task in tasks if task.status.state < types_pb2.RUNNING and is_wanted(task)]
        moving.sort(key=lambda task: task.slot)
        spans: list[Span] = []
        for task in moving[:_SHOWN_SLOTS]:
            place = f"slot {task.slot} " if task.slot else ""
            spans += [(place, "muted"), (f"{state_word(task.status.state)}  ", "accent")]
        if len(moving) > _SHOWN_SLOTS:
            spans.append((f"+{len(moving) - _SHOWN_SLOTS}", "muted"))
        return spans

    def _node_note(self, node: _Node) -> Note:
        left = self._mirror.node_tally(node.id).running
        heading: list[Span] = [
            ("◐ ", "warning"),
            (nodes.name(node), "text+bold"),
            ("  draining  ", "muted"),
            (f"{plural(left, 'task')} left", "text"),
        ]
        return Note(heading, [], self._ref("node", node.id))


def is_drain_unfinished(node: _Node, mirror: Mirror) -> bool:
    """Whether the node is to be empty and is not yet."""
    return node.spec.availability == specs_pb2.NodeSpec.DRAIN and mirror.node_tally(node.id).running > 0
