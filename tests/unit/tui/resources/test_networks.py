"""What is shown of networks."""

from typing import Any

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_testkit.cluster_fake import START_NS
from swarm_testkit.factories import make_network, make_node, make_service, make_task, make_task_spec
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.resources import addresses, networks


def texts(network: objects_pb2.Network, *others: Any) -> list[str]:
    return [cell.text for cell in networks.row(network, Snapshot([network, *others]), START_NS)][:7]


def test_rows_of_networks() -> None:
    """Driver, subnets and kind in words; a network of each node has no subnet, one that waits has none yet."""
    net = make_network("net", name="net")
    net.ipam.configs.add(subnet="10.5.0.0/16")
    net.ipam.configs.add(subnet="fd00::/64")
    net.spec.attachable = net.spec.internal = True
    host = make_network("host", name="host", driver="host")
    host.spec.annotations.labels["com.docker.swarm.predefined"] = "true"
    waiting = objects_pb2.Network(id="w")
    waiting.spec.annotations.name, waiting.spec.ingress = "w", True
    subnets = "10.5.0.0/16, fd00::/64"
    assert texts(net) == ["net", "overlay", subnets, "", "65534", "unused", "attachable, internal"]
    assert texts(host) == ["host", "host", "", "–", "–", "unused", "predefined"]
    assert texts(waiting) == ["w", "overlay", "none yet", "–", "–", "unused", "ingress"]
    assert networks.scope(host) == "local" and networks.scope(net) == "swarm"


def test_addresses_that_are_taken() -> None:
    """Gateway, nodes, virtual addresses and tasks that run or are meant to count; at three quarters it is a warning that says
    so, and what is left is told in numbers."""
    net = make_network("net", name="net")
    net.ipam.configs.add(subnet="10.5.0.0/28", gateway="10.5.0.1", reserved={"router": "10.5.0.9"})
    node = make_node("n1")
    node.attachments.add().network.id = "net"
    web = make_service("web", name="web", replicas=4, task=make_task_spec(networks=["net"]))
    web.endpoint.virtual_ips.add(network_id="net", addr="10.5.0.2/28")
    other = make_service("other", name="other", replicas=9)
    running = [make_task(f"t{n}", service_id="web", slot=n, state="RUNNING") for n in (1, 2)]
    view = Snapshot([net, node, web, other, *running])
    assert addresses.total(net) == 14
    assert addresses.taken(net, view) == 2 + 1 + 1 + 4
    assert networks.problems(net, view, START_NS) == ()
    web.spec.replicated.replicas = 7
    (problem,) = networks.problems(net, view, START_NS)
    assert problem.summary == "3 of 14 addresses free"
    assert networks.KIND.fields["free"](net, view, START_NS) == 3
    web.spec.replicated.replicas = 900
    assert addresses.free(net, view) == 0
    assert networks.KIND.sort_keys["free"](net, view, START_NS)[0] == 0


def test_users_and_what_a_removal_does() -> None:
    """Services on the network are named; those of the ingress network are the ones that publish through it."""
    net, ingress = make_network("net", name="net"), make_network("in", name="in")
    ingress.spec.ingress = True
    host = make_network("host", name="host", driver="host")
    host.spec.annotations.labels["com.docker.swarm.predefined"] = "true"
    b, a = (make_service(name=name, task=make_task_spec(networks=["net"])) for name in ("b", "a"))
    port = make_service(name="p", ports=[types_pb2.PortConfig(target_port=80)])
    view = Snapshot([net, ingress, b, a, port])
    assert networks.users(net, view) == ["a", "b"] and networks.users(ingress, view) == ["p"]
    assert networks.consequences([net, ingress, host], view) == [
        "net is used by a, b: the manager keeps it until they are gone.",
        "in is used by p: the manager keeps it until they are gone.",
        "host is on every node by itself: the manager keeps it.",
    ]
    assert networks.consequences([net], Snapshot([net])) == []
    assert list(networks.changes(None, net, view)) == ["created"]
    assert list(networks.changes(net, net, view)) == [] and list(networks.changes(net, None, view)) == [
        "removed"
    ]
