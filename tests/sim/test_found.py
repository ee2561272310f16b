"""What seeds once found stays mended (swarm_testkit.simulation.found)."""

import pytest
from swarm_testkit.simulation import found
from swarm_testkit.simulation.replay import command, simulate


@pytest.mark.parametrize(
    ("kind", "seed"), [(kind, seed) for kind, seeds in found.QUICK.items() for seed in seeds]
)
def test_what_was_found_stays_mended(kind: str | None, seed: int) -> None:
    """A cluster that once broke a rule or did not recover keeps every rule and recovers."""
    outcome = simulate(seed, plan=found.plan(seed, kind))
    assert not outcome.findings, f"{outcome.findings}\nreplay: {command(seed, kind, was_found=True)}"
