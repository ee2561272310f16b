"""What dialogs and the form decide, without a screen: drafts, forecasts."""

from dataclasses import replace

import pytest
from swarm_core.api.runtimes import PROCESS, process_spec
from swarm_core.specs.checks import check_service
from swarm_testkit.factories import make_node, make_resources, make_service, make_task
from swarm_tui.dialogs.fit import fit_now
from swarm_tui.dialogs.service_draft import (
    GLOBAL,
    ServiceDraft,
    Surroundings,
    is_ready,
    judge,
    to_spec,
)

GOOD = ServiceDraft(name="cache", image="redis:7")
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
AROUND = Surroundings(names={"api"}, nodes=NODES)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "✖ needed"),
        ("name", "api", "✖ taken"),
        ("name", "a b", "✖ letters, digits, - and _"),
        ("name", "x" * 64, "✖ 64 of 63 letters"),
        ("image", "", "✖ needed"),
        ("image", "UPPER", "✖ no image reference"),
        ("command", "sh -c 'open", "✖ a quote is open"),
        ("replicas", "many", "✖ a number, or global"),
        ("replicas", "-1", "✖ a number, or global"),
        ("replicas", "10000000", "✖ at most 1000000"),
        ("replicas", "9" * 25, "✖ at most 1000000"),
        ("replicas", "٣", "✖ a number, or global"),
        ("env", "A=1 =2", "✖ '=2' is no NAME=value"),
        ("env", "A='1", "✖ a quote is open"),
        ("constraints", "disk", "✖ write key==value"),
        ("reserve", "much", "✖ like 0.5 cpu 1 GiB"),
        ("reserve", "512", "✖ like 0.5 cpu 1 GiB"),
        ("reserve", "1.5", "✖ like 0.5 cpu 1 GiB"),
        ("reserve", "1 cpu 2 cpu", "✖ like 0.5 cpu 1 GiB"),
        ("reserve", "99999999p", "✖ like 0.5 cpu 1 GiB"),
        ("reserve", "1 KiB", "✖ at least 4 MiB"),
        ("reserve", "0.0001 cpu", "✖ at least 0.001 cpu"),
    ],
)
def test_bad_fields_are_named(field, value, words):
    """A wrong field keeps the service from being made and says why in a few words."""
    verdicts = judge(replace(GOOD, **{field: value}), AROUND)
    assert verdicts[field].text == words
    assert not is_ready(verdicts)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "cache", "✓ free"),
        ("image", "redis", "▲ no tag: latest"),
        ("image", "localhost:5000/redis", "▲ no tag: latest"),
        ("image", "redis@sha256:" + "0" * 64, "✓ pinned by digest"),
        ("command", "redis-server --save ''", "3 words"),
        ("replicas", "0", "▲ none will run"),
        ("replicas", GLOBAL, "✓ one per node"),
        ("env", "A=1 B='two words'", "2 variables"),
        ("constraints", "node.labels.disk == ssd", "▲ 2 of 4 nodes"),
        ("constraints", "node.role==worker", "✓ 4 of 4 nodes"),
        ("reserve", "1 GiB, 0.5 cpu", "✓ per task"),
    ],
)
def test_good_fields_are_confirmed(field, value, words):
    """A right field says what it means here and now."""
    verdicts = judge(replace(GOOD, **{field: value}), AROUND)
    assert verdicts[field].text == words
    assert is_ready(verdicts)


def test_a_container_draft_becomes_its_spec():
    """Every field of the form stands in the spec that is sent."""
    draft = ServiceDraft(
        name="cache", image="redis:7", command="redis-server --save ''", replicas="3", env="A=1 B='two words'",
        constraints="node.labels.disk==ssd, node.role != manager", reserve="0.5 cpu 1 GiB",
    )  # fmt: skip
    spec = to_spec(draft)
    check_service(spec)
    assert spec.annotations.name == "cache"
    assert spec.task.container.image == "redis:7"
    assert list(spec.task.container.args) == ["redis-server", "--save", ""]
    assert list(spec.task.container.env) == ["A=1", "B=two words"]
    assert list(spec.task.placement.constraints) == ["node.labels.disk==ssd", "node.role != manager"]
    assert spec.task.resources.reservations.nano_cpus == 500_000_000
    assert spec.task.resources.reservations.memory_bytes == 1 << 30
    assert spec.replicated.replicas == 3


def test_a_process_draft_becomes_its_spec():
    """A process needs a command and no image, and travels as the process runtime's payload."""
    draft = ServiceDraft(
        name="web", runtime=PROCESS, command="python3 -m http.server", env="A=1", replicas=GLOBAL
    )
    assert is_ready(judge(draft, AROUND))
    assert not is_ready(judge(replace(draft, command=""), AROUND))
    spec = to_spec(draft)
    check_service(spec)
    process = process_spec(spec.task)
    assert process is not None
    assert [*process.command, *process.args] == ["python3", "-m", "http.server"]
    assert list(process.env) == ["A=1"]
    assert spec.WhichOneof("mode") == "global"


def fit(tasks=(), **fields):
    return fit_now(to_spec(replace(GOOD, **fields)), NODES, tasks)


def test_forecast_counts_nodes_and_room():
    """Of the nodes that fit, what is free divided by what is reserved is the room."""
    found = fit(constraints="node.labels.disk==ssd", reserve="1 cpu 1 GiB", replicas="3")
    assert (found.fitting, found.nodes, found.room, found.placed) == (2, 4, 8, 3)
    assert sorted(count for _, count in found.landing) == [1, 2]
    assert {name for name, _ in found.landing} == {"w0", "w1"}


def test_forecast_counts_what_runs_already():
    """Reservations of running tasks are taken off."""
    service = make_service("s", name="busy")
    service.spec.task.resources.reservations.CopyFrom(make_resources(cpus=4, memory=1 << 30))
    task = make_task("t", service=service, node_id="n0", state="RUNNING")
    assert fit([task], reserve="2 cpu").room == 6


def test_forecast_says_how_many_stay_pending():
    """What finds no place is counted, with the reasons of the nodes that refuse."""
    found = fit(reserve="3 cpu", replicas="9")
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
    assert fit(replicas=GLOBAL).wanted == 4
