"""Resource kinds: rows, health, problems and details, pure and whole."""

from typing import Any

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.client.watch import Action, Change, Changed, Listed
from swarm_testkit.cluster_fake import START_NS, FakeCluster, lively_cluster
from swarm_testkit.factories import (
    make_cluster_mount,
    make_config,
    make_network,
    make_node,
    make_resources,
    make_secret,
    make_service,
    make_task,
    make_task_spec,
    make_volume,
)
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources import cluster, nodes, registry, services, tasks, volumes
from swarm_tui.resources.model import Health, ResourceKind, Role
from swarm_tui.resources.problems import ProblemBoard

MINUTE_NS = 60_000_000_000


def mirror_of(*items: Any) -> Mirror:
    mirror = Mirror(FakeCluster())
    mirror.apply(Listed(tuple(items), 1))
    return mirror


@pytest.fixture(scope="module")
def lively() -> Mirror:
    fake = lively_cluster()
    secret, config = make_secret("sec"), make_config("con")
    user = make_service(
        "user",
        name="user",
        task=make_task_spec(
            command=["sleep", "9"],
            secrets=[types_pb2.SecretReference(secret_id="sec", secret_name="n")],
            configs=[types_pb2.ConfigReference(config_id="con", config_name="n")],
            mounts=[make_cluster_mount("data")],
        ),
    )
    net = make_network("net", name="net")
    net.ipam.configs.add(
        subnet="10.5.0.0/16", gateway="10.5.0.1", range="10.5.1.0/24", reserved={"router": "10.5.0.9"}
    )
    net.driver_state.options["encrypted"] = ""
    fake.put(secret, config, net, user, make_service("g", name="g", is_global=True))
    volume = make_volume(
        "vol", name="data", published={"user": "PENDING_PUBLISH"}, topologies=[{"zone": "a"}]
    )
    fake.put(volume, make_volume(is_created=False), make_volume(pending_delete=True))
    mirror = mirror_of(*(item for kind in registry.stored() for item in fake.all(kind.message)))
    mirror.flush()
    failing = make_task("t-new", service_id="gone", slot=9, state="FAILED", err="exit 3")
    mirror.apply(Changed((Change(Action.CREATED, failing), Change(Action.REMOVED, net)), 2))
    mirror.apply(Changed((Change(Action.CREATED, net),), 3))
    mirror.flush()
    return mirror


def every(mirror: Mirror, kind: ResourceKind[Any]) -> list[Any]:
    return list(mirror.objects(kind.message))


@pytest.mark.parametrize("kind", registry.kinds(), ids=lambda kind: kind.noun)
def test_kind_is_whole(kind: ResourceKind[Any], lively: Mirror) -> None:
    """Every object of every kind has a cell per column, sort keys that compare, fields, listings and a description."""
    items = every(lively, kind)
    assert items
    assert kind.default_sort in kind.sort_keys
    assert len({column.id for column in kind.columns}) == len(kind.columns)
    for item in items:
        assert len(kind.row(item, lively, START_NS)) == len(kind.columns)
        assert all(lines.lines for lines in kind.describe(item, lively, START_NS))
        for read in kind.fields.values():
            read(item, lively, START_NS)
        for listing in kind.listing:
            assert isinstance(listing.text(item, lively, START_NS), str)
    for key in kind.sort_keys.values():
        sorted(items, key=lambda item: key(item, lively, START_NS))


@pytest.mark.parametrize("kind", registry.kinds(), ids=lambda kind: kind.noun)
def test_health_has_glyph_and_problem(kind: ResourceKind[Any], lively: Mirror) -> None:
    """Whatever is shown as a problem says why, and in a sentence without line ends."""
    for item in every(lively, kind):
        for problem in kind.problems(item, lively, START_NS):
            assert problem.cause and "\n" not in problem.cause
            assert kind.has_problem(item, lively, START_NS)


def test_registry_by_word() -> None:
    """A kind is found by its noun and its aliases."""
    assert registry.by_word("svc") is services.KIND
    assert registry.by_word("NODES") is nodes.KIND
    assert registry.by_word("nonsense") is None
    assert registry.by_message(objects_pb2.Task) is tasks.KIND


def service_with(*tasks_: Any, replicas: int = 2, **fields: Any) -> tuple[Mirror, objects_pb2.Service]:
    service = make_service("s1", name="web", replicas=replicas)
    for name, value in fields.items():
        getattr(service, name).CopyFrom(value)
    return mirror_of(service, make_node("n1"), make_node("down", state="DOWN"), *tasks_), service


def running(number: int, node: str = "n1") -> objects_pb2.Task:
    return make_task(f"t{number}", service_id="s1", slot=number, node_id=node, state="RUNNING")


@pytest.mark.parametrize(
    ("tasks_", "replicas", "health"),
    [
        ([running(1), running(2)], 2, Health.OK),
        ([running(1)], 2, Health.MOTION),
        ([], 0, Health.IDLE),
        ([running(1), running(2, "down")], 2, Health.MOTION),
        ([make_task("x", service_id="s1", state="FAILED", err="exit 1")], 2, Health.FAILED),
        ([running(1), running(2), make_task("x", service_id="s1", state="FAILED")], 3, Health.PARTLY),
        ([running(1), running(2), make_task("x", service_id="s1", state="FAILED")], 2, Health.OK),
        ([make_task("x", service_id="s1", state="PENDING", err="no suitable node")], 1, Health.FAILED),
        ([make_task("x", service_id="s1", state="PENDING")], 1, Health.MOTION),
    ],
)
def test_service_health(tasks_: list[Any], replicas: int, health: Health) -> None:
    """A service is fine at its goal, in motion towards it, and failed when something keeps it from it."""
    mirror, service = service_with(*tasks_, replicas=replicas)
    assert services.health(service, mirror, START_NS) is health


def test_paused_update_is_a_warning() -> None:
    """A rollout that waits for a person is a problem even while all tasks run."""
    status = types_pb2.UpdateStatus(state=types_pb2.UpdateStatus.PAUSED, message="update paused")
    mirror, service = service_with(running(1), running(2), update_status=status)
    (problem,) = services.problems(service, mirror, START_NS)
    assert (problem.health, problem.cause) == (Health.WARNING, "update paused")


def test_a_paused_update_tells_how_its_tasks_fail() -> None:
    """What its status says names no cause; the newest failure does."""
    status = types_pb2.UpdateStatus(state=types_pb2.UpdateStatus.PAUSED, message="update paused due to x")
    failed = make_task("x", service_id="s1", state="FAILED", err="schema 42 is too new")
    mirror, service = service_with(running(1), failed, update_status=status)
    (problem,) = services.problems(service, mirror, START_NS)
    assert (problem.summary, problem.verb) == ("1/2 · update paused", "why")
    assert problem.cause.startswith("schema 42 is too new")


def test_crash_loop_counts_failures() -> None:
    """Several failures within five minutes are counted, and the latest tells the cause."""
    failed = [
        make_task(
            f"t{i}",
            service_id="s1",
            slot=1,
            state="FAILED",
            err=f"exit {i}",
            status_ns=START_NS - i * MINUTE_NS,
        )
        for i in range(1, 8)
    ]
    mirror, service = service_with(*failed, replicas=1)
    (problem,) = services.problems(service, mirror, START_NS)
    assert problem.summary == "0/1 · failed 4 times in 5m"
    assert (problem.cause, problem.key) == ("exit 1", "l")


def test_signal_beside_exit_code() -> None:
    """An exit code that hides a signal is told with the signal's name."""
    task = make_task("t1", state="FAILED", err="task: non-zero exit (137)")
    task.status.container.exit_code = 137
    cause = tasks.KIND.fields["cause"](task, mirror_of(), START_NS)
    assert cause == "task: non-zero exit (137) · 137 = SIGKILL"


def test_task_on_a_lost_node_is_stale() -> None:
    """What was running on a node that is down is shown as old knowledge."""
    mirror, _ = service_with(running(1, "down"))
    task = mirror.get(objects_pb2.Task, "t1")
    assert task is not None
    assert tasks.health(task, mirror, START_NS) is Health.STALE
    assert tasks.row(task, mirror, START_NS)[1].text == "stale running"


def test_process_row_names_its_runtime() -> None:
    """A process is told from an image by a word, not by colour."""
    service = make_service("s1", task=make_task_spec(command=["backup", "--all"]))
    column = [column.id for column in services.COLUMNS].index("image")
    cell = services.row(service, mirror_of(service), START_NS)[column]
    assert cell.text == "process backup --all"
    assert cell.spans[0].role is Role.SPECIAL


@pytest.mark.parametrize(
    ("share", "role"), [(0.5, Role.DATA), (0.85, Role.WARNING), (0.95, Role.ERROR), (2, Role.ERROR)]
)
def test_bars_warn(share: float, role: Role) -> None:
    """A node's bar turns at 85 and 95 percent and never leaves its track."""
    spec = make_task_spec(reservations=make_resources(cpus=4 * share))
    node = make_node("n1")
    mirror = mirror_of(node, make_task("t1", node_id="n1", state="RUNNING", spec=spec))
    bar = nodes.row(node, mirror, START_NS)[3]
    assert (bar.bar, bar.role) == (min(share, 1.0), role)


def test_draining_node() -> None:
    """A node that drains is partly fine until nothing runs there."""
    node = make_node("n1", availability="DRAIN")
    busy = mirror_of(node, running(1))
    assert nodes.health(node, busy, START_NS) is Health.PARTLY
    assert nodes.health(node, mirror_of(node), START_NS) is Health.OK


def managers(*reachable: bool) -> Mirror:
    members = []
    for index, is_reachable in enumerate(reachable):
        node = make_node(f"m{index}", hostname=f"m{index}", role="MANAGER")
        word = "REACHABLE" if is_reachable else "UNREACHABLE"
        node.manager_status.reachability = types_pb2.RaftMemberStatus.Reachability.Value(word)
        node.manager_status.leader = index == 0 and is_reachable
        members.append(node)
    return mirror_of(*members)


@pytest.mark.parametrize(
    ("reachable", "text"),
    [
        ((True,), "1 manager · leader m0"),
        ((True, True, True), "3 managers · leader m0 · tolerates 1"),
        ((True, True, False), "3 managers · leader m0 · tolerates 0"),
        ((False, False, True), "3 managers · no leader · quorum lost"),
        ((), "no manager known"),
    ],
)
def test_quorum(reachable: tuple[bool, ...], text: str) -> None:
    """The header's words about the managers."""
    assert cluster.quorum_text(cluster.quorum(managers(*reachable))) == text


def test_problem_board_follows_changes(lively: Mirror) -> None:
    """The board finds the same problems object by object as all at once, the worst first."""
    whole, bit = ProblemBoard(lively), ProblemBoard(lively)
    whole.rebuild(START_NS)
    for kind in (nodes.KIND, services.KIND, volumes.KIND, cluster.KIND):
        for item in every(lively, kind):
            bit.apply({kind.message: [item.id]}, START_NS)
    assert bit.all() == whole.all()
    names = [problem.name for problem in whole.all()]
    assert {"w7", "billing", "mailer", "w4"} <= set(names)
    assert names[-1] == "w4"
    assert whole.counts() == (3, 1)
    assert whole.worst() is Health.FAILED


def test_secret_bytes_are_never_shown(lively: Mirror) -> None:
    """Nothing that is drawn or listed of a secret holds its payload."""
    kind = registry.by_word("secret")
    assert kind is not None
    (secret,) = every(lively, kind)
    drawn = [c.text for c in kind.row(secret, lively, START_NS)]
    drawn += [value.text for s in kind.describe(secret, lively, START_NS) for _, value in s.lines]
    assert "user" in drawn
    assert not any("s3cret" in text for text in drawn)


def test_unknown_states_of_a_newer_peer() -> None:
    """A state that we do not know is shown as its number."""
    task = make_task("t1")
    task.status.state = 900  # type: ignore[assignment]
    assert tasks.row(task, mirror_of(), START_NS)[1].text == "state 900"


def test_node_before_it_told_its_name() -> None:
    """A node that has not described itself is shown by its id and without shares."""
    node = objects_pb2.Node(id="abcdefghijklmnop", spec=specs_pb2.NodeSpec())
    row = nodes.row(node, mirror_of(node), START_NS)
    assert row[0].text == "abcdefghijkl"
    assert (row[1].text, row[3].text) == ("○ pending", "–")
