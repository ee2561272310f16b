"""What the doctor finds, in a cluster and on a machine (docs/design/terminal.md 11.15)."""

import json
from dataclasses import replace

import pytest
from swarm_core.api.names import MANAGER_ROLE, WORKER_ROLE
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.timestamps import timestamp
from swarm_core.client import certificate_age, node_directory, sockets
from swarm_core.client.certificate_age import Validity
from swarm_core.client.node_directory import Ended
from swarm_testkit.cluster_fake import FakeCluster, lively_cluster
from swarm_testkit.factories import make_node, make_service, make_task
from swarm_testkit.trust import make_authority
from swarm_tui.cli.main import run
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.doctor import cluster as of_cluster
from swarm_tui.doctor import machine as of_machine
from swarm_tui.doctor.machine import Machine
from swarm_tui.doctor.model import Finding, Grade, names, worst_first

DAY_NS = 86_400 * 10**9
NOW_NS = 1_700_000_000 * 10**9
HEALTHY = Machine(
    socket_problems={"/run/control.sock": None, "/run/docker.sock": "does not exist"},
    is_root=True,
    free_bytes=50 << 30,
    state_directory="/state",
    files_max=65_536,
    is_linux=True,
    controllers=frozenset({"cpu", "memory", "pids", "io"}),
    filesystems=frozenset({"ext4", "overlay"}),
    forwards=True,
    own_certificate=Validity(NOW_NS - DAY_NS, NOW_NS + 80 * DAY_NS),
)


def of(*objects):
    """What is found of these objects, by what it is about."""
    return {one.what: one for one in of_cluster.findings(Snapshot(list(objects)), NOW_NS)}


def managers(count, reached=None):
    found = []
    for number in range(count):
        node = make_node(f"n{number}")
        node.spec.desired_role = types_pb2.MANAGER if hasattr(types_pb2, "MANAGER") else 1
        node.role = 1
        node.manager_status.raft_id = number + 1
        is_reached = reached is None or number < reached
        node.manager_status.reachability = 2 if is_reached else 1
        node.manager_status.leader = number == 0 and is_reached
        found.append(node)
    return found


@pytest.mark.parametrize(
    "count, reached, grade, text",
    [
        (1, 1, Grade.ADVICE, "there is one manager"),
        (2, 2, Grade.WARNING, "2 managers bear no more losses than 1"),
        (3, 3, Grade.FINE, "3 managers, 1 more may be lost"),
        (3, 2, Grade.WARNING, "2 of 3 managers reachable, and 0 more may be lost; not reached: host-of-n2"),
        (3, 1, Grade.ERROR, "1 of 3 managers reachable, and nothing can be changed"),
        (3, 0, Grade.ERROR, "none of 3 managers leads, and nothing can be changed"),
        (4, 3, Grade.WARNING, "3 of 4 managers reachable, and 0 more may be lost; not reached: host-of-n3"),
        (4, 4, Grade.WARNING, "4 managers bear no more losses than 3"),
    ],
)
def test_quorum(count, reached, grade, text):
    """One manager, an even number, and a lost quorum are told with what to do."""
    found = of(*managers(count, reached))["quorum"]
    assert found.grade is grade
    assert text in found.text


def service(name="web", **more):
    one = make_service(f"s-{name}", name=name, **more)
    one.spec.task.container.image = "registry/web:7"
    one.spec.task.container.healthcheck.test.append("CMD")
    one.spec.task.resources.limits.memory_bytes = 1 << 20
    one.spec.replicated.replicas = 2
    return one


def test_a_service_that_lacks_nothing_is_not_mentioned():
    """No rule is broken."""
    assert not {"images", "health", "memory", "updates"} & set(of(service()))


def test_what_services_lack():
    """A tag that moves, no check, no limit, an update that is an outage."""
    bad = service("bad")
    bad.spec.task.container.image = "registry:5000/web"
    bad.spec.task.container.ClearField("healthcheck")
    bad.spec.task.resources.limits.memory_bytes = 0
    bad.spec.replicated.replicas = 1
    bad.spec.endpoint.ports.add(target_port=80)
    found = of(service(), bad)
    for what in ("images", "health", "memory", "updates"):
        assert found[what].text.endswith(": bad")
        assert found[what].grade is Grade.ADVICE
    pinned = service("pinned")
    pinned.spec.task.container.image = "web@sha256:" + "0" * 64
    assert "images" not in of(pinned)


def test_nodes_that_are_down_and_managers_that_work():
    """Both are named; where there are no workers a manager may work."""
    nodes = managers(3)
    lost = make_node("w1")
    lost.status.state = types_pb2.NodeStatus.DOWN
    found = of(*nodes, lost)
    assert found["nodes"].grade is Grade.WARNING
    worker = make_node("w2")
    task = make_task("t1", service=service(), node_id=nodes[0].id, state="RUNNING")
    assert "managers" not in of(*nodes, task)
    assert "managers" in of(*nodes, worker, task)


def test_a_clock_that_is_ahead():
    """Something that happened in the future says that clocks differ."""
    task = make_task("t1", service=service(), state="RUNNING")
    task.status.timestamp.CopyFrom(timestamp(NOW_NS + 60 * 10**9))
    found = of(task)["clock"]
    assert "1m" in found.text
    task.status.timestamp.CopyFrom(timestamp(NOW_NS + 10**9))
    assert "clock" not in of(task)


def test_certificates(monkeypatch):
    """Expired, not renewed in time, and well; a node without one says nothing."""
    ends = {b"over": NOW_NS, b"late": NOW_NS + DAY_NS, b"well": NOW_NS + 60 * DAY_NS}
    monkeypatch.setattr(
        of_cluster,
        "validity",
        lambda data: Validity(NOW_NS - 30 * DAY_NS, ends[data]) if data in ends else None,
    )

    def node(name, data):
        one = make_node(name)
        one.certificate.certificate = data
        return one

    found = [
        one
        for one in of_cluster.findings(
            Snapshot([node("a", b"over"), node("b", b"late"), node("c", b"well"), make_node("d")]), NOW_NS
        )
        if one.what == "certificates"
    ]
    assert [one.grade for one in found] == [Grade.ERROR, Grade.WARNING]
    assert of(node("c", b"well"))["certificates"].grade is Grade.FINE
    assert "certificates" not in of(make_node("d"))


def test_what_is_no_certificate_has_no_time():
    """Whatever a peer wrote there."""
    assert certificate_age.validity(b"") is None
    assert certificate_age.validity(b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n") is None


def seen(**changes):
    """What is found on a machine that differs so from a healthy one, without what is fine."""
    found = of_machine.findings(replace(HEALTHY, **changes), NOW_NS)
    return {(one.grade, one.what) for one in found if one.grade is not Grade.FINE}


def test_a_healthy_machine():
    """Nothing but what is fine."""
    assert seen() == set()


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"socket_problems": {"/a": "does not exist"}}, (Grade.ADVICE, "socket")),
        ({"socket_problems": {"/a": "may not be opened by this user"}}, (Grade.WARNING, "rights")),
        ({"socket_problems": {"/a": "has nobody listening (left over)"}}, (Grade.WARNING, "socket")),
        ({"is_root": False}, (Grade.ADVICE, "rights")),
        ({"free_bytes": 900 << 20}, (Grade.WARNING, "disk")),
        ({"free_bytes": 1 << 20}, (Grade.ERROR, "disk")),
        ({"files_max": 1024}, (Grade.WARNING, "files")),
        ({"controllers": frozenset()}, (Grade.WARNING, "kernel")),
        ({"filesystems": frozenset()}, (Grade.ADVICE, "kernel")),
        ({"forwards": False}, (Grade.ADVICE, "kernel")),
        ({"is_linux": False}, (Grade.ADVICE, "kernel")),
        ({"own_certificate": Validity(NOW_NS - 9 * DAY_NS, NOW_NS)}, (Grade.ERROR, "certificate")),
        ({"own_certificate": Validity(NOW_NS - 9 * DAY_NS, NOW_NS + DAY_NS)}, (Grade.WARNING, "certificate")),
        ({"own_certificate": Validity(NOW_NS + DAY_NS, NOW_NS + 9 * DAY_NS)}, (Grade.ERROR, "clock")),
    ],
)
def test_what_a_machine_lacks(changes, expected):
    """Each is told, with how bad it is."""
    assert seen(**changes) == {expected}


NO_SOCKET = {"/state/control.sock": "does not exist"}
LEFT_OVER = {"/state/control.sock": "has nobody listening (left over)"}


@pytest.mark.parametrize(
    "changes, grade, text",
    [
        ({"own_end": Ended.DIED, "socket_problems": NO_SOCKET}, Grade.ERROR, "does not run: it died"),
        ({"own_end": Ended.DIED, "socket_problems": LEFT_OVER}, Grade.ERROR, "does not run: it died"),
        ({"own_end": Ended.DIED, "own_role": WORKER_ROLE}, Grade.ERROR, "does not run: it died"),
        ({"own_end": Ended.WITH_THE_MACHINE}, Grade.ERROR, "the machine was started anew since"),
        ({"own_end": Ended.POLITELY, "socket_problems": NO_SOCKET}, Grade.ADVICE, "it was ended"),
        ({"is_own_running": True, "socket_problems": NO_SOCKET}, Grade.WARNING, "its manager is not there"),
        (
            {"is_own_running": True, "own_role": WORKER_ROLE, "socket_problems": NO_SOCKET},
            Grade.FINE,
            "worker",
        ),
    ],
)
def test_a_node_of_this_user_that_does_not_run(changes, grade, text):
    """It is what is wrong, and is told once, with what brings it back; a worker has no socket and lacks nothing."""
    machine = replace(HEALTHY, **{"own_role": MANAGER_ROLE, **changes})
    found = list(of_machine.findings(machine, NOW_NS))
    assert [(one.grade, text in one.text) for one in found if one.what == "node"] == [(grade, True)]
    assert {one.what for one in found if one.grade is not Grade.FINE} <= {"node"}


def test_a_node_that_died_here(monkeypatch, tmp_path):
    """What its state directory tells of a daemon that was killed."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    state = sockets.state_directory()
    (state / "certificates").mkdir(parents=True)
    (state / node_directory.NODE_CERTIFICATE).write_bytes(make_authority().manager("m1").certificate)
    with node_directory.held(state, as_daemon=True):
        running = of_machine.this_machine({})
        record = (state / node_directory.PID_FILE).read_bytes()
    (state / node_directory.PID_FILE).write_bytes(record)
    died = of_machine.this_machine({})
    assert (running.own_role, running.is_own_running) == (MANAGER_ROLE, True)
    assert (died.own_role, died.is_own_running, died.own_end) == (MANAGER_ROLE, False, Ended.DIED)


def test_this_machine_can_be_looked_at(monkeypatch, tmp_path):
    """Whatever it lacks, looking raises nothing and finds something."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "not" / "there"))
    machine = of_machine.this_machine({})
    assert machine.free_bytes > 0
    assert list(of_machine.findings(machine, NOW_NS))


def test_the_worst_comes_first_and_many_names_are_cut():
    """The order of grades; the first names and a number."""
    found = [Finding(Grade.FINE, "a", ""), Finding(Grade.ERROR, "b", "", "Do.")]
    assert [one.what for one in worst_first(found)] == ["b", "a"]
    assert names(list("abcdef")) == "a, b, c, d and 2 more"


def test_the_command(monkeypatch, capsys):
    """It prints what to do, and fails where something has gone wrong already."""
    monkeypatch.setattr(of_machine, "this_machine", lambda: HEALTHY)
    assert run(["doctor", "--here"]) in (0, 1)
    capsys.readouterr()
    monkeypatch.setattr(of_machine, "this_machine", lambda: replace(HEALTHY, free_bytes=0))
    assert run(["doctor", "--here"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("✖ ")
    assert any("Make room" in line for line in lines)
    assert run(["doctor", "--here", "--format", "json"]) == 1
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert first["Grade"] == "error"


def test_a_lively_cluster():
    """On every look that the dashboard has, each finding says what to do."""
    cluster: FakeCluster = lively_cluster()
    kinds = (objects_pb2.Node, objects_pb2.Service, objects_pb2.Task, objects_pb2.Network)
    view = Snapshot([item for kind in kinds for item in cluster.all(kind)])
    found = list(of_cluster.findings(view, cluster.now_ns))
    assert {"quorum", "nodes", "memory"} <= {one.what for one in found}
