"""What is left of a node whose files were lost or opened to others is refused, not built upon."""

import random
from pathlib import Path

import pytest
from swarm_agentd.node import identity as identities
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.state_dir import StateDirectory, open_state
from swarm_core.runtime.clock import SystemClock

CLOCK = SystemClock()
RNG = random.Random(1)


@pytest.fixture
def manager(tmp_path: Path) -> StateDirectory:
    """A node that has been a manager."""
    state = open_state(tmp_path / "s")
    identities.found_cluster(state, CLOCK, RNG)
    (state.path / "raft" / "wal-v3-encrypted").mkdir(parents=True)
    return state


@pytest.mark.parametrize("lost", ["swarm-node.key", "swarm-node.crt"])
def test_a_log_without_an_identity(manager: StateDirectory, lost: str) -> None:
    """A manager's log without key or certificate is no place for a new cluster: restore them."""
    (manager.certificates / lost).unlink()
    with pytest.raises(NodeError, match="lacks the node's key or certificate; restore them"):
        identities.load(manager, CLOCK)


def test_a_directory_that_others_can_write(manager: StateDirectory) -> None:
    """An identity that others could have replaced is not trusted again by closing the door."""
    manager.path.chmod(0o777)
    with pytest.raises(NodeError, match=r"open to other users \(mode 0777\); make it 0700"):
        open_state(manager.path)
    assert manager.path.stat().st_mode & 0o777 == 0o777
