"""The manager process follows its node's files: certificate, roots and unlock key."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.ca import keys
from swarm_core.ca.errors import WrongKek
from swarm_core.ca.key_file import Kek, KeyFile, NodeCredentials
from swarm_core.ca.tls import TlsIdentity
from swarm_core.managerd.autolock import Autolock
from swarm_core.managerd.credentials import POLL_S, LiveCredentials
from swarm_core.raft_node.log.disk import SystemDisk
from swarm_core.raft_node.log.keyring import ROTATION_HEADER, Keyring
from swarm_core.runtime.clock import SystemClock
from swarm_core.runtime.tasks import Group
from swarm_core.store.memory import MemoryStore
from swarm_testkit.clock import until
from swarm_testkit.factories import make_cluster
from swarm_testkit.manual_clock import ManualClock
from swarm_testkit.trust import make_authority

AUTHORITY = make_authority()
K1, K2 = bytes([1]) * 32, bytes([2]) * 32


def key_file_of(directory: Path, identity: TlsIdentity, *, kek: bytes | None = None) -> KeyFile:
    key_file = KeyFile(directory)
    key_file.write_root(identity.roots)
    key_file.write(NodeCredentials(identity.certificate, identity.key), Kek(kek))
    return key_file


@asynccontextmanager
async def following(credentials: LiveCredentials) -> AsyncIterator[list[TlsIdentity]]:
    seen: list[TlsIdentity] = []
    credentials.listen(seen.append)
    async with Group() as group:
        group.spawn(credentials.run(), name="credentials")
        yield seen
        group.cancel_all()


async def test_new_files_are_taken_over(tmp_path: Path) -> None:
    """A renewed certificate and another root are told to all who listen, once each."""
    clock = ManualClock()
    key_file = key_file_of(tmp_path, AUTHORITY.manager("n1"))
    credentials = LiveCredentials(key_file, None, clock)
    async with following(credentials) as seen:
        await clock.advance(5 * POLL_S)
        assert seen == []
        renewed = AUTHORITY.manager("n1")
        key_file.replace(NodeCredentials(renewed.certificate, renewed.key), None)
        await clock.advance(2 * POLL_S)
        assert [one.certificate for one in seen] == [renewed.certificate]
        both = AUTHORITY.root.certificate + make_authority().root.certificate
        key_file.write_root(both)
        await clock.advance(2 * POLL_S)
        assert credentials.tls == seen[-1] and seen[-1].roots == both and len(seen) == 2


async def test_bad_files_change_nothing(tmp_path: Path) -> None:
    """A file that cannot be read now is read again; a worker's certificate is not a manager's to show."""
    clock = ManualClock()
    key_file = key_file_of(tmp_path, AUTHORITY.manager("n1"))
    credentials = LiveCredentials(key_file, None, clock)
    before = credentials.tls
    async with following(credentials) as seen:
        whole = key_file.key_path.read_bytes()
        key_file.key_path.write_bytes(b"half")
        await clock.advance(2 * POLL_S)
        key_file.key_path.write_bytes(whole)
        await clock.advance(2 * POLL_S)
        worker = AUTHORITY.worker("n1")
        key_file.replace(NodeCredentials(worker.certificate, worker.key), None)
        await clock.advance(2 * POLL_S)
        assert seen == [] and credentials.tls == before


def test_a_locked_file_needs_its_key(tmp_path: Path) -> None:
    """Without the key, or with another, nothing starts."""
    key_file = key_file_of(tmp_path, AUTHORITY.manager("n1"), kek=K1)
    for kek in (None, K2):
        with pytest.raises(WrongKek):
            LiveCredentials(key_file, kek, SystemClock())
    assert LiveCredentials(key_file, K1, SystemClock()).identity.node_id == "n1"


class Manager:
    """A key file, the raft keys in it, and the cluster object that decides what both are under."""

    def __init__(self, directory: Path) -> None:
        self.key_file = key_file_of(directory, AUTHORITY.manager("n1"))
        self.clock = SystemClock()
        self.store = MemoryStore(clock=self.clock)
        self.keyring = Keyring(self.key_file)
        self.keyring.load()
        self.data_key = self.keyring.keys.current
        self.credentials = LiveCredentials(self.key_file, None, self.clock)
        self.disk, self.told = SystemDisk(), list[tuple[bytes, bool]]()
        self.rng = random.Random(1)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Manager"]:
        await self.store.update(lambda tx: tx.create(make_cluster("c")))
        autolock = Autolock(
            self.store,
            self.key_file,
            self.keyring,
            self.credentials,
            self.disk,
            lambda *told: self.told.append(told),
        )
        async with Group() as group:
            group.spawn(autolock.run(), name="autolock")
            yield self
            group.cancel_all()
        self.disk.close()

    async def lock(self, key: bytes | None) -> None:
        """Let the cluster say this unlock key, and wait until the file is under it."""
        cluster = objects_pb2.Cluster()
        cluster.CopyFrom(self.store.find(objects_pb2.Cluster)[0])
        cluster.ClearField("unlock_keys")
        cluster.unlock_keys.add(subsystem="other", key=b"not ours")
        if key is not None:
            cluster.unlock_keys.add(subsystem="swarm-manager", key=key)
        await self.store.update(lambda tx: tx.update(cluster))
        await until(lambda: self.key_file.is_under(key) and self.credentials.kek == key)

    def reloaded(self, kek: bytes | None) -> bytes:
        keyring = Keyring(self.key_file, kek=kek)
        keyring.load()
        return keyring.keys.current


async def test_the_key_file_follows_the_cluster(tmp_path: Path) -> None:
    """Locked, under another key, unlocked: key and raft keys change together, and each new key is told beforehand."""
    async with Manager(tmp_path).running() as manager:
        private = keys.load(manager.key_file.read().key)
        await manager.lock(K1)
        assert manager.told == [(K1, True)] and manager.credentials.kek == K1
        # What lay in the clear until now is not trusted any more.
        assert manager.key_file.headers()[ROTATION_HEADER] == "true"
        assert manager.reloaded(K1) == manager.data_key
        manager.keyring.begin_rotation()
        manager.keyring.finish_rotation()
        second = manager.keyring.keys.current
        await manager.lock(K2)
        assert manager.told == [(K1, True), (K2, False)] and manager.reloaded(K2) == second
        assert ROTATION_HEADER not in manager.key_file.headers()
        await manager.lock(None)
        assert manager.told == [(K1, True), (K2, False)] and manager.reloaded(None) == second
        assert keys.public_der(keys.load(manager.key_file.read().key)) == keys.public_der(private)
        assert manager.key_file.kek_version() > 0


async def test_changes_that_do_not_concern_the_key(tmp_path: Path) -> None:
    """Another change of the cluster leaves the file as it is; an old version is no news."""
    async with Manager(tmp_path).running() as manager:
        await manager.lock(K1)
        version = manager.key_file.kek_version()
        stamp = manager.key_file.key_path.stat().st_ino
        cluster = objects_pb2.Cluster()
        cluster.CopyFrom(manager.store.find(objects_pb2.Cluster)[0])
        cluster.spec.orchestration.task_history_retention_limit = 9
        await manager.store.update(lambda tx: tx.update(cluster))
        await manager.disk.run_aside(lambda: None)
        await manager.disk.run_aside(lambda: None)
        assert manager.key_file.key_path.stat().st_ino == stamp
        assert manager.key_file.kek_version() == version
