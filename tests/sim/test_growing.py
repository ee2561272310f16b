"""A cluster of one becomes one of two and three, while the disks of the new managers are slow (docs/design/simulation.md)."""

import pytest
from swarm_testkit.simulation.plan import Plan
from swarm_testkit.simulation.replay import command, simulate

SEEDS = 40
_PARTS = 10


@pytest.mark.parametrize("part", range(_PARTS))
def test_a_cluster_that_grows_finds_its_leader(part: int) -> None:
    """However long the joiner's disk takes for its own addition, there is a leader once it has caught up."""
    faults = 0
    for seed in range(part, SEEDS, _PARTS):
        outcome = simulate(seed, plan=Plan.growing(seed))
        texts = "\n".join(outcome.findings)
        assert not outcome.findings, f"seed {seed}: {texts}\nreplay: {command(seed, 'growing')}"
        faults += outcome.faults
        assert outcome.answered > 0
    assert faults > 0
