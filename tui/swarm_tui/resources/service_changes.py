"""What became different about a service, in a few words: the sentences of the dashboard's changes."""

from collections.abc import Iterator

from swarm_core.api.proto import objects_pb2

from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.spec_changes import differences

Service = objects_pb2.Service


def changes(old: Service | None, new: Service | None, view: ClusterView) -> Iterator[str]:
    """What a person did with the service."""
    if new is None:
        yield "removed"
    elif old is None:
        yield "created"
    elif old.spec != new.spec:
        yield ", ".join(differences(old.spec, new.spec)) or "spec changed"
