"""What a volume needs of its plugin (docs/design/volumes.md 12.2)."""

import pytest
from swarm_core.api.proto.objects_pb2 import Volume
from swarm_core.manager.volumes.due import Action, Create, Delete, Publish, Unpublish, due
from swarm_testkit.factories import make_volume


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        (make_volume(is_created=False), [Create()]),
        (make_volume(is_created=False, pending_delete=True), [Create()]),
        (make_volume(is_created=False, published={"n1": "PENDING_PUBLISH"}), [Create()]),
        (make_volume(), []),
        (make_volume(pending_delete=True), [Delete()]),
        (make_volume(published={"n1": "PENDING_PUBLISH"}), [Publish("n1")]),
        (make_volume(published={"n1": "PUBLISHED"}), []),
        (make_volume(published={"n1": "PENDING_NODE_UNPUBLISH"}), []),
        (make_volume(published={"n1": "PENDING_UNPUBLISH"}), [Unpublish("n1")]),
        (
            make_volume(published={"n1": "PENDING_UNPUBLISH", "n2": "PENDING_PUBLISH", "n3": "PUBLISHED"}),
            [Unpublish("n1"), Publish("n2")],
        ),
        (make_volume(pending_delete=True, published={"n1": "PUBLISHED"}), []),
        (make_volume(pending_delete=True, published={"n1": "PENDING_UNPUBLISH"}), [Unpublish("n1")]),
        (make_volume(published={"gone": "PUBLISHED"}), [Unpublish("gone")]),
        (make_volume(published={"gone": "PENDING_NODE_UNPUBLISH"}), [Unpublish("gone")]),
        (make_volume(published={"gone": "PENDING_PUBLISH"}), [Unpublish("gone")]),
    ],
)
def test_what_is_due(volume: Volume, expected: list[Action]) -> None:
    """12.2.1 to 12.2.6: one state of one volume, and what follows from it."""
    assert due(volume, lambda node_id: node_id != "gone") == expected
