"""What a plan is told to come to (docs/design/plans.md)."""

from swarm_testkit.factories import make_node, make_resources, make_service, make_task, make_task_spec
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations.describe import describe
from swarm_tui.operations.update import restart


def test_of_many_services_the_worst_are_named() -> None:
    """A plan for very many is told in a few sentences."""
    count = 20
    nodes = [
        make_node("n", hostname="w1", state="READY", resources=make_resources(cpus=400, memory=64 << 30))
    ]
    services = [make_service(f"s{n:02}", name=f"s{n:02}", replicas=n + 1) for n in range(count)]
    tasks = [
        make_task(f"t{n}-{slot}", service=service, slot=slot, node_id="n", state="RUNNING")
        for n, service in enumerate(services)
        for slot in range(1, n + 2)
    ]
    for one in (*services, *tasks):
        one.spec_version.index = 1
    view = Snapshot([*nodes, *services, *tasks])
    told = describe(restart(view, [one.id for one in services]), view)
    lower = [text for text in told.effects if "meanwhile" in text]
    assert lower[0] == "s00 runs 0 of 1 tasks at the least meanwhile."
    assert lower[-1] == "14 more services run fewer tasks meanwhile."
    assert len(lower) == 7
    assert [text for text in told.cautions if "for a while" in text] == ["No task of s00 runs for a while."]


def test_of_many_that_find_no_node_the_first_are_named() -> None:
    """What to weigh does not go on for pages."""
    node = make_node("n", hostname="w1", state="READY", resources=make_resources(cpus=1, memory=1 << 30))
    task = make_task_spec(reservations=make_resources(memory=8 << 30))
    services = [make_service(f"s{n:02}", name=f"s{n:02}", replicas=1, task=task) for n in range(20)]
    tasks = [make_task(f"t-{one.id}", service=one, slot=1, node_id="n", state="RUNNING") for one in services]
    for one in (*services, *tasks):
        one.spec_version.index = 1
    view = Snapshot([node, *services, *tasks])
    told = describe(restart(view, [one.id for one in services]), view).cautions
    assert "14 more rollouts get stuck." in told
    assert "Tasks of 14 more services find no node." in told
    assert len(told) <= 15
