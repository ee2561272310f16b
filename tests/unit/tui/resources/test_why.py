"""Why services and tasks are not as they are wanted (docs/design/scheduling.md 3.12)."""

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.timestamps import timestamp
from swarm_testkit.factories import (
    GIB,
    make_network,
    make_node,
    make_resources,
    make_service,
    make_task,
    make_task_spec,
)
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.resources.why import services, tasks
from swarm_tui.resources.why.explanation import Explanation, as_record

S = 1_000_000_000
NOW_NS = 1_000_000 * S


def explained(*objects: object, with_nodes: bool = False) -> Explanation:
    """The explanation of the only service among `objects`."""
    (service,) = (one for one in objects if isinstance(one, objects_pb2.Service))
    return services.explain(service, Snapshot(objects), NOW_NS, with_nodes=with_nodes)


def test_nothing_wrong() -> None:
    """3.12.1: a service at its goal has nothing to explain; asked for, every node answers about one more task."""
    node = make_node(hostname="a")
    service = make_service(name="web")
    running = make_task(service=service, slot=1, node_id=node.id, state="RUNNING")
    found = explained(node, service, running)
    assert (found.subject, found.summary, found.is_fine) == ("service web", "Its only task runs.", True)
    (finding,) = explained(node, service, running, with_nodes=True).findings
    assert (finding.heading, finding.cause) == ("One more task", "1 of 1 node has room for it: a.")
    assert finding.matrix is not None


def test_waiting_for_a_node() -> None:
    """3.12.1, 3.12.2: tasks that nobody can place are one finding with the numbers, the remedies and every node."""
    spec = make_task_spec(reservations=make_resources(memory=6 * GIB))
    node, service = make_node(hostname="a"), make_service(name="web", task=spec, replicas=3)
    here = make_task(service=service, slot=1, node_id=node.id, state="RUNNING")
    waiting = [make_task(service=service, slot=slot, state="PENDING") for slot in (2, 3)]
    found = explained(node, service, here, *waiting)
    assert found.summary == "1 of 3 tasks run."
    (finding,) = found.findings
    assert finding.heading == "2 of 3 tasks wait for a node"
    assert finding.cause == "No node can take it: 6 GiB of memory asked, 2 GiB free (a)."
    assert finding.tasks == ("web.2", "web.3")
    assert finding.remedies == (
        "Ask for at most 2 GiB of memory, a has no more; or free 4 GiB of memory on a.",
    )
    record = as_record(found)
    assert record["Findings"][0]["Nodes"] == [  # type: ignore[index]
        {
            "ID": node.id,
            "Hostname": "a",
            "Fits": False,
            "Filters": [
                {"Filter": "ready", "Passed": True, "Shortfall": ""},
                {"Filter": "resources", "Passed": False, "Shortfall": "6 GiB of memory asked, 2 GiB free"},
                {"Filter": "runtime", "Passed": True, "Shortfall": ""},
            ],
        }
    ]


def test_global_tasks_are_asked_of_their_own_node() -> None:
    """3.12.6: a task that is bound to a node is explained by that node alone."""
    node, other = make_node(hostname="a", availability="PAUSE"), make_node(hostname="b")
    service = make_service(name="agent", is_global=True)
    waiting = make_task(service=service, node_id=node.id, state="PENDING")
    (finding,) = explained(node, other, service, waiting).findings
    assert finding.cause == "No node can take it: the only node takes no tasks (a is paused)."
    assert finding.matrix is not None
    assert [answer.name for answer in finding.matrix.answers] == ["a"]


def test_global_service_without_a_node() -> None:
    """A service for every node that none qualifies for has no task at all, and is explained as if it had one."""
    service = make_service(
        name="agent", is_global=True, task=make_task_spec(constraints=["node.labels.gpu==yes"])
    )
    (finding,) = explained(make_node(hostname="a"), service).findings
    assert finding.heading == "No node qualifies"
    assert finding.remedies == ("Label a gpu=yes.",)


def test_port_owner_by_name() -> None:
    """Who has the port is named as people name tasks."""
    node = make_node(hostname="a")
    other = make_service(name="api")
    owner = make_task(service=other, slot=4, node_id=node.id, state="RUNNING", host_ports=[("TCP", 80)])
    service = make_service(name="web")
    waiting = make_task(service=service, slot=1, state="PENDING", host_ports=[("TCP", 80)])
    found = services.explain(service, Snapshot([node, service, owner, waiting]), NOW_NS)
    assert "80/tcp by api.4 on a" in found.findings[0].cause


def test_waiting_for_addresses() -> None:
    """A task that has no addresses yet waits for its networks, in the allocator's words where there are some."""
    service = make_service(name="web")
    new = make_task(service=service, slot=1, err="no free address in 10.0.0.0/24")
    (finding,) = explained(make_node(), service, new).findings
    assert finding.heading == "It waits for addresses and ports"
    assert finding.cause == "No free address in 10.0.0.0/24."


def failed(
    service: objects_pb2.Service, err: str, *, state: str = "FAILED", exit_code: int = 0
) -> objects_pb2.Task:
    task = make_task(service=service, slot=1, node_id="n", state=state, desired="SHUTDOWN", err=err)
    task.status.timestamp.CopyFrom(timestamp(NOW_NS - S))
    if exit_code:
        task.status.container.exit_code = exit_code
    return task


@pytest.mark.parametrize(
    ("err", "exit_code", "name"),
    [
        ("No such image: webb:latest", 0, "its image cannot be had"),
        ("pull access denied for webb, repository does not exist", 0, "its image cannot be had"),
        ("Get https://r/v2/: unauthorized: authentication required", 0, "the registry refuses the node"),
        ("task: non-zero exit (1): dockerexec: unhealthy container", 1, "its health check fails"),
        ("unhealthy: its health check failed", 0, "its health check fails"),
        ("task: non-zero exit (137)", 137, "it was killed, most often for want of memory"),
        ("out of memory", 0, "it was killed, most often for want of memory"),
        ("Bind for 0.0.0.0:80 failed: port is already allocated", 0, "its port is taken on the node"),
        (
            "invalid mount config: bind source path does not exist: /x",
            0,
            "a directory that it mounts is not there",
        ),
        ('exec: "nope": executable file not found in $PATH', 0, "its program cannot be run"),
        ("program nope is not in PATH (/bin)", 0, "its program cannot be run"),
        ("task: non-zero exit (127)", 127, "its program cannot be run"),
        ("secret abc not found", 0, "a secret or a config is not there"),
        ("the node does not meet the placement constraints", 0, "its node no longer qualifies"),
        ("task: non-zero exit (3)", 0, "its program ends with code 3"),
        ("starting container failed: strange", 0, "it fails"),
    ],
)
def test_ends(err: str, exit_code: int, name: str) -> None:
    """3.12.7: how a task ended is told apart by what engines and agents say, with advice for each; the words themselves are kept."""
    service = make_service(name="web")
    task = failed(service, err, exit_code=exit_code)
    (finding,) = tasks.explain(task, Snapshot([service, task]), NOW_NS).findings
    assert finding.heading == f"It ended because {name}"
    assert err.removeprefix("task: ")[1:] in finding.cause
    assert finding.remedies


@pytest.mark.parametrize("part", ["manifest ", "mount", "program ", "secret", "bind for "])
def test_what_a_node_says_may_have_any_length(part: str) -> None:
    """The reason stands at its beginning; each word that may begin one would be followed to the end of a megabyte."""
    service = make_service(name="web")
    task = failed(service, "non-zero exit (3): " + part * (1_000_000 // len(part)))
    (finding,) = tasks.explain(task, Snapshot([service, task]), NOW_NS).findings
    assert finding.heading == "It ended because its program ends with code 3"


def test_numbers_in_the_advice() -> None:
    """The limit of memory that was too low is named."""
    service = make_service(name="web")
    task = failed(service, "task: non-zero exit (137)", exit_code=137)
    task.spec.resources.limits.memory_bytes = GIB // 2
    (finding,) = tasks.explain(task, Snapshot([service, task]), NOW_NS).findings
    assert finding.remedies == ("Raise its limit of memory (now 512 MiB), or find what takes it.",)


def test_crash_loop() -> None:
    """One slot that failed again and again is one finding of the service, with the newest cause; failures of an older spec are
    not told."""
    service = make_service(name="web", spec_version=7)
    attempts = [failed(service, f"task: non-zero exit ({code})") for code in (3, 3, 3)]
    older = failed(service, "No such image: old")
    older.spec_version.index = 6
    waiting = make_task(service=service, slot=1, node_id="n", state="READY", desired="READY")
    node = make_node("n", hostname="a")
    loop, delay = explained(node, service, *attempts, older, waiting).findings
    assert loop.heading == "3 attempts ended again and again because its program ends with code 3"
    assert loop.tasks == ("web.1",)
    assert delay.heading == "It waits for its turn"


def test_mended_failures_are_not_told() -> None:
    """A service that is at its goal again has nothing to explain."""
    service = make_service(name="web")
    node = make_node("n", hostname="a")
    running = make_task(service=service, slot=1, node_id="n", state="RUNNING")
    assert explained(node, service, failed(service, "task: non-zero exit (3)"), running).is_fine


def test_paused_update() -> None:
    """A rollout that waits for a person says so first."""
    service = make_service(name="web")
    service.update_status.state = types_pb2.UpdateStatus.PAUSED
    service.update_status.message = "update paused due to failure of task x"
    finding = explained(make_node(), service, make_task(service=service, state="RUNNING")).findings[0]
    assert finding.heading == "Its update is paused"
    assert finding.cause == "Update paused due to failure of task x."


def test_lost_node() -> None:
    """3.12.7: a task that was last seen running on a node that is down is explained by the node."""
    service, node = make_service(name="web"), make_node("n", hostname="a", state="DOWN")
    node.status.message = "heartbeat failure"
    task = make_task(service=service, slot=1, node_id="n", state="RUNNING")
    (finding,) = tasks.explain(task, Snapshot([service, node, task]), NOW_NS).findings
    assert finding.heading == "Its node a is down"
    assert finding.cause == "Heartbeat failure: this is how the task was last seen."


@pytest.mark.parametrize("state", ["ASSIGNED", "PREPARING", "STARTING"])
def test_slow(state: str) -> None:
    """3.12.7: a task that is on its way for more than a minute is told of, with where to look; a quick one is not."""
    service, node = make_service(name="web"), make_node("n", hostname="a")
    task = make_task(service=service, slot=1, node_id="n", state=state, status_ns=NOW_NS - 200 * S)
    (finding,) = explained(service, node, task).findings
    assert finding.heading.startswith(f"It is {state.lower()} for 3m")
    quick = make_task(service=service, slot=1, node_id="n", state=state, status_ns=NOW_NS - S)
    assert explained(service, node, quick).is_fine


def test_networks_of_one_more_task() -> None:
    """A task that is not there yet is asked about with its service's networks and ports."""
    network = make_network(driver="weave")
    service = make_service(name="web", task=make_task_spec(networks=[network.id]), replicas=0)
    node = make_node(hostname="a")
    (finding,) = explained(node, network, service, with_nodes=True).findings
    assert "no network plugin 'weave'" in finding.cause


def test_orphaned() -> None:
    """A task whose node was gone for too long says that."""
    service = make_service(name="web")
    task = make_task(service=service, slot=1, node_id="n", state="ORPHANED")
    (finding,) = tasks.explain(task, Snapshot([service, task]), NOW_NS).findings
    assert finding.heading == "Its node was gone for too long"
