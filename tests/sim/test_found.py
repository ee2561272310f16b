"""Seeds that once found something (docs/design/simulation.md), played again, without the backups that nobody took then."""

from dataclasses import replace

import pytest
from swarm_testkit.simulation.plan import Plan
from swarm_testkit.simulation.replay import command, simulate


@pytest.mark.parametrize("seed", [75, 130, 2013, 2025, 2242, 2323, 3675])
def test_what_was_found_stays_mended(seed: int) -> None:
    """A cluster that once broke a rule or did not recover keeps every rule and recovers. Seeds below 20 run anyway."""
    outcome = simulate(seed, plan=replace(Plan.of(seed), takes_backups=False))
    assert not outcome.findings, f"{outcome.findings}\nreplay: {command(seed)}"


@pytest.mark.parametrize("seed", [73, 120, 124, 323, 365, 430, 452, 476, 574])
def test_what_services_found_stays_mended(seed: int) -> None:
    """The same of seeds in which services, networks and volumes are what happens most. Seeds below 12 run anyway."""
    outcome = simulate(seed, plan=replace(Plan.ordering(seed), takes_backups=False))
    assert not outcome.findings, f"{outcome.findings}\nreplay: {command(seed, 'ordering')}"
