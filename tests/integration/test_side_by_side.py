"""Some of the situations of `benchmarks/side_by_side.py`: ours and Docker Engines in swarm mode come to the same end."""

from collections.abc import Iterator

import pytest
from swarm_testkit.side_by_side.play import differences, play_both
from swarm_testkit.side_by_side.sides import Side, docker_side, our_side
from swarm_testkit.side_by_side.situations import named

pytestmark = [
    pytest.mark.docker,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("side by side"),
]
_SOME = (
    "create: a command that fails twice and is left",
    "update: start first",
    "update: that fails and rolls back",
    "node: drained",
    "job: one at a time",
    "material: a secret exchanged",
)


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Side, Side]]:
    with docker_side() as theirs, our_side() as ours:
        yield ours, theirs


@pytest.mark.parametrize("name", _SOME)
def test_the_same_end(name: str, both: tuple[Side, Side]) -> None:
    """What both clusters hold at the end of the situation is the same."""
    situation = named()[name]
    assert differences(situation, *play_both(*both, situation)) == []
