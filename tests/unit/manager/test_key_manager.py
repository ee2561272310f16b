"""Network keys and their rotation (docs/design/manager.md 5.6)."""

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.manager.key_manager import ROTATION_S, SUBSYSTEMS, KeyManager
from swarm_testkit.factories import make_cluster
from swarm_testkit.leader import Leader


def ring(leader: Leader, subsystem: str) -> list[types_pb2.EncryptionKey]:
    (cluster,) = leader.store.find(objects_pb2.Cluster)
    return [key for key in cluster.network_bootstrap_keys if key.subsystem == subsystem]


async def test_first_rings() -> None:
    """Three fresh 16-byte keys for each subsystem, each with its own Lamport time, from a random 16-bit beginning."""
    leader = Leader(seed=3)
    await leader.put(make_cluster())
    async with leader.running(KeyManager):
        keys = [key for subsystem in SUBSYSTEMS for key in ring(leader, subsystem)]
        (cluster,) = leader.store.find(objects_pb2.Cluster)
        assert len(keys) == 6
        assert len({key.key for key in keys}) == 6 and {len(key.key) for key in keys} == {16}
        times = sorted(key.lamport_time for key in keys)
        assert times == list(range(times[0], times[0] + 6))
        assert cluster.encryption_key_lamport_clock == times[-1] and times[0] <= 1 << 16


async def test_rotation_drops_the_oldest() -> None:
    """Every twelve hours each ring loses its lowest Lamport time, wherever it stands, and gains the highest."""
    leader = Leader()
    await leader.put(make_cluster())
    async with leader.running(KeyManager):
        before = {subsystem: ring(leader, subsystem) for subsystem in SUBSYSTEMS}
        await leader.clock.advance(ROTATION_S - 1)
        assert {subsystem: ring(leader, subsystem) for subsystem in SUBSYSTEMS} == before
        await leader.clock.advance(1)
        for subsystem in SUBSYSTEMS:
            old, new = before[subsystem], ring(leader, subsystem)
            assert new[:2] == old[1:] and new[2].lamport_time > max(key.lamport_time for key in old)


async def test_the_next_leader_goes_on() -> None:
    """Keys that are there stay; the oldest is found in any order; a ring that is too short grows first."""
    cluster = make_cluster()
    gossip, ipsec = SUBSYSTEMS
    for subsystem, time in ((gossip, 9), (gossip, 7), (gossip, 8), (ipsec, 10)):
        cluster.network_bootstrap_keys.add(subsystem=subsystem, lamport_time=time, key=bytes(16))
    cluster.encryption_key_lamport_clock = 10
    leader = Leader()
    await leader.put(cluster)
    async with leader.running(KeyManager):
        assert [key.lamport_time for key in ring(leader, gossip)] == [9, 7, 8]
        await leader.clock.advance(ROTATION_S)
        assert [key.lamport_time for key in ring(leader, gossip)] == [9, 8, 11]
        assert [key.lamport_time for key in ring(leader, ipsec)] == [10, 12]
