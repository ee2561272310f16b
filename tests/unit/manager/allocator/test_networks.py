"""What networks get (docs/design/allocator.md 4.7)."""

from collections.abc import Iterable

import pytest
from swarm_core.api.proto.objects_pb2 import Network
from swarm_core.api.proto.types_pb2 import IPAMConfig
from swarm_core.manager.allocator.allocator import Allocator
from swarm_core.manager.allocator.overlay_ids import OPTION
from swarm_core.manager.orchestrator.replicated import ReplicatedOrchestrator
from swarm_testkit.factories import make_cluster, make_service, make_task_spec
from swarm_testkit.leader import Leader


def asked(
    id_: str,
    *configs: IPAMConfig,
    driver: str = "",
    ingress: bool = False,
    options: Iterable[tuple[str, str]] = (),
) -> Network:
    """A network as it is created."""
    network = Network(id=id_)
    network.spec.annotations.name = id_
    network.spec.ingress = ingress
    if driver or options:
        network.spec.driver_config.name = driver
        network.spec.driver_config.options.update(options)
    network.spec.ipam.configs.extend(configs)
    return network


def config(subnet: str, **more: str) -> IPAMConfig:
    return IPAMConfig(subnet=subnet, **more)  # type: ignore[arg-type]


def found(leader: Leader, id_: str) -> Network:
    network = leader.store.get(Network, id_)
    assert network is not None
    return network


def subnets(leader: Leader, id_: str) -> list[tuple[str, str]]:
    return [(one.subnet, one.gateway) for one in found(leader, id_).ipam.configs]


def ids(leader: Leader, id_: str) -> str:
    return found(leader, id_).driver_state.options[OPTION]


async def reason(leader: Leader, network_id: str) -> str:
    """What a task says that waits for the network."""
    await leader.put(make_service(f"on-{network_id}", task=make_task_spec(networks=[network_id])))
    (task,) = leader.tasks(f"on-{network_id}")
    return task.status.err


async def test_subnets_and_identifiers_are_given_in_order() -> None:
    """4.7.1, 4.7.3, 4.7.4, 4.7.6, 4.7.7: from the default pools, the ingress network first, with gateways, and as Docker
    writes them."""
    leader = Leader()
    await leader.put(asked("a"), asked("b"), asked("in", ingress=True))
    async with leader.running(Allocator):
        assert subnets(leader, "in") == [("10.0.0.0/24", "10.0.0.1")] and ids(leader, "in") == "4096"
        assert subnets(leader, "a") == [("10.0.1.0/24", "10.0.1.1")] and ids(leader, "a") == "4097"
        assert subnets(leader, "b") == [("10.0.2.0/24", "10.0.2.1")] and ids(leader, "b") == "4098"
        network = found(leader, "a")
        assert network.driver_state.name == "overlay" and network.ipam.driver.name == "default"
        assert network.ipam.configs[0].family == IPAMConfig.IPV4 and not network.spec.ipam.configs


async def test_a_network_has_what_its_spec_asks_for() -> None:
    """4.7.1, 4.7.4, 4.7.6: several subnets, range, gateway, IPv6, options of the driver, an identifier for each IPv4 subnet."""
    leader = Leader()
    await leader.put(
        asked("ranged", config("10.50.0.0/16", range="10.50.1.0/24")),
        asked(
            "two",
            config("10.60.0.0/24", gateway="10.60.0.77"),
            config("10.61.0.0/24"),
            options=[("encrypted", "")],
        ),
        asked("six", config("fd00:1::/64"), config("10.70.0.0/24")),
        asked("own-ids", options=[(OPTION, "5000")]),
        asked("zz"),
    )
    async with leader.running(Allocator):
        assert subnets(leader, "ranged") == [("10.50.0.0/16", "10.50.1.0")]
        assert subnets(leader, "two") == [("10.60.0.0/24", "10.60.0.77"), ("10.61.0.0/24", "10.61.0.1")]
        assert dict(found(leader, "two").driver_state.options) == {
            "encrypted": "",
            OPTION: ids(leader, "two"),
        }
        assert len(ids(leader, "two").split(",")) == 2
        assert subnets(leader, "six") == [("fd00:1::/64", "fd00:1::1"), ("10.70.0.0/24", "10.70.0.1")]
        assert "," not in ids(leader, "six") and ids(leader, "own-ids") == "5000"
        # What was asked for by number does not move the order on.
        assert subnets(leader, "zz") == [("10.0.1.0/24", "10.0.1.1")] and int(ids(leader, "zz")) < 4110


async def test_networks_of_one_machine_get_their_driver_s_name() -> None:
    """4.7.2: and nothing else."""
    leader = Leader()
    await leader.put(asked("host", driver="host"), asked("mac", config("10.5.0.0/24"), driver="macvlan"))
    async with leader.running(Allocator):
        for id_, driver in (("host", "host"), ("mac", "macvlan")):
            network = found(leader, id_)
            assert network.driver_state.name == driver and not network.driver_state.options
            assert network.HasField("ipam") and network.ipam.HasField("driver") and not network.ipam.configs


async def test_pools_of_the_cluster() -> None:
    """4.7.3, 4.9.2: cut into subnets of the cluster's size; a network may ask for another size; the last ones are the first ones again."""
    cluster = make_cluster()
    cluster.defaultAddressPool.extend(["10.20.0.0/26", "10.30.0.0/27"])
    cluster.subnetSize = 27
    leader = Leader()
    await leader.put(cluster, asked("a"), asked("b", config("0.0.0.0/28")))
    async with leader.running(ReplicatedOrchestrator, Allocator):
        assert subnets(leader, "a") == [("10.20.0.0/27", "10.20.0.1")]
        assert subnets(leader, "b") == [("10.20.0.32/28", "10.20.0.33")]
        await leader.put(asked("c"))
        assert subnets(leader, "c") == [("10.30.0.0/27", "10.30.0.1")]
        await leader.put(asked("d"))
        text = "network d has no subnet: the cluster's address pools (10.20.0.0/26, 10.30.0.0/27) have no free subnet /27 left"
        assert await reason(leader, "d") == text
        await leader.delete(Network, "a")
        assert subnets(leader, "d") == [("10.20.0.0/27", "10.20.0.1")]
        assert leader.tasks("on-d")[0].status.err == ""


async def test_the_subnet_of_a_removed_network_is_the_last_to_be_given_again() -> None:
    """4.7.3, 4.7.8: a node may still be clearing it away."""
    leader = Leader()
    await leader.put(asked("a"), asked("b"))
    async with leader.running(Allocator):
        await leader.delete(Network, "a", "b")
        await leader.put(asked("c"))
        assert subnets(leader, "c")[0][0] == "10.0.2.0/24" and ids(leader, "c") == "4098"


async def test_networks_that_cannot_have_what_they_ask_for() -> None:
    """4.7.5, 4.7.6, 4.7.7, 4.4.2: each says why, naming who has it; when the other goes it gets it."""
    leader = Leader()
    await leader.put(asked("a", config("10.9.0.0/16")), asked("first", ingress=True))
    await leader.put(asked("ids", options=[(OPTION, "7000")]))
    async with leader.running(ReplicatedOrchestrator, Allocator):
        plugin = asked("plugin")
        plugin.spec.ipam.driver.name = "weave"
        await leader.put(
            asked("over", config("10.9.8.0/24")),
            asked("second", ingress=True),
            asked("same-ids", options=[(OPTION, "7000")]),
            asked("bad-ids", options=[(OPTION, "many")]),
            plugin,
        )
        assert (
            await reason(leader, "over")
            == "network over has no subnet: subnet 10.9.8.0/24 overlaps 10.9.0.0/16 of network a"
        )
        assert (
            await reason(leader, "second")
            == "network second has no subnet: there is an ingress network already: first"
        )
        assert "overlay identifier 7000 belongs to network ids" in await reason(leader, "same-ids")
        assert "is no list of numbers" in await reason(leader, "bad-ids")
        assert "plugin 'weave'" in await reason(leader, "plugin")
        await leader.delete(Network, "a", "first", "ids")
        assert subnets(leader, "over") == [("10.9.8.0/24", "10.9.8.1")]
        assert found(leader, "second").HasField("ipam") and ids(leader, "same-ids") == "7000"


async def test_the_next_leader_gives_nothing_away_twice() -> None:
    """4.1.1: networks keep what they have, and new ones get what is free."""
    leader = Leader()
    await leader.put(asked("a"), asked("b", config("10.0.2.0/24")))
    async with leader.running(Allocator):
        before = {id_: found(leader, id_) for id_ in "ab"}
    async with leader.running(Allocator):
        await leader.put(asked("c"), asked("d"))
        assert {id_: found(leader, id_) for id_ in "ab"} == before
        given = [subnets(leader, id_)[0][0] for id_ in "abcd"]
        assert given == ["10.0.0.0/24", "10.0.2.0/24", "10.0.1.0/24", "10.0.3.0/24"]
        assert len({ids(leader, id_) for id_ in "abcd"}) == 4


@pytest.mark.parametrize("driver", ["overlay", ""])
async def test_what_another_leader_began_is_finished(driver: str) -> None:
    """4.1.1: subnets in the store win over the spec, and identifiers that are there are kept."""
    begun = asked("a", config("10.5.0.0/24"), driver=driver)
    begun.ipam.driver.name = "default"
    begun.ipam.configs.append(config("10.6.0.0/24", gateway="10.6.0.9"))
    leader = Leader()
    await leader.put(begun)
    async with leader.running(Allocator):
        assert subnets(leader, "a") == [("10.6.0.0/24", "10.6.0.9")] and ids(leader, "a") == "4096"
