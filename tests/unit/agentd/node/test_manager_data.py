"""What is left of a manager when the node is none any more."""

from pathlib import Path
from typing import cast

from swarm_agentd.node import state_dir
from swarm_agentd.node.manager_data import NodeManagerData
from swarm_agentd.node.managers import KnownManagers
from swarm_agentd.node.unlock import UnlockKeys
from swarm_core.raft_node import storage


def test_clearing_keeps_nothing_but_the_raft_ids(tmp_path: Path) -> None:
    """Log, snapshots and whatever else goes; under which name the ids stay, the manager says."""
    state = state_dir.StateDirectory(tmp_path)
    for name in (storage.WAL_DIRECTORY, storage.SNAP_DIRECTORY):
        (state.raft / name).mkdir(parents=True)
        (state.raft / name / "file").write_bytes(b"x")
    state.certificates.mkdir()
    (state.raft / "stray").write_bytes(b"x")
    (state.raft / storage.RAFT_IDS).write_text("7\n")
    data = NodeManagerData(state, cast(UnlockKeys, None), cast(KnownManagers, None), lambda: None)
    data.clear()
    assert [path.name for path in state.raft.iterdir()] == [storage.RAFT_IDS]
    assert storage.RAFT_IDS == state_dir.RAFT_IDS_NAME
    data.clear()
