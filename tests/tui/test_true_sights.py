"""What the dashboard says is so: of crash loops, quorums, waiting tasks, equal names and what a key will do."""

from itertools import pairwise

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.timestamps import timestamp
from swarm_testkit.cluster_fake import FakeCluster, lively_cluster
from swarm_testkit.dashboard import running, settle
from swarm_testkit.factories import make_cluster, make_node, make_service, make_task
from swarm_tui.resources import services
from swarm_tui.resources.model import Health
from swarm_tui.widgets.bars import HeaderBar
from textual.widgets import Input

_Node, _Service, _Task = objects_pb2.Node, objects_pb2.Service, objects_pb2.Task


def header(run) -> str:
    return run.screen.query_one(HeaderBar).render_line(0).text


@pytest.mark.parametrize("width", [100, 120])
async def test_the_header_says_the_quorum_when_a_manager_is_lost(cluster, width):
    """Clock, term and sizes make room for it, at 100 columns too."""
    async with running(cluster, size=(width, 40)) as run:
        cluster.update(_Node, "n02-m3", lambda node: _unreach(node))
        await run.until(lambda: "tolerates 0" in header(run))
        assert "3 managers · leader m1" in header(run)


def _unreach(node):
    node.manager_status.reachability = types_pb2.RaftMemberStatus.UNREACHABLE


async def test_who_was_demoted_counts_as_a_manager_no_more(cluster):
    """The quorum follows the nodes' roles at once, not what was told of managers before."""
    async with running(cluster) as run:
        for node_id in ("n01-m2", "n02-m3"):
            cluster.update(_Node, node_id, lambda node: setattr(node, "role", types_pb2.WORKER))
        await run.until(lambda: "1 manager ·" in header(run))
        assert "tolerates" not in header(run)


async def test_a_crash_loop_stays_a_problem_while_it_runs(cluster):
    """Between two crashes the service is not fine, and all failures are counted, kept by the cluster or not."""
    async with running(cluster) as run:
        mirror, now = run.screen.session.mirror, lambda: cluster.now_ns
        looks = []
        for number in range(7):
            service = cluster.get(_Service, "s-db")
            task_id = f"t-db-x{number}"
            cluster.remove(_Task, *[t.id for t in cluster.all(_Task) if t.service_id == "s-db"])
            cluster.put(
                make_task(
                    task_id, service=service, slot=1, node_id="n03-w1", state="RUNNING", status_ns=now()
                )
            )
            await run.until(lambda task_id=task_id: mirror.get(_Task, task_id) is not None)
            looks.append(services.health(mirror.get(_Service, "s-db"), mirror, now()))
            cluster.advance(8)
            cluster.update(_Task, task_id, lambda task: _fail(task, now()))
            await run.until(
                lambda task_id=task_id: mirror.get(_Task, task_id).status.state == types_pb2.FAILED
            )
            cluster.advance(5)
        assert looks[:2] == [Health.OK, Health.OK]
        assert set(looks[2:]) == {Health.PARTLY}
        (problem,) = services.problems(mirror.get(_Service, "s-db"), mirror, now())
        assert "failed 7 times in 5m" in problem.summary
        assert "non-zero exit (3)" in problem.cause
        cluster.advance(301)
        cluster.put(make_task("t-db-y", service=service, slot=1, node_id="n03-w1", state="RUNNING"))
        await run.until(lambda: mirror.get(_Task, "t-db-y") is not None)
        assert services.health(mirror.get(_Service, "s-db"), mirror, now()) is Health.OK


def _fail(task, now_ns):
    task.status.state = types_pb2.FAILED
    task.status.err = "task: non-zero exit (3)"
    task.status.timestamp.CopyFrom(timestamp(now_ns))


async def test_a_task_waits_since_it_was_made(cluster):
    """Every attempt of the scheduler writes a new time; what counts is how long the task has waited."""
    async with running(cluster) as run:
        cluster.advance(600)
        cluster.update(
            _Task, "t-billing-02", lambda task: task.status.timestamp.CopyFrom(timestamp(cluster.now_ns))
        )
        await run.knows()
        await settle(run.app, run.pilot)
        assert "pending 14m" in run.text


async def test_ends_are_told_apart_in_a_list(cluster):
    """At 120 columns exit 3 and out of memory read differently."""
    for task_id, err in (
        ("t-api-07", "task: non-zero exit (3)"),
        ("t-api-08", "task: non-zero exit (137): container was out of memory"),
    ):
        cluster.update(_Task, task_id, lambda task, err=err: _end(task, err))
    async with running(cluster, size=(120, 40)) as run:
        await run.burst("4")
        assert "exit 3" in run.text
        assert "out of memory" in run.text
        await run.burst("1")
        assert "exit 137" in run.text


def _end(task, err):
    task.status.state = types_pb2.FAILED
    task.status.err = err


async def test_draining_the_only_node_says_what_stops():
    """`a`, drain: the tasks that will stop are named before anything is sent; escape sends nothing."""
    service = make_service("s", name="web", replicas=2)
    tasks = [make_task(f"t{n}", service=service, slot=n, node_id="n", state="RUNNING") for n in (1, 2)]
    cluster = FakeCluster([make_cluster("c"), make_node("n", hostname="alone"), service, *tasks])
    async with running(cluster) as run:
        await run.burst("2", "a", "down", "down", "enter")
        assert "2 running tasks will stop: no other node takes tasks." in run.text
        await run.burst("escape")
        assert not run.called("Control.UpdateNode")
        # What stops tasks needs the name of the node.
        await run.burst("a", "down", "down", "enter", *"alone", "enter")
        assert len(run.called("Control.UpdateNode")) == 1


async def test_scaling_to_nothing_gets_no_tick(cluster):
    """What stops running tasks is said, and is a warning."""
    async with running(cluster) as run:
        await run.burst(*"3/web", "enter", *"s0")
        assert "▲ 12 → 0 · 12 running tasks will stop" in run.text


async def test_nodes_of_the_same_name_are_told_apart(cluster):
    """Two nodes called w1 show the beginnings of their ids too, in every list."""
    cluster.put(make_node("zzzzzz9", hostname="w1"))
    async with running(cluster) as run:
        await run.burst("2")
        assert "w1·zzzzzz" in run.text
        assert "w1·n03-w1" in run.text
        assert "w2·" not in run.text


async def test_dead_tasks_are_not_counted(cluster):
    """The header's number of tasks is of those that run or are to run."""
    async with running(cluster) as run:
        assert "57 tasks" in header(run)
        cluster.put(
            make_task(
                "t-old", service=cluster.get(_Service, "s-web"), slot=1, state="SHUTDOWN", desired="SHUTDOWN"
            )
        )
        await run.until(lambda: run.screen.session.mirror.get(_Task, "t-old") is not None)
        await settle(run.app, run.pilot)
        assert "57 tasks" in header(run)


async def test_a_reservation_that_no_node_has_gets_no_tick(cluster):
    """The form says so beside the field."""
    async with running(cluster) as run:
        await run.burst("n")
        await run.screen.navigator.view.fields.go_to("reserve_cpu")
        field = run.screen.query_one("#reserve_cpu", Input)
        field.value = "900"
        await run.shows("▲ no node is so large")
        field.value = "2"
        await run.shows("✓ per task")


async def test_while_connecting_no_problem_is_denied(cluster):
    """Before anything is known, nothing is said of problems."""
    cluster.unreachable = "no route"
    async with running(cluster) as run:
        await run.shows("connecting")
        assert "no problem known" not in run.text


async def test_the_worst_problem_at_80_columns(cluster):
    """Where there is no room beside the lists, the worst problem stands above them with its whole cause, and so does what is in motion."""
    async with running(cluster, size=(80, 24)) as run:
        first, second, *_ = run.screen._cluster.problems.all()
        told = " ".join(run.text.partition("╭")[0].split())
        assert f"✖ {first.name}" in told
        assert first.cause in told
        assert second.cause not in told
        assert "+3 more" in told
        assert "⟳ api" in told


async def test_equal_causes_are_told_once(cluster):
    """Several services with one cause are one note that counts them."""
    for name in ("a", "b", "c", "d"):
        service = make_service(f"s-{name}", name=f"new-{name}")
        task = make_task(f"t-{name}", service=service, slot=1, state="PENDING", err="no disk=ssd anywhere")
        cluster.put(service, task)
    async with running(cluster) as run:
        assert run.text.count("no disk=ssd anywhere") == 1
        assert "4 services" in run.text


async def test_the_newest_problem_stands_first_among_equals(cluster):
    """Problems of one severity are in the order in which they began, the newest first."""
    async with running(cluster) as run:
        every = run.screen._cluster.problems.all()
        for before, after in pairwise(every):
            assert before.health.severity >= after.health.severity
            if before.health.severity == after.health.severity:
                assert before.since_ns >= after.since_ns


async def test_a_steady_service_is_a_full_curve_whatever_its_goal_becomes():
    """Scaled from 3 to 12, the minutes in which 3 of 3 ran stay whole."""
    service = make_service("s", name="web", replicas=3)
    tasks = [make_task(f"t{n}", service=service, slot=n, node_id="n", state="RUNNING") for n in (1, 2, 3)]
    cluster = FakeCluster([make_cluster("c"), make_node("n", hostname="w1"), service, *tasks])
    async with running(cluster) as run:
        mirror = run.screen.session.mirror
        cluster.advance(300)
        cluster.update(_Service, "s", lambda s: setattr(s.spec.replicated, "replicas", 12))
        await run.until(lambda: mirror.get(_Service, "s").spec.replicated.replicas == 12)
        known = [share for share in mirror.running_history("s", cluster.now_ns) if share is not None]
        assert known[:-1] == [1.0] * (len(known) - 1)
        assert known[-1] < 0.5


async def test_panes_hold_what_they_have():
    """With nothing in motion its pane is one line high, and the side is never wider than 64 columns."""
    cluster = FakeCluster([make_cluster("c"), make_node("n", hostname="w1")])
    async with running(cluster, size=(220, 50)) as run:
        dashboard = run.dashboard
        assert dashboard.motion.notes.outer_size.height == 3
        assert dashboard.changes.notes.outer_size.height == 3
        assert dashboard.problems.notes.outer_size == (64, 50 - 2 - 6)


async def test_only_the_sign_of_what_runs_is_coloured(cluster):
    """`running` and `ready` are muted words."""
    async with running(cluster) as run:
        for pane, word in ((run.dashboard.tasks, "running"), (run.dashboard.nodes, "ready")):
            table = pane.table
            spans = [span for cell in table.rows.cells(table.rows.id_at(0)) for span in cell.spans]
            assert {span.role for span in spans if span.text.strip() == word} == {"muted"}


async def test_leaving_a_demo_says_that_it_ends(cluster):
    """A cluster that is there for the dashboard alone ends with it, and the dialog says so."""
    async with running(cluster) as run:
        await run.burst("q")
        assert "goes on without the dashboard" in run.text
    async with running(lively_cluster(), ends_with_program=True) as run:
        await run.burst("q")
        assert "The cluster ends with the dashboard" in run.text
