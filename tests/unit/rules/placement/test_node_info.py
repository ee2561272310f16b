"""Running sums of a node (docs/design/scheduling.md 3.2, 3.3, 3.6)."""

from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.rules.placement.node_info import FAILURE_WINDOW_S, FAILURES_MAX, Demand, NodeInfo, survey
from swarm_testkit.factories import GIB, make_node, make_resources, make_service, make_task, make_task_spec

SERVICES = [make_service("a"), make_service("b")]


def make_busy_task(number: int, desired: str) -> Task:
    spec = make_task_spec(
        reservations=make_resources(cpus=number % 3, memory=number * 1000, generic={"gpu": 1})
    )
    return make_task(
        f"t{number}",
        service=SERVICES[number % 2],
        spec=spec,
        desired=desired,
        state="RUNNING",
        host_ports=[("TCP", 8000 + number % 3)],
        generic=make_resources(generic={"gpu": [f"g{number}"]}),
    )


def sums(info: NodeInfo) -> tuple[object, ...]:
    return (
        info.active,
        info.active_of,
        info.cpus_free,
        info.memory_free,
        dict(info.ports),
        info.generic.free("gpu"),
    )


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["RUNNING", "SHUTDOWN", "gone"])),
        min_size=1,
        max_size=30,
    )
)
def test_sums_equal_a_fresh_count(moves: list[tuple[int, str]]) -> None:
    """3.2: after any moves the sums are those of a node that was given the present tasks at once."""
    node = make_node(
        resources=make_resources(cpus=8, memory=GIB, generic={"gpu": [f"g{i}" for i in range(6)]})
    )
    info, present = NodeInfo(node), dict[str, Task]()
    for number, what in moves:
        if what == "gone":
            assert info.remove(f"t{number}") == (f"t{number}" in present)
            present.pop(f"t{number}", None)
        else:
            task = make_busy_task(number, what)
            info.add(task)
            present[task.id] = task
    fresh = NodeInfo(node)
    for task in present.values():
        fresh.add(task)
    assert sums(info) == sums(fresh)
    assert set(info.task_ids) == set(present)


def test_a_new_description_keeps_what_is_held() -> None:
    """3.3: on a node update available is described minus reserved."""
    info = NodeInfo(make_node("n", resources=make_resources(cpus=4, memory=GIB)))
    info.add(make_task(spec=make_task_spec(reservations=make_resources(cpus=3, memory=1000))))
    info.describe(make_node("n", resources=make_resources(cpus=2, memory=2 * GIB)))
    assert (info.cpus_free, info.memory_free) == (-1_000_000_000, 2 * GIB - 1000)


def test_resources_stay_held_until_the_task_ended() -> None:
    """3.2.2, 3.3.1: a task that is desired SHUTDOWN is inactive, and still holds what it reserved."""
    info = NodeInfo(make_node(resources=make_resources(cpus=4)))
    spec = make_task_spec(reservations=make_resources(cpus=3))
    info.add(make_task("t", spec=spec))
    info.add(make_task("t", spec=spec, desired="SHUTDOWN"))
    assert (info.active, info.cpus_free) == (0, 1_000_000_000)


def test_failures_weigh_from_the_fifth_within_the_window() -> None:
    """3.6: fewer than five failures in five minutes do not weigh; they are per version of a service."""
    info = NodeInfo(make_node())
    release = ("s", 1)
    for second in range(FAILURES_MAX):
        assert info.failures(release, second) == 0
        info.record_failure(release, float(second))
    assert info.failures(release, 10) == FAILURES_MAX
    assert info.failures(("s", 2), 10) == 0
    assert info.failures(release, FAILURE_WINDOW_S + 0.5) == 0
    info.record_failure(("s", 2), 2 * FAILURE_WINDOW_S)
    assert info.failures(release, 2 * FAILURE_WINDOW_S) == 0


def test_demand_of_a_plain_task_is_nothing() -> None:
    """3.2: a task without reservations takes a place and nothing else."""
    demand = Demand.of(make_task(service=SERVICES[0]))
    assert (demand.nano_cpus, demand.memory_bytes, demand.generic, demand.ports) == (0, 0, (), ())


def test_survey_counts_what_is_on_the_nodes() -> None:
    """3.2: tasks count from ASSIGNED to RUNNING, on nodes that are known."""
    states = ("PENDING", "ASSIGNED", "RUNNING", "COMPLETE")
    tasks = [
        make_task(f"{node}-{state}", node_id=node, state=state) for node in ("a", "x") for state in states
    ]
    infos = survey([make_node("a"), make_node("b")], tasks)
    assert {name: sorted(info.task_ids) for name, info in infos.items()} == {
        "a": ["a-ASSIGNED", "a-RUNNING"],
        "b": [],
    }


def test_survey_takes_of_each_task_what_its_version_takes() -> None:
    """Tasks of one version share a demand; those of another version, or of a service without one, have their own."""
    tasks = []
    for number, (version, cpus) in enumerate([(1, 1), (1, 1), (2, 2), (0, 3), (0, 4)]):
        service = make_service("s", spec_version=version)
        spec = make_task_spec(reservations=make_resources(cpus=cpus))
        tasks.append(make_task(f"t{number}", service=service, node_id="a", state="RUNNING", spec=spec))
    info = survey([make_node("a", resources=make_resources(cpus=20))], tasks)["a"]
    assert info.cpus_free == (20 - 1 - 1 - 2 - 3 - 4) * 10**9
    for task in tasks:
        assert info.remove(task.id)
    assert info.cpus_free == 20 * 10**9
