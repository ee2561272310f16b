"""What a service's spec says while it is moved off nodes, and afterwards (docs/design/plans.md 13.9)."""

import pytest
from swarm_core.api.proto import specs_pb2
from swarm_core.api.proto.types_pb2 import UpdateConfig
from swarm_core.specs import surge
from swarm_core.specs.errors import InvalidValue
from swarm_testkit.factories import make_service

Spec = specs_pb2.ServiceSpec


def _specs() -> list[Spec]:
    """Without anything, and with everything that is touched, in each of its values."""
    found = [make_service("s").spec]
    for order in UpdateConfig.UpdateOrder.values():
        for action in UpdateConfig.FailureAction.values():
            spec = make_service("s", labels={"a": "b"}).spec
            spec.update.order, spec.update.failure_action = order, action
            spec.task.placement.constraints.append("node.role==worker")
            found.append(spec)
    empty = make_service("s").spec
    empty.task.placement.SetInParent()
    empty.update.SetInParent()
    return [*found, empty]


@pytest.mark.parametrize("spec", _specs(), ids=range(len(_specs())))
def test_it_says_what_it_said(spec: Spec) -> None:
    """Marked and put back, or looked at without its mark, it is byte for byte what it was."""
    before = spec.SerializeToString(deterministic=True)
    surge.mark(spec, ["n2", "n1"])
    assert surge.is_marked(spec)
    assert spec.task.placement.constraints[-2:] == ["node.id!=n1", "node.id!=n2"]
    assert (spec.update.order, spec.update.failure_action) == (UpdateConfig.START_FIRST, UpdateConfig.PAUSE)
    assert surge.without_mark(spec).SerializeToString(deterministic=True) == before
    surge.unmark(spec)
    assert not surge.is_marked(spec)
    surge.forget(spec)
    assert spec.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize(
    "text",
    ["", "x", "nodes= order=none failure=none placement=no", "nodes=a order=sideways failure=pause placement=no",
     "nodes=a order=none failure=pause placement=no", "nodes=a order=none failure=none"],
)  # fmt: skip
def test_a_label_that_cannot_be_read(text: str) -> None:
    """It is no mark, and is put right by a person: nothing is guessed."""
    spec = make_service("s", labels={surge.MOVING: text}).spec
    assert surge.mark_of(spec) is None
    with pytest.raises(InvalidValue, match="by hand"):
        surge.unmark(spec)
    assert surge.without_mark(spec) == spec
