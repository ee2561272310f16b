"""Cluster volumes: availability and labels, which are all that can be changed of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from swarm_core.api.proto import specs_pb2
from swarm_core.specs import lists
from swarm_core.specs import volume as setters

from swarm_tui.operations import changes
from swarm_tui.operations.model import Done, Plan
from swarm_tui.operations.model import Edit as SpecEdit
from swarm_tui.resources.format import plural
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.volumes import KIND, users


@dataclass(frozen=True, slots=True)
class Edit:
    """What changes; None and nothing leave as it is. Labels are removed first, then put."""

    availability: str | None = None
    labels_put: Mapping[str, str] = field(default_factory=dict)
    labels_removed: Sequence[str] = ()

    def __str__(self) -> str:
        """In a few words: "drain, 2 labels"."""
        labels = len(self.labels_put) + len(self.labels_removed)
        parts = [self.availability, plural(labels, "label") if labels else None]
        return ", ".join(part for part in parts if part)

    def carry_out(self, spec: specs_pb2.VolumeSpec) -> None:
        """Change a spec in place. Raises InvalidValue."""
        if self.availability is not None:
            setters.set_availability(spec, self.availability)
        lists.drop_keys(spec.annotations.labels, self.labels_removed)
        spec.annotations.labels.update(self.labels_put)


def plan(view: ClusterView, ids: Sequence[str], edit: Edit) -> Plan:
    """This edit of these volumes."""
    steps, refusals = changes.steps(
        view, KIND, ids, verb="update", edit=lambda name: _run(edit, f"{name}: {edit}")
    )
    return Plan(
        f"Update {changes.subject(view, KIND, ids)}: {edit}", steps, _warnings(view, ids, edit), refusals
    )


def _run(edit: Edit, text: str) -> SpecEdit:
    def run(spec: specs_pb2.VolumeSpec) -> Done:
        edit.carry_out(spec)
        return Done(text)

    return run


def _warnings(view: ClusterView, ids: Sequence[str], edit: Edit) -> tuple[str, ...]:
    """Who loses a volume that is drained."""
    if edit.availability != "drain":
        return ()
    return tuple(
        f"Tasks of {', '.join(found)} that use {KIND.name(volume, view)} are stopped."
        for volume in changes.found(view, KIND, ids)
        if (found := users(volume, view))
    )
