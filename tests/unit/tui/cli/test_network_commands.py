"""`swarm-tui network …`, and networks of services, as docker's flags say them."""

import pytest
from swarm_core.api.proto.objects_pb2 import Network, Service
from swarm_core.api.proto.types_pb2 import IPAMConfig, NetworkAttachmentConfig
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import make_network


@pytest.fixture
def tui(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(FakeCluster(), capsys)


@pytest.fixture
def networks(tui: CommandLine) -> CommandLine:
    tui.fake.put(make_network("id-b", name="back"), make_network("id-a", name="front"))
    return tui


def created(tui: CommandLine) -> Network:
    (request,) = [request for name, request in tui.fake.calls if name == "Control.CreateNetwork"]
    return Network(spec=request.spec)


def test_a_network_of_every_flag(tui: CommandLine) -> None:
    """Each flag reaches the spec; ranges, gateways and reserved addresses go to the subnet in which they lie."""
    done = tui(
        "network", "create", "--attachable", "--internal", "--ipv6", "--label", "a=b", "-o", "encrypted",
        "--opt", "com.docker.network.driver.mtu=1400", "--ipam-opt", "k=v", "--subnet", "10.5.0.0/16", "--subnet", "fd00::/64",
        "--ip-range", "10.5.1.0/24", "--gateway", "fd00::9", "--gateway", "10.5.1.1", "--aux-address", "router=10.5.0.9", "net",
    )  # fmt: skip
    assert done.code == 0, done.err
    spec = created(tui).spec
    assert done.lines == [tui.fake.all(Network)[0].id]
    assert spec.annotations.name == "net" and dict(spec.annotations.labels) == {"a": "b"}
    assert spec.attachable and spec.internal and spec.ipv6_enabled and not spec.ingress
    assert spec.driver_config.name == "overlay" and spec.ipam.driver.name == "default"
    assert dict(spec.driver_config.options) == {"encrypted": "", "com.docker.network.driver.mtu": "1400"}
    assert dict(spec.ipam.driver.options) == {"k": "v"}
    first, second = spec.ipam.configs
    assert first == IPAMConfig(
        family=IPAMConfig.IPV4,
        subnet="10.5.0.0/16",
        range="10.5.1.0/24",
        gateway="10.5.1.1",
        reserved={"router": "10.5.0.9"},
    )
    assert second == IPAMConfig(family=IPAMConfig.IPV6, subnet="fd00::/64", gateway="fd00::9")


def test_plain_and_by_reference(tui: CommandLine) -> None:
    """Without flags it is an overlay network with nothing asked for; --config-from names a network of each node."""
    assert tui("network", "create", "plain").code == 0
    spec = created(tui).spec
    assert spec.driver_config.name == "overlay" and not spec.ipam.configs and not spec.HasField("network")
    tui.fake.calls.clear()
    assert tui("network", "create", "-d", "macvlan", "--config-from", "local", "mac").code == 0
    assert created(tui).spec.network == "local"


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--gateway", "10.5.0.1"], "--subnet: a range, a gateway or a reserved address needs its subnet"),
        (
            ["--subnet", "10.5.0.0/16", "--gateway", "10.6.0.1"],
            "gateway 10.6.0.1 lies in none of the subnets",
        ),
        (["--subnet", "10.5.0.0/16", "--ip-range", "10.6.0.0/24"], "range 10.6.0.0/24 lies in none"),
        (
            ["--subnet", "10.5.0.0/16", "--aux-address", "a=10.6.0.1"],
            "reserved address 10.6.0.1 lies in none",
        ),
        (["--subnet", "10.5.0.0/16", "--subnet", "10.5.1.0/24"], "subnet 10.5.1.0/24 overlaps another one"),
        (
            ["--subnet", "10.5.0.0/16", "--gateway", "10.5.0.1", "--gateway", "10.5.0.2"],
            "has two of the same: gateway",
        ),
        (["--subnet", "10.5.0.0"], "'10.5.0.0' is no subnet"),
        (["--subnet", "10.5.0.0/99"], "'10.5.0.0/99' is no subnet"),
        (["--subnet", "10.5.0.0/16", "--gateway", "x"], "'x' is no IP address"),
        (["--label", "=x"], "--label: "),
        (["--scope", "local"], "made with 'docker network create'"),
    ],
)
def test_networks_that_make_no_sense(tui: CommandLine, flags: list[str], text: str) -> None:
    """They are refused before the cluster hears of them."""
    done = tui("network", "create", *flags, "net")
    assert done.code == 2 and text in done.err, done.err
    assert not tui.fake.all(Network)


def test_networks_are_listed_shown_and_removed(networks: CommandLine) -> None:
    """With docker's columns; by name or the beginning of an id."""
    assert networks("network", "ls").lines[0].split() == ["NETWORK", "ID", "NAME", "DRIVER", "SCOPE"]
    assert networks("network", "ls", "-q", "--filter", "driver=overlay").lines == ["id-b", "id-a"]
    assert networks("network", "ls", "-q", "--filter", "name=fro").lines == ["id-a"]
    assert '"name": "back"' in networks("network", "inspect", "back").out
    assert "Addresses" in networks("network", "inspect", "--pretty", "back").out
    assert networks("network", "rm", "id-b").code == 0
    assert [network.id for network in networks.fake.all(Network)] == ["id-a"]


def attached(tui: CommandLine) -> list[NetworkAttachmentConfig]:
    (service,) = [one for one in tui.fake.all(Service) if one.spec.annotations.name == "web"]
    return list(service.spec.task.networks)


def test_services_join_and_leave_networks(networks: CommandLine) -> None:
    """4.3.8: names become ids, in their order; aliases, driver options and addresses come along; joining anew replaces how."""
    create = ("service", "create", "-d", "--name", "web", "--network")
    long = "name=front,alias=www,alias=web,driver-opt=k=v,ip=10.5.0.7"
    assert networks(*create, "back", "--network", long, "img").code == 0
    wanted = NetworkAttachmentConfig(
        target="id-a", aliases=["www", "web"], addresses=["10.5.0.7"], driver_attachment_opts={"k": "v"}
    )
    assert attached(networks) == [wanted, NetworkAttachmentConfig(target="id-b")]
    update = ("service", "update", "-d", "web")
    assert networks(*update, "--network-rm", "back", "--network-add", "name=front,alias=new").code == 0
    assert attached(networks) == [NetworkAttachmentConfig(target="id-a", aliases=["new"])]
    assert networks(*update, "--network-add", "id-b").code == 0
    assert [one.target for one in attached(networks)] == ["id-a", "id-b"]
    assert "no network named 'gone'" in networks(*update, "--network-add", "gone").err
    assert networks(*update, "--network-add", "name=front,colour=red").code == 2


def test_networks_of_older_clients_move_to_the_task(networks: CommandLine) -> None:
    """What an older client put beside the task is kept when another network joins."""
    assert networks("service", "create", "-d", "--name", "web", "img").code == 0
    (service,) = [one for one in networks.fake.all(Service) if one.spec.annotations.name == "web"]
    networks.fake.update(Service, service.id, lambda one: one.spec.networks.add(target="id-b"))
    assert networks("service", "update", "-d", "web", "--network-add", "front").code == 0
    assert [one.target for one in attached(networks)] == ["id-a", "id-b"]
    (service,) = [one for one in networks.fake.all(Service) if one.spec.annotations.name == "web"]
    assert not service.spec.networks
