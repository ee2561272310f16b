"""Backups that are taken while everything may fail are compared with what was there (docs/design/simulation.md)."""

from dataclasses import replace

import pytest
from swarm_core.api.proto.snapshot_pb2 import StoreSnapshot
from swarm_core.manager.backup import BackupApi
from swarm_core.raft_node.log import cluster_snapshot
from swarm_core.raft_node.log.cluster_snapshot import EncodedState
from swarm_testkit.simulation.plan import Plan
from swarm_testkit.simulation.replay import simulate

_PLAN = replace(Plan.growing(3), takes_backups=True)


def test_backups_are_whole_and_what_was_there() -> None:
    """A seed that takes backups takes some, and finds nothing."""
    outcome = simulate(3, plan=_PLAN)
    assert outcome.backups > 0 and not outcome.findings


def test_a_backup_that_lacks_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """One object that a backup leaves out is found."""
    make = BackupApi.__init__

    def careless(self, store, replica, clock, own, address) -> None:
        make(self, store, _Careless(replica), clock, own, address)

    monkeypatch.setattr(BackupApi, "__init__", careless)
    findings = simulate(3, plan=_PLAN).findings
    assert findings
    assert all(text.startswith("the backup of ") and "is not the state at" in text for text in findings)


class _Careless:
    """Leaves out the networks."""

    def __init__(self, replica) -> None:
        self._replica = replica

    @property
    def applied_index(self) -> int:
        index: int = self._replica.applied_index
        return index

    async def encoded_state(self) -> EncodedState:
        state = await self._replica.encoded_state()
        members, store = cluster_snapshot.decode_cluster_snapshot(state.data)
        less = StoreSnapshot.FromString(store)
        del less.networks[:]
        data = cluster_snapshot.encode_cluster_snapshot(members, less.SerializeToString())
        return replace(state, data=data)
