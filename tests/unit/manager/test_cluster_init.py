"""What a new leader makes sure of (docs/design/manager.md 5.3, docs/design/allocator.md 4.9)."""

import random

from swarm_core.api.proto.objects_pb2 import Cluster, Network
from swarm_core.ca.root_ca import RootCa
from swarm_core.manager.allocator.allocator import Allocator
from swarm_core.manager.cluster_init import Founding, take_over
from swarm_core.specs.network_defaults import NONE_CHOSEN, NetworkDefaults
from swarm_testkit.factories import make_network
from swarm_testkit.leader import Leader
from swarm_testkit.trust import now_ns


def founding(networks: NetworkDefaults = NONE_CHOSEN, seed: int = 1) -> Founding:
    root = RootCa.create(now_ns())
    assert root.key is not None
    return Founding("c", "n", root, root.key, networks=networks, rng=random.Random(seed))


def names(leader: Leader) -> dict[str, Network]:
    return {network.spec.annotations.name: network for network in leader.store.find(Network)}


async def take_over_in(leader: Leader, how: Founding) -> None:
    await take_over(leader.store, how, lambda: None)


async def test_a_new_cluster_has_networks() -> None:
    """4.9.1, 4.9.2: ingress with the first subnet of the chosen pool, and references to what every engine has. The next leader makes
    nothing more, not even an ingress network that a person has removed."""
    leader = Leader()
    await take_over_in(leader, founding(NetworkDefaults(("10.20.0.0/16",), 26, 5789)))
    async with leader.running(Allocator):
        found = names(leader)
        assert sorted(found) == ["bridge", "host", "ingress"]
        assert [one.subnet for one in found["ingress"].ipam.configs] == ["10.20.0.0/26"]
        assert found["host"].driver_state.name == "host" and found["host"].spec.annotations.labels
        (cluster,) = leader.store.find(Cluster)
        assert cluster.VXLANUDPPort == 5789
        await leader.delete(Network, found["ingress"].id)
        before = leader.store.version
        await take_over_in(leader, founding())
        assert leader.store.version == before and sorted(names(leader)) == ["bridge", "host"]


async def test_a_person_s_network_keeps_its_name() -> None:
    """4.9.1: whoever takes over makes the references that are missing, and no other."""
    leader = Leader()
    await take_over_in(leader, founding())
    await leader.delete(Network, names(leader)["host"].id, names(leader)["bridge"].id)
    await leader.put(make_network("mine", name="Bridge"))
    await take_over_in(leader, founding(seed=2))
    assert sorted(names(leader)) == ["Bridge", "host", "ingress"]
