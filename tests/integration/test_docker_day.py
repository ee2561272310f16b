"""A part of `make docker-day`: docker's commands say on a node of ours what they say on a Docker Engine in swarm mode."""

from collections.abc import Iterator

import pytest
from swarm_testkit.docker_command import programs_since
from swarm_testkit.docker_day.known import outdated, rows, unexplained
from swarm_testkit.docker_day.play import play
from swarm_testkit.docker_day.script import chapters
from swarm_testkit.docker_day.sides import Side, both_sides

pytestmark = [
    pytest.mark.docker,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("docker day"),
]


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[Side, Side]]:
    with both_sides() as both:
        yield both


@pytest.mark.parametrize(("chapter", "which"), [("1-swarm", -1), ("2-payloads", 0)])
def test_what_differs_is_known(chapter: str, which: int, sides: tuple[Side, Side]) -> None:
    """Every difference has a reason in docs/docker-differences.md, and every reason a difference: with the newest docker command of the machine, and with
    the oldest, which leaves more to the engine."""
    known = rows()
    program = (programs_since() or ["docker"])[which]
    ours, theirs = (side.by(program) for side in sides)
    played = play((ours, theirs), chapters()[chapter], known)
    assert not [str(one) for one in unexplained(played.found, known)]
    assert not outdated(played.found, played.lines, known)
