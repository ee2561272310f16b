"""A manager gives the whole cluster to the person at its control socket (docs/design/backup.md 17.1)."""

import asyncio
from dataclasses import replace

import pytest
from swarm_core.api.autolock import set_unlock_key
from swarm_core.api.backups import Follower
from swarm_core.api.names import MANAGER_ROLE
from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.backup_pb2 import BackupPart, TakeBackupRequest
from swarm_core.ca import csr, keys
from swarm_core.ca.root_ca import RootCa
from swarm_core.ca.tls import TlsIdentity
from swarm_core.manager.backup import BackupApi
from swarm_core.raft_node.log.cluster_snapshot import EncodedState
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import FailedPrecondition, PermissionDenied, ResourceExhausted, Unavailable
from swarm_core.store.memory import MemoryStore
from swarm_testkit.manual_clock import START_WALL_NS, ManualClock

ROOT = RootCa.create(START_WALL_NS)
KEY = keys.generate()
CHAIN = ROOT.sign(csr.create(KEY), node_id="n1", role=MANAGER_ROLE, organization="org", wall_ns=START_WALL_NS)
OWN = TlsIdentity(ROOT.certificate, CHAIN, keys.pkcs8(KEY))
CALLER = Caller("n1", frozenset({MANAGER_ROLE}), "org", "", is_local=True)


class Replica:
    """What was applied, as a test says."""

    def __init__(self, index: int) -> None:
        self.applied_index = index
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def encoded_state(self) -> EncodedState:
        await self.may_end.wait()
        return EncodedState(self.applied_index, 4, b"the state")


async def store_of(*objects: object) -> MemoryStore:
    store = MemoryStore(clock=ManualClock())
    for item in objects:
        await store.update(lambda tx, item=item: tx.create(item))  # type: ignore[misc]
    return store


def cluster() -> objects_pb2.Cluster:
    found = objects_pb2.Cluster(id="org")
    found.spec.annotations.name = "default"
    set_unlock_key(found, b"k" * 32)
    return found


async def taken(api: BackupApi, *, index: int = 0, caller: Caller = CALLER) -> list[BackupPart]:
    return [part async for part in api.take_backup(TakeBackupRequest(at_least_index=index), caller)]


async def test_the_whole_cluster_with_its_keys() -> None:
    """17.1.1: what was applied, of which index, and the keys that a restore needs."""
    node = objects_pb2.Node(id="n1")
    node.description.hostname = "host"
    clock = ManualClock()
    api = BackupApi(await store_of(cluster(), node), Replica(7), clock, lambda: OWN, "10.0.0.1:4242")
    parts = await taken(api, index=7)
    follower = Follower()
    for part in parts:
        follower.take(part)
    head = follower.end()
    assert b"".join(part.piece for part in parts) == b"the state"
    assert (head.cluster_id, head.node_id, head.hostname, head.address) == (
        "org",
        "n1",
        "host",
        "10.0.0.1:4242",
    )
    assert (head.raft_index, head.raft_term, head.taken_at_ns) == (7, 4, clock.wall_ns())
    assert (head.roots, head.certificate, head.key) == (OWN.roots, OWN.certificate, OWN.key)
    assert head.unlock_key == b"k" * 32


async def test_at_the_control_socket_alone() -> None:
    """17.1.3: another manager's certificate is not enough."""
    api = BackupApi(await store_of(cluster()), Replica(7), ManualClock(), lambda: OWN, "")
    with pytest.raises(PermissionDenied, match="control socket"):
        await taken(api, caller=replace(CALLER, is_local=False))


async def test_a_manager_that_is_behind() -> None:
    """17.1.2: it waits until it has the index that was asked for, and gives up with a sentence."""
    clock, replica = ManualClock(), Replica(5)
    api = BackupApi(await store_of(cluster()), replica, clock, lambda: OWN, "")
    waiting = asyncio.ensure_future(taken(api, index=9))
    await clock.advance(1)
    assert not waiting.done()
    replica.applied_index = 9
    await clock.advance(1)
    assert (await waiting)[0].head.raft_index == 9
    late = asyncio.ensure_future(taken(api, index=10))
    await clock.advance(11)
    with pytest.raises(Unavailable, match="behind the leader"):
        await late


async def test_one_at_a_time() -> None:
    """17.1.4: a second one is refused while the first is taken, and not afterwards, however the first ended."""
    replica = Replica(7)
    replica.may_end.clear()
    api = BackupApi(await store_of(cluster()), replica, ManualClock(), lambda: OWN, "")
    first = asyncio.ensure_future(taken(api))
    await asyncio.sleep(0)
    with pytest.raises(ResourceExhausted):
        await taken(api)
    first.cancel()
    await asyncio.wait({first})
    replica.may_end.set()
    assert await taken(api)


async def test_before_the_cluster_is_known() -> None:
    """17.1.1: a joiner that has not heard from the leader has nothing to give."""
    api = BackupApi(await store_of(), Replica(0), ManualClock(), lambda: OWN, "")
    with pytest.raises(FailedPrecondition, match="does not know its cluster"):
        await taken(api)
