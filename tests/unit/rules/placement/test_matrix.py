"""Every filter on every node, in words (docs/design/scheduling.md 3.12)."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.proto.objects_pb2 import Node, Task
from swarm_core.rules.placement.filters import FILTERS, Pipeline
from swarm_core.rules.placement.matrix import Matrix
from swarm_core.rules.placement.node_info import survey
from swarm_core.rules.placement.spread import tree
from swarm_testkit.factories import (
    GIB,
    make_cluster_mount,
    make_node,
    make_resources,
    make_service,
    make_task,
    make_task_spec,
)


def asked(task: Task, *nodes: Node, here: Iterable[Task] = ()) -> Matrix:
    return Matrix.of(Pipeline(task), survey(nodes, here).values(), lambda task_id: f"<{task_id}>")


def test_every_filter_on_every_node() -> None:
    """3.12.1: a node says everything that it lacks, not only the first thing, each with the numbers."""
    spec = make_task_spec(
        constraints=["node.labels.disk==ssd"],
        platforms=[("arm64", "linux")],
        reservations=make_resources(cpus=8, memory=16 * GIB, generic={"gpu": 2}),
        log_driver="gelf",
        max_replicas=1,
        mounts=[make_cluster_mount("v")],
    )
    service = make_service(task=spec)
    task = make_task(service=service, host_ports=[("TCP", 80)])
    node = make_node(hostname="a", availability="DRAIN", plugins=[("Runtime", "process"), ("Log", "x")])
    here = [
        make_task("t1", node_id=node.id, state="RUNNING", host_ports=[("TCP", 80)]),
        make_task("t2", node_id=node.id, state="RUNNING", service=service),
    ]
    (answer,) = asked(task, node, here=here).answers
    assert answer.refusing == tuple(rule.name for rule in FILTERS)
    assert [one.shortfall for one in answer.verdicts] == [
        "drained",
        "16 GiB of memory asked, 0 B free, 8 CPUs asked, 0 free, 2 gpu asked, 0 free",
        "no Docker Engine",
        "no log plugin 'gelf'",
        "node.labels.disk == ssd (has none)",
        "needs linux/arm64, is linux/x86_64",
        "80/tcp taken by <t1>",
        "has 1 of at most 1",
        "there is no volume v",
    ]


def test_numbers_in_one_sentence() -> None:
    """3.12.4: an impossible request says why in one sentence: what is asked, the most that is free and where, and who takes nothing."""
    task = make_task(spec=make_task_spec(reservations=make_resources(memory=64 * GIB)))
    full = make_task(
        node_id="b", state="RUNNING", spec=make_task_spec(reservations=make_resources(memory=7 * GIB))
    )
    matrix = asked(
        task,
        make_node("a", hostname="a"),
        make_node("b", hostname="b"),
        make_node("c", hostname="c", availability="DRAIN"),
        here=[full],
    )
    assert matrix.sentence == (
        "No node can take it: 64 GiB of memory asked, at most 8 GiB free (a);"
        " 1 of 3 nodes takes no tasks (c is drained)."
    )
    assert matrix.remedies == (
        "Ask for at most 8 GiB of memory, a has no more (1 more lacks the same or more of it).",
    )


@pytest.mark.parametrize(
    ("task", "node", "sentence", "remedy"),
    [
        (
            make_task(spec=make_task_spec(constraints=["node.labels.zone==east"])),
            make_node(hostname="a", labels={"zone": "west"}),
            "the only node does not meet node.labels.zone == east (there: west)",
            "Label a zone=east.",
        ),
        (
            make_task(spec=make_task_spec(constraints=["node.role==manager"])),
            make_node(hostname="a"),
            "the only node does not meet node.role == manager (there: worker)",
            "Promote a, or drop the constraint node.role == manager.",
        ),
        (
            make_task(host_ports=[("TCP", 80)]),
            make_node("n", hostname="a"),
            "the port is taken on the only node (80/tcp by <holder> on a)",
            "Publish another port than 80/tcp, or remove what has it on a (<holder>).",
        ),
        (
            make_task(),
            make_node(hostname="a", state="DOWN"),
            "the only node takes no tasks (a is down)",
            "Bring a back, it is down.",
        ),
        (
            make_task(),
            make_node(hostname="a", availability="PAUSE"),
            "the only node takes no tasks (a is paused)",
            "Activate a, it is paused.",
        ),
        (
            make_task(spec=make_task_spec(platforms=[("arm64", "linux")])),
            make_node(hostname="a"),
            "the only node is of another platform (a needs linux/arm64, is linux/x86_64)",
            "Use an image for linux/x86_64, which a is.",
        ),
        (
            make_task(spec=make_task_spec(log_driver="gelf")),
            make_node(hostname="a", plugins=[("Log", "x")]),
            "the only node without the plugin (a no log plugin 'gelf')",
            "Install the log plugin gelf on a.",
        ),
        (
            make_task(spec=make_task_spec(command=["sleep"])),
            make_node(hostname="a"),
            "the only node does not run this kind of task (a does not run tasks of kind 'process')",
            "Let a run tasks of kind 'process'.",
        ),
        (
            make_task(spec=make_task_spec(max_replicas=1), service_id="s"),
            make_node("n", hostname="a"),
            "the only node has as many tasks of the service as allowed (1 per node)",
            "Allow more than 1 replicas per node, or add a node.",
        ),
        (
            make_task(spec=make_task_spec(reservations=make_resources(generic={"gpu": 1}))),
            make_node(hostname="a"),
            "1 gpu asked, 0 free (a)",
            "Add a node with 1 gpu, or ask for less than a has.",
        ),
    ],
)
def test_one_filter(task: Task, node: Node, sentence: str, remedy: str) -> None:
    """3.12.4, 3.12.5: each filter has its clause with the numbers and the names, and the smallest change that helps."""
    here = [make_task("holder", node_id="n", state="RUNNING", service_id="s", host_ports=[("TCP", 80)])]
    matrix = asked(task, node, here=here)
    assert matrix.sentence == f"No node can take it: {sentence}."
    assert matrix.remedies == (remedy,)


def test_nearest_nodes_first() -> None:
    """3.12.3, 3.12.5: nodes that fit come first, then those that lack least; remedies are those of the nearest nodes alone."""
    spec = make_task_spec(constraints=["node.labels.zone==east"], reservations=make_resources(cpus=3))
    far = make_node(hostname="far", state="DOWN")
    close = make_node(hostname="close", availability="PAUSE", labels={"zone": "east"})
    also = make_node(hostname="also", availability="PAUSE", labels={"zone": "east"})
    unlike = make_node(hostname="unlike")
    matrix = asked(make_task(spec=spec), far, unlike, close, also)
    assert [answer.name for answer in matrix.answers] == ["also", "close", "unlike", "far"]
    assert matrix.remedies == (
        "Activate also, it is paused (1 more lacks the same or more of it).",
        "Label unlike zone=east.",
    )
    fit = make_node(hostname="fit", labels={"zone": "east"})
    matrix = asked(make_task(spec=spec), far, close, fit)
    assert [answer.name for answer in matrix.answers] == ["fit", "close", "far"]
    assert matrix.sentence == "1 of 3 nodes has room for it: fit."
    assert matrix.remedies == ()


def test_what_all_lack_alike_is_told_once() -> None:
    """3.12.4: nodes without the same thing are not named one by one; where they lack different things each is."""
    task = make_task(spec=make_task_spec(log_driver="gelf"))
    three = [make_node(hostname=name, plugins=[("Log", "x")]) for name in "abc"]
    assert asked(task, *three).sentence == (
        "No node can take it: all 3 nodes without the plugin (no log plugin 'gelf')."
    )
    other = make_task(spec=make_task_spec(platforms=[("arm64", "linux")]))
    nodes = [make_node(hostname="a"), make_node(hostname="b", platform=("ppc64le", "linux"))]
    assert asked(other, *nodes).sentence == (
        "No node can take it: all 2 nodes are of another platform"
        " (a needs linux/arm64, is linux/x86_64, b needs linux/arm64, is linux/ppc64le)."
    )


def test_no_nodes() -> None:
    """3.12: a cluster without nodes is named so."""
    assert asked(make_task()).sentence == "The cluster has no nodes."


_NODES = st.builds(
    make_node,
    state=st.sampled_from(["READY", "READY", "READY", "DOWN", "UNKNOWN"]),
    availability=st.sampled_from(["ACTIVE", "ACTIVE", "ACTIVE", "PAUSE", "DRAIN"]),
    labels=st.dictionaries(st.just("zone"), st.sampled_from(["east", "west"])),
    plugins=st.lists(
        st.sampled_from(
            [
                ("Log", "gelf"),
                ("Log", "json"),
                ("Volume", "nfs"),
                ("Runtime", "process"),
                ("Runtime", "container"),
            ]
        ),
        max_size=3,
    ),
    platform=st.sampled_from([("x86_64", "linux"), ("arm64", "linux"), None]),
    resources=st.builds(
        make_resources,
        cpus=st.integers(0, 4),
        memory=st.integers(0, 4).map(lambda count: count * GIB),
        generic=st.sampled_from([{}, {"gpu": 2}, {"gpu": ["a", "b"]}]),
    ),
)
_SPECS = st.builds(
    make_task_spec,
    command=st.sampled_from([None, None, ["sleep"]]),
    constraints=st.lists(
        st.sampled_from(
            ["node.labels.zone==east", "node.labels.zone!=west", "node.role==worker", "no constraint"]
        ),
        max_size=2,
    ),
    platforms=st.lists(st.sampled_from([("amd64", "linux"), ("arm64", "")]), max_size=2),
    max_replicas=st.integers(0, 2),
    reservations=st.builds(
        make_resources,
        cpus=st.integers(0, 3),
        memory=st.integers(0, 3).map(lambda count: count * GIB),
        generic=st.sampled_from([{}, {"gpu": 1}]),
    ),
    log_driver=st.sampled_from([None, "gelf", "none"]),
)
_PORTS = st.lists(st.sampled_from([("TCP", 80), ("UDP", 80), ("TCP", 443)]), max_size=2, unique=True)


@given(st.lists(_NODES, max_size=5), st.lists(st.tuples(_SPECS, _PORTS), min_size=1, max_size=8))
def test_what_fits_here_is_what_the_scheduler_takes(
    nodes: list[Node], wanted: list[tuple[object, list[tuple[str, int]]]]
) -> None:
    """3.12: for any cluster, in any filling: the nodes that the explanation calls fit are exactly those that placement takes."""
    infos = survey(nodes, ())
    for number, (spec, ports) in enumerate(wanted):
        task = make_task(f"t{number}", service_id="s", spec=spec, host_ports=ports)  # type: ignore[arg-type]
        pipeline = Pipeline(task)
        matrix = Matrix.of(pipeline, infos.values())
        fitting = {answer.node_id for answer in matrix.fitting}
        for info in infos.values():
            alone = tree([info], pipeline, (), now=0.0).place()
            assert (alone is info) == (info.id in fitting)
        chosen = tree(list(infos.values()), pipeline, (), now=0.0).place()
        assert (chosen.id in fitting) if chosen else not fitting
        assert bool(matrix.remedies) == (bool(nodes) and not fitting)
        if chosen is not None:
            chosen.take(task.id, pipeline.demand, chosen.generic.choose(pipeline.demand.generic))
