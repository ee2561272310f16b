"""A backup becomes the state of a manager (docs/design/backup.md 17.3)."""

import io
import random
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_core.api import backups
from swarm_core.api.names import MANAGER_ROLE, WORKER_ROLE
from swarm_core.api.proto.backup_pb2 import BackupHead
from swarm_core.api.proto.snapshot_pb2 import ClusterSnapshot, StoreSnapshot
from swarm_core.ca import csr, keys
from swarm_core.ca.key_file import KeyFile
from swarm_core.ca.root_ca import RootCa
from swarm_core.managerd import restore
from swarm_core.managerd.restore import INDEX_GAP, read, write
from swarm_core.raft.types import HardState, Snapshot
from swarm_core.raft_node.config import RaftNodeConfig
from swarm_core.raft_node.log.cluster_snapshot import decode_cluster_snapshot, encode_cluster_snapshot
from swarm_core.raft_node.log.disk import SystemDisk
from swarm_core.raft_node.log.keyring import Keyring
from swarm_core.raft_node.log.storage import open_storage
from swarm_testkit.manual_clock import START_WALL_NS

ROOT = RootCa.create(START_WALL_NS)
KEY = keys.generate()
MEMBERS = ClusterSnapshot(removed=[5])
MEMBERS.members.add(raft_id=6, node_id="n1", addr="10.0.0.1:4242")
MEMBERS.members.add(raft_id=7, node_id="n2", addr="10.0.0.2:4242")
STORE = StoreSnapshot()
STORE.clusters.add(id="org")
SNAPSHOT = encode_cluster_snapshot(MEMBERS, STORE.SerializeToString())
KEK = bytes(range(32))


def head(role: str = MANAGER_ROLE, **fields: object) -> BackupHead:
    chain = ROOT.sign(csr.create(KEY), node_id="n1", role=role, organization="org", wall_ns=START_WALL_NS)
    found = BackupHead(
        format=1, cluster_id="org", node_id="n1", address="10.0.0.1:4242", raft_index=90, raft_term=4,
        roots=ROOT.certificate, certificate=chain, key=keys.pkcs8(KEY),
    )  # fmt: skip
    for name, value in fields.items():
        setattr(found, name, value)
    return found


@pytest.fixture
def state(tmp_path: Path) -> Path:
    found = tmp_path / "state"
    found.mkdir(mode=0o700)
    return found


@pytest.fixture
def disk() -> Iterator[SystemDisk]:
    found = SystemDisk()
    yield found
    found.close()


def begun(state: Path, disk: SystemDisk, kek: bytes | None = None) -> tuple[int, Snapshot, HardState]:
    """Raft id, snapshot and hard state with which a manager starts there."""
    keyring = Keyring(KeyFile(state / "certificates"), kek=kek)
    keyring.load()
    config = RaftNodeConfig(state / "raft", "n1", "10.0.0.1:4242", may_found=False)
    storage = open_storage(disk, config, keyring.cipher(), 1)
    try:
        return storage.member.raft_id, storage.memory.snapshot(), storage.memory.initial_state()[0]
    finally:
        storage.close()


def test_the_node_alone(state: Path, disk: SystemDisk) -> None:
    """17.3.2 and 17.3.3: sole voter under an id that was never used, the others removed, far beyond the index of then; the store as it was."""
    write(state, head(), SNAPSHOT, random.Random(1))
    raft_id, snapshot, hard_state = begun(state, disk)
    members, store = decode_cluster_snapshot(snapshot.data)
    assert snapshot.conf_state.voters == (raft_id,) and raft_id not in {5, 6, 7}
    assert [(one.raft_id, one.node_id) for one in members.members] == [(raft_id, "n1")]
    assert list(members.removed) == [5, 6, 7]
    assert (snapshot.index, snapshot.term) == (90 + INDEX_GAP, 4)
    assert (hard_state.term, hard_state.commit, hard_state.vote) == (4, 90 + INDEX_GAP, 0)
    assert StoreSnapshot.FromString(store) == STORE
    key_file = KeyFile(state / "certificates")
    assert key_file.read().key == keys.pkcs8(KEY) and key_file.read_root() == ROOT.certificate
    assert {path.name for path in state.iterdir()} == {"certificates", "raft"}
    assert stat.S_IMODE((state / "certificates" / "swarm-node.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((state / "raft").stat().st_mode) == 0o700


def test_under_the_unlock_key(state: Path, disk: SystemDisk) -> None:
    """17.3.4: the key file of a locked cluster is never in the clear, and neither is raft's key."""
    write(state, head(unlock_key=KEK, unlock_key_version=33), SNAPSHOT, random.Random(1))
    key_file = KeyFile(state / "certificates")
    assert key_file.is_under(KEK) and not key_file.is_under(None) and key_file.kek_version() == 33
    assert begun(state, disk, KEK)[1].index == 90 + INDEX_GAP


@pytest.mark.parametrize(
    ("wrong", "snapshot", "sentence"),
    [
        (head(cluster_id="other"), SNAPSHOT, "another cluster"),
        (head(node_id="n2"), SNAPSHOT, "another cluster"),
        (head(), encode_cluster_snapshot(MEMBERS, b""), "another cluster"),
        (head(), encode_cluster_snapshot(MEMBERS, b"\xff"), "another cluster"),
        (head(), b"\xff", "another cluster"),
        (head(WORKER_ROLE), SNAPSHOT, "not made by a manager"),
        (head(key=keys.pkcs8(keys.generate())), SNAPSHOT, "does not belong"),
        (head(certificate=b"x"), SNAPSHOT, "certificate"),
    ],
    ids=["cluster", "node", "no-cluster", "no-store", "no-snapshot", "worker", "key", "certificate"],
)
def test_what_does_not_belong_together(
    state: Path, wrong: BackupHead, snapshot: bytes, sentence: str
) -> None:
    """17.3.1: refused, and nothing is there."""
    with pytest.raises(Exception, match=sentence) as found:
        write(state, wrong, snapshot, random.Random(1))
    assert not list(state.iterdir()) and "\n" not in str(found.value)


def test_the_parts_as_they_come() -> None:
    """17.3.1: whole, or nothing."""
    made = head()
    data = b"".join(map(backups.framed, backups.parts_of(made, SNAPSHOT)))
    assert read([data]) == (made, SNAPSHOT)
    with pytest.raises(ValueError, match="is cut off"):
        read([data[:-3]])


def test_one_sentence(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """17.3.1: what the program says where there is no backup at its input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(SystemExit) as found:
        restore.main(["--state-dir", str(state)])
    assert found.value.code == "the backup is cut off"
