"""Whatever a cluster holds, however it was written: the mirror, every kind's rows and what the commands print take it."""

from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_core.api.tolerant import decode_tolerantly
from swarm_core.client.watch import KINDS, Action, Change, Changed, Listed
from swarm_testkit.cluster_fake import START_NS, FakeCluster
from swarm_testkit.foreign_objects import IDS, Path, encoded_objects, path_id, paths
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources import registry
from swarm_tui.resources.documents import as_dict
from swarm_tui.resources.model import ClusterView, ResourceKind

CASES = [
    pytest.param(kind, path, id=f"{kind.noun}-{path_id(path)}")
    for kind in registry.stored()
    for path in paths(kind.message)
]
ACTIONS = (Action.CREATED, Action.UPDATED, Action.REMOVED)


def objects(kind: type[Message], path: Path = ()) -> st.SearchStrategy[Any]:
    """Objects as they come over a watch."""
    return encoded_objects(kind, path).map(lambda encoded: decode_tolerantly(kind, encoded)[0])


def anything() -> st.SearchStrategy[Any]:
    """Objects of any kind, in which the others may be named."""
    return st.sampled_from(KINDS).flatmap(objects)


def look_at(kind: ResourceKind[Any], item: Any, view: ClusterView) -> None:
    """Everything that is ever asked of an object."""
    assert len(kind.row(item, view, START_NS)) == len(kind.columns)
    assert isinstance(kind.name(item, view), str)
    health = kind.health(item, view, START_NS)
    for problem in kind.problems(item, view, START_NS):
        assert problem.health is health or problem.cause
    assert all(
        cell.text is not None for section in kind.describe(item, view, START_NS) for _, cell in section.lines
    )
    for field in kind.fields.values():
        field(item, view, START_NS)
    for listing in kind.listing:
        assert isinstance(listing.text(item, view, START_NS), str)
    assert kind.drill_in(item, view).view
    assert all(isinstance(id_, str) for owners in kind.owners.values() for id_ in owners(item))
    if kind.motion is not None:
        kind.motion.is_moving(item, view, START_NS)
        kind.motion.note(item, view, START_NS)
    assert isinstance(as_dict(item), dict)


def look_at_all(kind: ResourceKind[Any], view: ClusterView) -> None:
    items = list(view.objects(kind.message))
    for item in items:
        look_at(kind, item, view)
    kind.consequences(items, view)
    for key in kind.sort_keys.values():
        sorted(items, key=lambda item: key(item, view, START_NS))
    if kind.changes is not None:
        for old in (None, *items):
            for new in (None, *items):
                if old is not new:
                    assert all(isinstance(words, str) for words in kind.changes(old, new, view))


@pytest.mark.parametrize(("kind", "path"), CASES)
@settings(max_examples=5)
@given(data=st.data())
def test_rows(kind: ResourceKind[Any], path: Path, data: st.DataObject) -> None:
    """Every function of a kind answers for any object among any others."""
    mirror = Mirror(FakeCluster())
    others, own = (
        data.draw(st.lists(anything(), max_size=4)),
        data.draw(st.lists(objects(kind.message, path), max_size=3)),
    )
    mirror.apply(Listed((*others, *own), 1))
    look_at_all(kind, mirror)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), anything()), max_size=12))
def test_mirror(changes: list[tuple[Action, Any]]) -> None:
    """The mirror follows any changes, and what it holds then is as if it had been listed at once."""
    mirror = Mirror(FakeCluster())
    for version, (action, item) in enumerate(changes, 1):
        item.meta.version.index = version
        mirror.apply(Changed((Change(action, item),), version))
    held = [item for kind in KINDS for item in mirror.objects(kind)]
    listed = Mirror(FakeCluster())
    listed.apply(Listed(tuple(held), len(changes)))
    for id_ in IDS:
        assert mirror.service_sums(id_) == listed.service_sums(id_)
        assert mirror.node_sums(id_) == listed.node_sums(id_)
        assert _ids(mirror.tasks_of_service(id_)) == _ids(listed.tasks_of_service(id_))
        assert _ids(mirror.tasks_of_node(id_)) == _ids(listed.tasks_of_node(id_))
    for kind in registry.stored():
        look_at_all(kind, mirror)


def _ids(tasks: Any) -> set[str]:
    return {task.id for task in tasks}
