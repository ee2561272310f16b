"""How many tasks a service may ask for."""

import pytest
from swarm_core.api.proto.specs_pb2 import ServiceSpec
from swarm_core.specs.checks import check_mode
from swarm_core.specs.errors import InvalidSpec
from swarm_core.specs.replicas import TASKS_BYTES_MAX, TASKS_MAX


def asking_for(replicas: int) -> ServiceSpec:
    spec = ServiceSpec()
    spec.replicated.replicas = replicas
    return spec


def test_the_most_tasks_are_accepted() -> None:
    """The limit itself is allowed, and none at all."""
    check_mode(asking_for(TASKS_MAX))
    check_mode(asking_for(0))


@pytest.mark.parametrize(
    ("replicas", "text"), [(TASKS_MAX + 1, "at most 1000000"), (2**62, "at most"), (2**63, "negative")]
)
def test_more_tasks_than_a_manager_can_plan_are_refused(replicas: int, text: str) -> None:
    """A count that no manager could hold is refused before it is stored."""
    with pytest.raises(InvalidSpec, match=text):
        check_mode(asking_for(replicas))


def test_size_times_number_is_bounded() -> None:
    """A large spec many times over is refused with the numbers; fewer of it, or a smaller one as often, are not."""
    spec = asking_for(2000)
    spec.task.container.image = "x"
    spec.task.container.labels.update({f"label-{number}": "x" * 90 for number in range(2500)})
    size = spec.task.ByteSize()
    most = TASKS_BYTES_MAX // size
    assert 200 < most < 2000
    with pytest.raises(
        InvalidSpec, match=rf"^2000 tasks of {size} bytes each would take .* {most} tasks of this size$"
    ):
        check_mode(spec)
    spec.replicated.replicas = most + 1
    with pytest.raises(InvalidSpec):
        check_mode(spec)
    spec.replicated.replicas = most
    check_mode(spec)
    spec.replicated.replicas = 2000
    spec.task.container.labels.clear()
    check_mode(spec)
