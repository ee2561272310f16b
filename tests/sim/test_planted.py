"""A fault that is planted in the product is found by the orders that clients give (docs/design/simulation.md)."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from swarm_agentd.agent.volumes import NodeVolumes, Surroundings
from swarm_core.raft_node.log.wal import WriteAheadLog
from swarm_core.rules import slots
from swarm_testkit.simulation.plan import Plan
from swarm_testkit.simulation.replay import simulate

SEEDS = (35, *range(35), *range(36, 40))
"""About one in five finds it. The first of these does, and quickly; which ones do changes with the orders that clients give."""


@pytest.fixture
def careless_nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nodes that take a volume away though a task uses it."""
    make = NodeVolumes.__init__

    def careless(self, plugins, records, clock, around: Surroundings) -> None:
        make(self, plugins, records, clock, replace(around, in_use=lambda volume_id: False))

    monkeypatch.setattr(NodeVolumes, "__init__", careless)
    yield


def test_a_volume_that_is_taken_from_a_task(careless_nodes: None) -> None:
    """Volumes that tasks run with are removed by force, and the storage sees a node that does not keep them until those tasks have ended."""
    found = (text for seed in SEEDS for text in simulate(seed, plan=Plan.ordering(seed)).findings)
    assert any("is taken away on" in text and "run with it" in text for text in found)


def test_a_write_that_is_acknowledged_before_it_is_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that is never synced loses what it promised with the power."""
    monkeypatch.setattr(WriteAheadLog, "sync", lambda self: None)
    found = (outcome.findings for outcome in map(simulate, (10, *range(10), *range(11, 40))))
    assert any(found)


def test_a_task_that_is_overlooked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not see one of many tasks fills its slot a second time."""
    count = slots.by_slot

    def careless(tasks) -> slots.Slots:
        seen = list(tasks)
        return count(seen[:-1] if len(seen) > 3 else seen)

    monkeypatch.setattr(slots, "by_slot", careless)
    found = (text for seed in range(20) for text in simulate(seed, plan=Plan.ordering(seed)).findings)
    assert any("has 2 tasks to run in slot" in text for text in found)
