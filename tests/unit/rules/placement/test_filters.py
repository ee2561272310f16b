"""Filters and explanations (docs/design/scheduling.md 3.5, 3.11)."""

import pytest
from swarm_core.api.proto.objects_pb2 import Node, Task
from swarm_core.api.proto.types_pb2 import Mount
from swarm_core.rules.placement.explain import Refusals, no_suitable_node
from swarm_core.rules.placement.filters import FILTERS, Pipeline
from swarm_core.rules.placement.node_info import NodeInfo
from swarm_testkit.factories import (
    GIB,
    make_host_port,
    make_network,
    make_node,
    make_resources,
    make_service,
    make_task,
    make_task_spec,
)


def refusing(task: Task, node: Node, *here: Task) -> str | None:
    """The filter that refuses `task` on `node` where the tasks `here` are, or None."""
    info = NodeInfo(node)
    for other in here:
        info.add(other)
    pipeline = Pipeline(task)
    failing = pipeline.first_failure(info)
    name = None if failing is None else FILTERS[failing].name
    assert pipeline.passes(info) == (name is None)
    verdicts = pipeline.verdicts(info)
    assert all(bool(one.shortfall) != one.passed for one in verdicts)
    assert next((one.filter for one in verdicts if not one.passed), None) == name
    return name


@pytest.mark.parametrize("state", ["UNKNOWN", "DOWN", "DISCONNECTED"])
def test_ready_by_status(state: str) -> None:
    """3.5.1: only a READY node takes tasks."""
    assert refusing(make_task(), make_node(state=state)) == "ready"
    assert refusing(make_task(), make_node(state="READY")) is None


@pytest.mark.parametrize("availability", ["PAUSE", "DRAIN"])
def test_ready_by_availability(availability: str) -> None:
    """3.5.1: only an ACTIVE node takes tasks."""
    assert refusing(make_task(), make_node(availability=availability)) == "ready"


def reserving(state: str = "PENDING", **resources: float) -> Task:
    spec = make_task_spec(
        reservations=make_resources(cpus=resources.get("cpus", 0), memory=int(resources.get("memory", 0)))
    )
    return make_task(spec=spec, state=state)


def test_resources() -> None:
    """3.5.2: CPU and memory must fit into what the tasks there have left."""
    node = make_node(resources=make_resources(cpus=4, memory=8 * GIB))
    assert refusing(reserving(cpus=4, memory=8 * GIB), node) is None
    assert refusing(reserving(cpus=4.1), node) == "resources"
    assert refusing(reserving(memory=8 * GIB + 1), node) == "resources"
    assert refusing(reserving(cpus=2), node, reserving("RUNNING", cpus=3)) == "resources"
    assert refusing(reserving(cpus=1), node, reserving("RUNNING", cpus=3)) is None


def wanting(kind: str, count: int, *held: str) -> Task:
    spec = make_task_spec(reservations=make_resources(generic={kind: count}))
    generic = make_resources(generic={kind: held} if held else {})
    return make_task(spec=spec, generic=generic)


def test_generic_resources() -> None:
    """3.11: a count must be free, names must be enough, a kind that the node lacks is not enough."""
    node = make_node(resources=make_resources(generic={"gpu": ["a", "b"], "ssd": 3}))
    assert refusing(wanting("gpu", 2), node) is None
    assert refusing(wanting("gpu", 3), node) == "resources"
    assert refusing(wanting("gpu", 2), node, wanting("gpu", 1, "b")) == "resources"
    assert refusing(wanting("ssd", 3), node) is None
    assert refusing(wanting("ssd", 4), node) == "resources"
    assert refusing(wanting("fpga", 1), node) == "resources"


def with_volume(driver: str) -> Task:
    mount = Mount(type=Mount.VOLUME, source="v", target="/v")
    mount.volume_options.driver_config.name = driver
    return make_task(spec=make_task_spec(mounts=[mount]))


@pytest.mark.parametrize(
    ("listed", "passes"), [("flocker", True), ("flocker:latest", True), ("flocker:1", False)]
)
def test_volume_plugin(listed: str, passes: bool) -> None:
    """3.5.3: a volume's driver must be listed, by its name or with the suffix ":latest"."""
    node = make_node(plugins=[("Volume", listed)])
    assert refusing(with_volume("flocker"), node) == (None if passes else "plugins")
    assert refusing(with_volume("local"), node) is None
    assert refusing(with_volume(""), node) is None


def test_plugins_of_a_node_without_engine() -> None:
    """3.5.3: a node without an engine description passes."""
    node = make_node()
    node.description.ClearField("engine")
    assert refusing(with_volume("flocker"), node) is None


def test_network_plugin() -> None:
    """3.5.3: the driver of each attached network must be there, under the type Network."""
    task = make_task()
    task.networks.add().network.CopyFrom(make_network(driver="weave"))
    assert refusing(task, make_node(plugins=[("Volume", "weave")])) == "plugins"
    assert refusing(task, make_node(plugins=[("Network", "weave")])) is None


def test_log_plugin() -> None:
    """3.5.3: a log driver is asked for only of nodes that report any, and never when it is "none"."""
    task = make_task(spec=make_task_spec(log_driver="gelf"))
    assert refusing(task, make_node(plugins=[("Log", "json-file")])) == "plugins"
    assert refusing(task, make_node(plugins=[("Log", "gelf")])) is None
    assert refusing(task, make_node()) is None
    none = make_task(spec=make_task_spec(log_driver="none"))
    assert refusing(none, make_node(plugins=[("Log", "json-file")])) is None


def test_constraints() -> None:
    """3.5.4: the constraints must match; a list that cannot be parsed constrains nothing."""
    task = make_task(spec=make_task_spec(constraints=["node.labels.zone==east"]))
    assert refusing(task, make_node(labels={"zone": "east"})) is None
    assert refusing(task, make_node(labels={"zone": "west"})) == "constraints"
    assert refusing(make_task(spec=make_task_spec(constraints=["nonsense"])), make_node()) is None


@pytest.mark.parametrize(
    ("wanted", "actual", "passes"),
    [
        (("amd64", "linux"), ("x86_64", "linux"), True),
        (("x86_64", "linux"), ("amd64", "linux"), True),
        (("aarch64", "linux"), ("arm64", "linux"), True),
        (("arm64", ""), ("aarch64", "windows"), True),
        (("", "linux"), ("riscv64", "linux"), True),
        (("", ""), ("riscv64", "plan9"), True),
        (("amd64", "linux"), ("arm64", "linux"), False),
        (("amd64", "linux"), ("amd64", "Linux"), False),
        (("amd64", "linux"), None, False),
    ],
)
def test_platform(wanted: tuple[str, str], actual: tuple[str, str] | None, passes: bool) -> None:
    """3.5.5: names of one architecture are equal, empty parts match all, an unknown platform matches none."""
    task = make_task(spec=make_task_spec(platforms=[("s390x", "linux"), wanted]))
    assert refusing(task, make_node(platform=actual)) == (None if passes else "platform")


def test_host_port() -> None:
    """3.5.6: a published host port must be free for its protocol."""
    taken = make_task(state="RUNNING", host_ports=[("TCP", 8080)])
    assert refusing(make_task(host_ports=[("TCP", 8080)]), make_node(), taken) == "host port"
    assert refusing(make_task(host_ports=[("UDP", 8080)]), make_node(), taken) is None
    assert (
        refusing(make_task(host_ports=[("TCP", 0)]), make_node(), make_task(host_ports=[("TCP", 0)])) is None
    )


def test_host_port_of_the_spec() -> None:
    """3.5.6: ports that no allocator has copied yet count as their spec says."""
    service = make_service(ports=[make_host_port(8080)])
    assert refusing(make_task(service=service), make_node(), make_task(service=service)) == "host port"


def test_max_replicas() -> None:
    """3.5.7: only active tasks of the same service count against the limit."""
    service = make_service(task=make_task_spec(max_replicas=1))
    task = make_task(service=service)
    assert refusing(task, make_node(), make_task(service=service, state="RUNNING")) == "max replicas"
    assert refusing(task, make_node(), make_task(service=service, desired="SHUTDOWN")) is None
    assert refusing(task, make_node(), make_task(service=make_service())) is None


def test_order_of_filters() -> None:
    """3.5: the first filter in the table that refuses is the one that counts."""
    spec = make_task_spec(
        constraints=["node.id==other"], platforms=[("s390x", "linux")], reservations=make_resources(cpus=100)
    )
    assert refusing(make_task(spec=spec), make_node(state="DOWN")) == "ready"
    assert refusing(make_task(spec=spec), make_node()) == "resources"
    assert refusing(make_task(spec=spec), make_node(resources=make_resources(cpus=200))) == "constraints"


def test_every_verdict() -> None:
    """3.5: for people all filters answer, in their order and with what is missing."""
    spec = make_task_spec(
        constraints=["node.labels.zone==east"], reservations=make_resources(cpus=6, memory=GIB)
    )
    verdicts = Pipeline(make_task(spec=spec)).verdicts(NodeInfo(make_node(labels={"zone": "west"})))
    assert [(verdict.filter, verdict.shortfall) for verdict in verdicts] == [
        ("ready", ""),
        ("resources", "6 CPUs asked, 4 free"),
        ("runtime", ""),
        ("constraints", "node.labels.zone == east (is 'west')"),
    ]


def test_a_kind_named_twice() -> None:
    """3.11.3: a kind that is reserved twice is reserved once with the sum, so that no item is promised twice."""
    twice = wanting("gpu", 1)
    twice.spec.resources.reservations.generic.add().discrete_resource_spec.CopyFrom(
        twice.spec.resources.reservations.generic[0].discrete_resource_spec
    )
    assert refusing(twice, make_node(resources=make_resources(generic={"gpu": ["a"]}))) == "resources"
    info = NodeInfo(make_node(resources=make_resources(generic={"gpu": ["a", "b"]})))
    items = info.generic.choose(Pipeline(twice).demand.generic)
    assert sorted(item.named_resource_spec.value for item in items) == ["a", "b"]


def test_explanation_sorts_and_counts() -> None:
    """3.5: the sentence names the filters by how many nodes they refuse, most first, singular for one."""
    task = make_task(spec=make_task_spec(constraints=["node.labels.zone==east"]))
    nodes = [make_node(), make_node(), make_node(state="DOWN")]
    refusals = Refusals(Pipeline(task), map(NodeInfo, nodes))
    assert (
        no_suitable_node(refusals)
        == "no suitable node (constraints not met by 2 nodes; 1 node does not accept new tasks)"
    )


def test_explanation_follows_single_nodes() -> None:
    """10.2: counts follow nodes one by one, and a node that passes is admitted."""
    refusals = Refusals(Pipeline(make_task()))
    assert no_suitable_node(refusals) == "no suitable node"
    info = NodeInfo(make_node("n", state="DOWN"))
    refusals.look_at(info)
    refusals.look_at(info)
    assert str(refusals) == "1 node does not accept new tasks"
    info.describe(make_node("n"))
    refusals.look_at(info)
    assert str(refusals) == ""
    assert refusals.admitted == {"n"}
    refusals.forget("n")
    refusals.forget("n")
    assert not refusals.admitted


@pytest.mark.parametrize(
    ("command", "listed", "passes"),
    [
        (None, [], True),
        (None, [("Runtime", "process")], False),
        (None, [("Runtime", "container"), ("Runtime", "process")], True),
        (["sleep"], [], False),
        (["sleep"], [("Volume", "local")], False),
        (["sleep"], [("Runtime", "container")], False),
        (["sleep"], [("Runtime", "process")], True),
    ],
)
def test_runtime(command: list[str] | None, listed: list[tuple[str, str]], passes: bool) -> None:
    """Nodes of ours say which runtimes they have; an engine that says nothing runs containers and no processes."""
    task = make_task(spec=make_task_spec(command=command))
    assert refusing(task, make_node(plugins=listed)) == (None if passes else "runtime")
