"""Nodes as they are shown."""

import pytest
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import IssuanceStatus
from swarm_testkit.factories import make_node
from swarm_tui.resources import nodes
from swarm_tui.resources.model import Health


@pytest.mark.parametrize(
    ("issued", "word", "health"),
    [
        (IssuanceStatus.UNKNOWN, "pending", Health.IDLE),
        (IssuanceStatus.PENDING, "pending", Health.IDLE),
        (IssuanceStatus.ISSUED, "ready", Health.OK),
        (IssuanceStatus.RENEW, "ready", Health.OK),
        (IssuanceStatus.ROTATE, "ready", Health.OK),
    ],
)
def test_who_has_a_certificate_was_let_in(issued: IssuanceStatus.State, word: str, health: Health) -> None:
    """Docker's own `node update` leaves a spec that says pending; the node goes on as it was."""
    node = make_node("n1")
    node.spec.membership = NodeSpec.PENDING
    node.certificate.status.state = issued
    assert nodes.state_of(node) == (word, health)
