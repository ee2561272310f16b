"""The kinds of objects by the wire's own list."""

from swarm_core.api.kinds import NOUNS
from swarm_core.api.proto import control_pb2, objects_pb2


def test_every_kind_can_be_listed_by_its_noun() -> None:
    """The Control service's messages are named after the nouns; extensions are the one kind that it does not list."""
    assert NOUNS[objects_pb2.Service] == "service"
    assert len(NOUNS) == len(set(NOUNS.values())) == 10
    listed = {noun for noun in NOUNS.values() if hasattr(control_pb2, f"List{noun.title()}sRequest")}
    assert set(NOUNS.values()) - listed == {"extension"}
