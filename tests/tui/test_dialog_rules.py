"""Where a new service would run, without a screen."""

from swarm_testkit.factories import (
    make_cluster_mount,
    make_node,
    make_resources,
    make_service,
    make_task,
    make_volume,
)
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations.forms.fields import Around
from swarm_tui.operations.forms.fit import fit_now
from swarm_tui.operations.forms.sheet import judge, new_sheet

NODES = [
    make_node(
        f"n{n}",
        hostname=f"w{n}",
        state="READY",
        labels={"disk": "ssd" if n < 2 else "hdd"},
        resources=make_resources(cpus=4, memory=8 << 30),
    )
    for n in range(4)
]


def fit(tasks=(), **fields):
    """The forecast of a service of which these fields are filled in."""
    sheet = new_sheet().put("name", ("cache",)).put("image", ("redis:7",))
    for key, text in fields.items():
        sheet = sheet.put(key, (text,))
    judged = judge(sheet, Around(Snapshot(NODES)))
    assert judged.is_ready, judged.verdicts
    return fit_now(judged.spec, NODES, tasks)


def test_forecast_counts_nodes_and_room():
    """Of the nodes that fit, what is free divided by what is reserved is the room."""
    found = fit(constraints="node.labels.disk==ssd", reserve_cpu="1", reserve_memory="1g", replicas="3")
    assert (found.fitting, found.nodes, found.room, found.placed) == (2, 4, 8, 3)
    assert sorted(count for _, count in found.landing) == [1, 2]
    assert {name for name, _ in found.landing} == {"w0", "w1"}


def test_forecast_knows_volumes():
    """What a service mounts decides too where it fits."""
    nodes = [make_node(f"n{n}", state="READY", csi=["csi"] if n else []) for n in range(3)]
    spec = make_service("s", name="s").spec
    spec.task.container.mounts.append(make_cluster_mount("v"))
    assert fit_now(spec, nodes, ()).fitting == 0
    found = fit_now(spec, nodes, (), [make_volume("v1", name="v")])
    assert (found.fitting, found.placed) == (2, 1)


def test_forecast_counts_what_runs_already():
    """Reservations of running tasks are taken off."""
    service = make_service("s", name="busy")
    service.spec.task.resources.reservations.CopyFrom(make_resources(cpus=4, memory=1 << 30))
    task = make_task("t", service=service, node_id="n0", state="RUNNING")
    assert fit([task], reserve_cpu="2").room == 6


def test_forecast_says_how_many_stay_pending():
    """What finds no place is counted, with the reasons of the nodes that refuse."""
    found = fit(reserve_cpu="3", replicas="9")
    assert (found.placed, found.wanted) == (4, 9)
    none = fit(constraints="node.labels.disk==tape")
    assert (none.fitting, none.room, none.placed) == (0, 0, 0)
    assert none.refusals.startswith("No node can take it: all 4 nodes do not meet node.labels.disk == tape (")
    assert any(remedy.startswith("Label ") for remedy in none.remedies)
    assert not found.remedies


def test_forecast_without_reservation_has_no_limit():
    """Where nothing is reserved nothing limits the number of replicas."""
    found = fit(replicas="5000")
    assert found.room is None
    assert found.placed == found.wanted == 5000
    assert fit(mode="global").wanted == 4
