"""Services of every mode are made, updated, rolled back and removed, while tasks fail and nodes are lost (docs/design/simulation.md). More of them: `make sim`."""

import pytest
from swarm_testkit.simulation.plan import Plan
from swarm_testkit.simulation.replay import command, simulate

SEEDS = (0, 4, 5, 8, 9, 10, 11)
"""The longest of the first twelve are left to `make sim`."""


@pytest.mark.parametrize("seed", SEEDS)
def test_services_come_to_what_was_asked(seed: int) -> None:
    """Whatever happens: no slot twice beyond START_FIRST, no more than was asked for, no node overbooked, each slot of a job completed once, no address, subnet or port given twice, volumes only
    where they may be; in the end every service runs its newest spec and nothing is leaked."""
    outcome = simulate(seed, plan=Plan.ordering(seed))
    texts = "\n".join(outcome.findings)
    assert not outcome.findings, f"{texts}\nreplay: {command(seed, 'ordering')}"
    assert outcome.updates + outcome.completions > 0 and outcome.given > 0
