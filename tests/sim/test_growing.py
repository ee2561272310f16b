"""A cluster of one becomes one of two and three, while the disks of the new managers are slow (docs/design/simulation.md).
More of them: `make sim`."""

import pytest
from swarm_testkit.simulation.plan import Plan
from swarm_testkit.simulation.replay import command, simulate

SEEDS = (*range(7), 36)
"""Seed 36 was the first that found a cluster without a leader."""
_PARTS = 4


@pytest.mark.parametrize("part", range(_PARTS))
def test_a_cluster_that_grows_finds_its_leader(part: int) -> None:
    """However long the joiner's disk takes for its own addition, there is a leader once it has caught up."""
    faults = 0
    for seed in SEEDS[part::_PARTS]:
        outcome = simulate(seed, plan=Plan.growing(seed))
        texts = "\n".join(outcome.findings)
        assert not outcome.findings, f"seed {seed}: {texts}\nreplay: {command(seed, 'growing')}"
        faults += outcome.faults
        assert outcome.answered > 0
    assert faults > 0
