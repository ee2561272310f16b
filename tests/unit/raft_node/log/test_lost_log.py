"""A cluster's log that has vanished is not taken for a new cluster."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from swarm_core.raft_node.config import RaftNodeConfig
from swarm_core.raft_node.errors import StateUnusable
from swarm_core.raft_node.log.disk import SystemDisk
from swarm_core.raft_node.log.encryption import Cipher
from swarm_core.raft_node.log.storage import open_storage


def test_only_a_founder_starts_without_a_log(tmp_path: Path) -> None:
    """With no log there, a founder makes one and everybody else is told to restore theirs; nothing is made."""
    tmp_path.chmod(0o700)
    config = RaftNodeConfig(tmp_path / "raft", "node", "", segment_bytes=1 << 16)
    cipher = Cipher(random.Random(1).randbytes(32))
    with pytest.raises(StateUnusable, match="has lost its write-ahead log; restore it from a backup"):
        open_storage(SystemDisk(), replace(config, may_found=False), cipher, 7)
    assert list((tmp_path / "raft").iterdir()) == []
    open_storage(SystemDisk(), config, cipher, 7).close()
    taken_up = open_storage(SystemDisk(), replace(config, may_found=False), cipher, 8)
    assert taken_up.member.raft_id == 7
    taken_up.close()
