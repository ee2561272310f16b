"""What became different about a service, in a few words: the sentences of the dashboard's changes."""

from collections.abc import Iterator

from swarm_core.api.proto import objects_pb2
from swarm_core.specs import surge

from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.spec_changes import differences

Node = objects_pb2.Node
Service = objects_pb2.Service


def changes(old: Service | None, new: Service | None, view: ClusterView) -> Iterator[str]:
    """What a person did with the service."""
    if new is None:
        yield "removed"
    elif old is None:
        yield "created"
    elif old.spec != new.spec:
        yield ", ".join(_moving(old, new, view) or differences(old.spec, new.spec)) or "spec changed"


def _moving(old: Service, new: Service, view: ClusterView) -> list[str]:
    """What a drain with the replacements first does to the spec and takes back, which is no change of a person's; empty where that is not
    all of the difference."""
    if surge.MOVING not in old.spec.annotations.labels and surge.MOVING not in new.spec.annotations.labels:
        return []
    if surge.without_mark(old.spec) != surge.without_mark(new.spec):
        return []
    if text := moving_off(new, view):
        return [text]
    return ["moved" if surge.is_marked(old.spec) else "its label of a move taken away"]


def moving_off(service: Service, view: ClusterView) -> str:
    """Off which nodes it is moved by a drain with the replacements first; empty where it is not."""
    mark = surge.mark_of(service.spec)
    if mark is None:
        return ""
    found = [view.get(Node, id_) for id_ in mark.nodes]
    names = [node.description.hostname or node.id for node in found if node is not None]
    return f"moving off {', '.join(names) or 'a node that is gone'}, replacements first"
