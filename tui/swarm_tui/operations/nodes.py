"""Nodes: availability, role and labels, each alone or together in one change."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2

from swarm_tui.operations.model import Change, Done, Nothing, Plan, Step, subject
from swarm_tui.resources import nodes
from swarm_tui.resources.format import plural
from swarm_tui.resources.model import ClusterView

Node = objects_pb2.Node
AVAILABILITIES: Final = (
    ("active", "takes tasks"),
    ("pause", "keeps its tasks, takes no new ones"),
    ("drain", "its tasks move to other nodes"),
)
_MANAGER, _WORKER = types_pb2.MANAGER, types_pb2.WORKER


@dataclass(frozen=True, slots=True)
class Edit:
    """What changes; None and nothing leave as it is. Labels are removed first, then put."""

    availability: str | None = None
    role: str | None = None
    labels_put: Mapping[str, str] = field(default_factory=dict)
    labels_removed: Sequence[str] = ()

    def __str__(self) -> str:
        """In a few words: "drain, manager, 2 labels"."""
        labels = len(self.labels_put) + len(self.labels_removed)
        parts = [self.availability, self.role, plural(labels, "label") if labels else None]
        return ", ".join(part for part in parts if part)

    def carry_out(self, spec: specs_pb2.NodeSpec) -> None:
        """Change a spec in place."""
        if self.availability is not None:
            spec.availability = specs_pb2.NodeSpec.Availability.Value(self.availability.upper())
        if self.role is not None:
            spec.desired_role = types_pb2.NodeRole.Value(self.role.upper())
        for key in self.labels_removed:
            spec.annotations.labels.pop(key, None)
        spec.annotations.labels.update(self.labels_put)


def plan(view: ClusterView, ids: Sequence[str], edit: Edit) -> Plan:
    """This edit of these nodes."""
    found = _found(view, ids)
    steps = tuple(
        Step(
            nodes.name(node),
            f"set {nodes.name(node)} to {edit}",
            Change(Node, node.id, _carry_out(edit)),
            Done(f"{nodes.name(node)}: {edit}"),
        )
        for node in found
    )
    return Plan(f"{subject_of(view, ids)}: {edit}", steps, _warnings(view, found, edit))


def availability(view: ClusterView, ids: Sequence[str], word: str) -> Plan:
    """These nodes active, paused or drained."""
    return plan(view, ids, Edit(availability=word))


def role(view: ClusterView, ids: Sequence[str], word: str) -> Plan:
    """These nodes as managers or as workers; who is one already stays one."""
    wanted = types_pb2.NodeRole.Value(word.upper())
    is_manager = wanted == _MANAGER
    verb = "promote" if is_manager else "demote"
    steps = []
    for node in _found(view, ids):
        name = nodes.name(node)
        if node.spec.desired_role == wanted:
            steps.append(
                Step(name, f"{verb} {name}", Nothing(node.id), Done(f"Node {name} is already a {word}."))
            )
            continue
        done = (
            f"Node {name} promoted to a manager in the swarm."
            if is_manager
            else f"Manager {name} demoted in the swarm."
        )
        steps.append(
            Step(name, f"{verb} {name}", Change(Node, node.id, _carry_out(Edit(role=word))), Done(done))
        )
    return Plan(f"{verb.capitalize()} {subject_of(view, ids)}", tuple(steps))


def subject_of(view: ClusterView, ids: Sequence[str]) -> str:
    """What is changed, for a title."""
    return subject([nodes.name(node) for node in _found(view, ids)], "node")


def _warnings(view: ClusterView, found: Sequence[Node], edit: Edit) -> tuple[str, ...]:
    if edit.availability != "drain":
        return ()
    running = sum(view.node_sums(node.id).running for node in found)
    return (f"{plural(running, 'running task')} will move to other nodes.",) if running else ()


def _carry_out(edit: Edit) -> Callable[[specs_pb2.NodeSpec], Done | None]:
    def run(spec: specs_pb2.NodeSpec) -> None:
        edit.carry_out(spec)

    return run


def _found(view: ClusterView, ids: Sequence[str]) -> list[Node]:
    return [node for id_ in ids if (node := view.get(Node, id_)) is not None]
