"""Groups of three to five members stay safe whatever the network does, and come to agree once it is whole again."""

from typing import Any

import pytest
from swarm_core.raft.types import (
    ConfChangeSingle,
    ConfChangeTransition,
    ConfChangeType,
    ConfChangeV2,
)
from swarm_testkit.raft_network import RaftNetwork

_SWARMKIT = {"check_quorum": True, "disable_proposal_forwarding": True}
_SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "swarmkit": _SWARMKIT,
    "pre_vote": {"check_quorum": True, "pre_vote": True},
    "tiny_limits": {
        "max_size_per_message": 40,
        "max_committed_size_per_ready": 60,
        "max_inflight_messages": 2,
        "max_inflight_bytes": 80,
        "max_uncommitted_entries_size": 200,
    },
    "asynchronous": {"async_storage_writes": True, "check_quorum": True},
}


@pytest.mark.parametrize("settings", _SETTINGS.values(), ids=_SETTINGS)
@pytest.mark.parametrize("seed", range(6))
def test_random_network_is_safe_and_recovers(settings: dict[str, Any], seed: int) -> None:
    """Safety holds in every step of a faulty run, liveness follows when the faults end (thesis, chapter 3)."""
    network = RaftNetwork(3 + seed % 3, seed=seed, **settings)
    for _ in range(3):
        network.shake(1500)
        network.check_logs()
    network.heal()
    network.check_logs()


@pytest.mark.parametrize("seed", range(8))
def test_random_membership_changes_are_safe(seed: int) -> None:
    """Members join, leave, become learners and voters under faults, and the group stays one (chapter 4)."""
    network = RaftNetwork(3, spare=2, seed=seed, **_SWARMKIT)
    for _ in range(25):
        network.shake(250)
        leader = network.leader()
        if leader is not None:
            network.propose_conf_change(leader, _random_change(network))
    network.check_logs()
    network.heal(800)
    network.check_logs()


def _random_change(network: RaftNetwork) -> ConfChangeV2:
    rng = network.rng
    leader = network.leader()
    assert leader is not None
    if leader.raw.status().conf_state.voters_outgoing:
        return ConfChangeV2()
    # Member 1 always stays a voter: an empty set of voters is refused by the change itself.
    types = [ConfChangeType.ADD_NODE, ConfChangeType.ADD_LEARNER_NODE, ConfChangeType.REMOVE_NODE]
    changes = tuple(
        ConfChangeSingle(rng.choice(types), id_) for id_ in rng.sample(range(2, 6), rng.randrange(1, 3))
    )
    return ConfChangeV2(changes, rng.choice(list(ConfChangeTransition)))
