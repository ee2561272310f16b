"""Nodes: availability, role and labels, each alone or together in one change."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.specs import lists
from swarm_core.specs import node as setters
from swarm_core.specs.surge import mark_of

from swarm_tui.operations import changes
from swarm_tui.operations.model import Change, Done, Nothing, Plan, Step
from swarm_tui.operations.model import Edit as SpecEdit
from swarm_tui.resources.format import plural
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.nodes import KIND, takes_tasks

AVAILABILITIES: Final = (
    ("active", "takes tasks"),
    ("pause", "keeps its tasks, takes no new ones"),
    ("drain", "its tasks move to other nodes"),
)


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
        """Change a spec in place. Raises InvalidValue."""
        if self.availability is not None:
            setters.set_availability(spec, self.availability)
        if self.role is not None:
            setters.set_role(spec, self.role)
        lists.drop_keys(spec.annotations.labels, self.labels_removed)
        spec.annotations.labels.update(self.labels_put)


def plan(view: ClusterView, ids: Sequence[str], edit: Edit) -> Plan:
    """This edit of these nodes."""
    steps, refusals = changes.steps(
        view, KIND, ids, verb="update", edit=lambda name: _run(edit, f"{name}: {edit}")
    )
    title = f"Update {changes.subject(view, KIND, ids)}: {edit}"
    return Plan(title, steps, _warnings(view, ids, edit), refusals)


def availability(view: ClusterView, ids: Sequence[str], word: str) -> Plan:
    """These nodes active, paused or drained."""
    edit = Edit(availability=word)
    verb = {"active": "activate"}.get(word, word)
    steps, refusals = changes.steps(
        view, KIND, ids, verb=verb, edit=lambda name: _run(edit, f"{name}: {word}")
    )
    title = f"{verb.capitalize()} {changes.subject(view, KIND, ids)}"
    return Plan(title, steps, _warnings(view, ids, edit), refusals)


def role(view: ClusterView, ids: Sequence[str], word: str) -> Plan:
    """These nodes as managers or as workers; who is one already stays one."""
    edit = Edit(role=word)
    verb = "promote" if word == "manager" else "demote"
    done = (
        "Node {} promoted to a manager in the swarm."
        if word == "manager"
        else "Manager {} demoted in the swarm."
    )
    planned, refusals = changes.steps(
        view, KIND, ids, verb=verb, edit=lambda name: _run(edit, done.format(name))
    )
    steps = tuple(_unless_already(view, step, word) for step in planned)
    title = f"{verb.capitalize()} {changes.subject(view, KIND, ids)}"
    return Plan(title, steps, _warnings(view, ids, edit), refusals)


def subject_of(view: ClusterView, ids: Sequence[str]) -> str:
    """What is changed, for a title."""
    return changes.subject(view, KIND, ids)


def _unless_already(view: ClusterView, step: Step, word: str) -> Step:
    """The step, or none where the node is meant to have that role."""
    assert isinstance(step.action, Change)
    node = view.get(objects_pb2.Node, step.action.id)
    if node is None or node.spec.desired_role != setters.ROLES[word]:
        return step
    return Step(step.name, step.doing, Nothing(node.id), Done(f"Node {step.name} is already a {word}."))


def _warnings(view: ClusterView, ids: Sequence[str], edit: Edit) -> tuple[str, ...]:
    texts = []
    if edit.availability == "drain":
        texts.append(_of_draining(view, ids))
    if edit.availability == "active":
        texts.extend(_of_moves(view, ids))
    return tuple(text for text in texts if text)


def _of_draining(view: ClusterView, ids: Sequence[str]) -> str:
    """What becomes of the tasks on these nodes; empty where there is none."""
    running = sum(view.node_sums(node.id).running for node in changes.found(view, KIND, ids))
    if not running:
        return ""
    tasks = plural(running, "running task")
    if not any(takes_tasks(node) for node in view.objects(objects_pb2.Node) if node.id not in ids):
        return f"{tasks} will stop: no other node takes tasks."
    return f"{tasks} will stop here, and start on other nodes where they fit."


def _of_moves(view: ClusterView, ids: Sequence[str]) -> Iterator[str]:
    """What is moved off these nodes just now is kept off them by a constraint, which the leader keeps to on a node that takes tasks."""
    moved = [
        one.spec.annotations.name
        for one in view.objects(objects_pb2.Service)
        if (mark := mark_of(one.spec)) is not None and set(ids).intersection(mark.nodes)
    ]
    if moved:
        yield (
            f"What is left here of {', '.join(sorted(moved))} will stop at once: a drain with the replacements first is not over."
            " 'node drain --surge --stop' ends it."
        )


def _run(edit: Edit, done: str) -> SpecEdit:
    def run(spec: specs_pb2.NodeSpec) -> Done:
        edit.carry_out(spec)
        return Done(done)

    return run
