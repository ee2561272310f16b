"""Simulated clusters from seeds: safety under faults, liveness after them. More of them: `make sim`."""

import pytest
from swarm_testkit.simulation.replay import command, simulate

SEEDS = (0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15)
"""The longest of the first sixteen are left to `make sim`."""
_PARTS = 7


@pytest.mark.parametrize("part", range(_PARTS))
def test_cluster_survives(part: int) -> None:
    """Nothing acknowledged is lost, no rule is broken, and the cluster is well again after the faults."""
    for seed in SEEDS[part::_PARTS]:
        outcome = simulate(seed)
        texts = "\n".join(outcome.findings)
        assert not outcome.findings, f"seed {seed}: {texts}\nreplay: {command(seed)}"
        assert outcome.entries > 0
        assert outcome.answered > 0
