"""What became different about a service, in a few words: the sentences of the dashboard's changes."""

from collections.abc import Iterator

from swarm_core.api.proto import objects_pb2

from swarm_tui.resources import format as fmt
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.task_specs import runtime_text

Service = objects_pb2.Service


def changes(old: Service | None, new: Service | None, view: ClusterView) -> Iterator[str]:
    """What a person did with the service."""
    if new is None:
        yield "removed"
    elif old is None:
        yield "created"
    elif old.spec != new.spec:
        yield ", ".join(_spec_changes(old, new)) or "spec changed"


def _spec_changes(old: Service, new: Service) -> Iterator[str]:
    before, after = runtime_text(old.spec.task)[1], runtime_text(new.spec.task)[1]
    if before != after:
        yield _runs_change(fmt.image(before), fmt.image(after))
    if old.spec.replicated.replicas != new.spec.replicated.replicas:
        yield f"scaled {old.spec.replicated.replicas} → {new.spec.replicated.replicas}"
    if old.spec.task.resources != new.spec.task.resources:
        yield "resources"
    if old.spec.task.placement != new.spec.task.placement:
        yield "placement"
    if old.spec.annotations.labels != new.spec.annotations.labels:
        yield "labels"
    if old.spec.task.force_update != new.spec.task.force_update:
        yield "restarted"


def _runs_change(before: str, after: str) -> str:
    """Old and new; of an image that stays in its repository only the tags."""
    repository, _, tag = after.rpartition(":")
    if repository and before.startswith(f"{repository}:"):
        return f"image {before.removeprefix(f'{repository}:')} → {tag}"
    return f"{before} → {after}"
