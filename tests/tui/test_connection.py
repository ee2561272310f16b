"""The stream breaks, comes back, or is never there: what is shown of it."""

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.raft_status_pb2 import GetRaftStatusResponse
from swarm_core.client.errors import NO_LEADER, CallFailed
from swarm_core.client.managers import TOLD_S
from swarm_testkit.dashboard import running
from swarm_tui.clusters.changes import Phase
from swarm_tui.widgets.table import ObjectTable


def roles_of_row(run, needle):
    """Colours of the row that holds `needle`."""
    strips = run.app.screen._compositor.render_strips()
    strip = next(strip for strip in strips if needle in strip.text)
    return {segment.style.color for segment in strip if needle in segment.text}


async def test_a_lost_stream_is_said_and_the_data_are_greyed(cluster):
    """What was known stays readable, grey, with its age; the program goes on working."""
    async with running(cluster) as run:
        coloured = roles_of_row(run, "billing")
        cluster.unreachable = "connection refused"
        cluster.cut()
        await run.shows("STALE 0s")
        cluster.advance(12)
        await run.shows("STALE 12s")
        assert roles_of_row(run, "registry/billing") != coloured
        await run.press("3", "down", "d")
        await run.shows("service billing · describe")


async def test_recovery_is_automatic_and_tells_what_was_missed(cluster):
    """When the manager is back the stream resumes, colours return, and missed changes are counted."""
    async with running(cluster) as run:
        cluster.unreachable = "connection refused"
        cluster.cut()
        await run.shows("STALE")
        cluster.advance(1)
        cluster.update(
            objects_pb2.Service, "s-db", lambda s: setattr(s.spec.task.container, "image", "postgres:18")
        )
        cluster.update(
            objects_pb2.Service, "s-db", lambda s: setattr(s.spec.task.container, "image", "postgres:19")
        )
        cluster.advance(1)
        cluster.unreachable = None
        await run.shows("live")
        await run.shows("postgres:19")
        await run.shows("changes while away")
        assert not run.dashboard.services.table._is_dimmed


async def test_a_refused_resume_lists_anew_and_keeps_the_cursor(cluster):
    """When too much was missed everything is listed again; cursor and marks stay on their objects."""
    async with running(cluster) as run:
        await run.press("3", "down", "down", "space")
        table = run.screen.focused
        assert isinstance(table, ObjectTable)
        cursor = table.cursor_id
        lists = len(run.called("Control.ListServices"))
        cluster.unreachable = "connection refused"
        cluster.cut()
        await run.shows("STALE")
        cluster.put(cluster.get(objects_pb2.Service, "s-db"))
        cluster.compact()
        cluster.unreachable = None
        await run.until(lambda: len(run.called("Control.ListServices")) > lists)
        await run.until(lambda: run.screen.session.mirror.stream.phase is Phase.LIVE)
        cluster.remove(objects_pb2.Service, "s-api")
        await run.shows("7 services")
        assert table.cursor_id == cursor
        assert {ref.id for ref in table.marks} == {"s-cache"}


async def test_no_manager_at_the_start(cluster):
    """Without a manager the program says that it is connecting, and begins when there is one."""
    cluster.unreachable = "connection refused"
    async with running(cluster) as run:
        await run.shows("connecting")
        assert "0 nodes" not in run.text
        cluster.unreachable = None
        await run.shows("12 nodes")


async def test_list_anew_on_demand(cluster):
    """ctrl+r asks for everything again."""
    async with running(cluster) as run:
        before = len(run.called("Control.ListServices"))
        await run.press("ctrl+r")
        await run.until(lambda: len(run.called("Control.ListServices")) > before)
        await run.shows("live")


async def test_a_new_leader_is_told(cluster):
    """A change of leader is one line, once."""
    async with running(cluster) as run:

        def lead(leads):
            def change(node):
                node.manager_status.leader = leads

            return change

        cluster.update(objects_pb2.Node, "n00-m1", lead(False))
        cluster.update(objects_pb2.Node, "n01-m2", lead(True))
        await run.shows("m2 leads now, after m1")
        await run.shows("leader m2")


async def test_lost_quorum_stands_out(cluster):
    """Without a majority of managers the header says so, in words."""
    async with running(cluster) as run:
        for id_ in ("n01-m2", "n02-m3"):
            cluster.update(
                objects_pb2.Node,
                id_,
                lambda n: setattr(n.manager_status, "reachability", types_pb2.RaftMemberStatus.UNREACHABLE),
            )
        await run.shows("quorum lost")


async def test_without_a_leader_the_watch_says_nothing_and_the_dashboard_does(cluster):
    """A manager that is left keeps its watch open and answers no question: that is a lost quorum, until somebody leads again."""
    cluster.raft = GetRaftStatusResponse(term=7)
    async with running(cluster) as run:
        await run.shows("leader m1")
        cluster.fail_next("Control.ListNodes", CallFailed(NO_LEADER, "nobody leads"), times=10_000)
        await run.until(lambda: cluster.advance(TOLD_S) or "3 managers · no leader · quorum lost" in run.text)
        assert "live" in run.text
        await run.shows("none of 3 managers leads")
        cluster.fail_no_more("Control.ListNodes")
        await run.until(lambda: cluster.advance(TOLD_S) or "leader m1 · tolerates 1" in run.text)
        assert "none of 3 managers leads" not in run.text


@pytest.mark.parametrize("size", [(132, 40), (80, 24)])
async def test_why_nothing_is_known_stands_there_whole(cluster, size):
    """Opened while the cluster has no leader, the dashboard says why nothing comes, and all of it."""
    cluster.unreachable = (
        "the cluster has no leader: " + "bring managers back, " * 6 + "or begin anew, finally."
    )
    async with running(cluster, size=size) as run:
        await run.shows("finally.")


@pytest.mark.parametrize(
    "error", [CallFailed("PERMISSION_DENIED", "not for you"), CallFailed("INTERNAL", "boom")]
)
async def test_a_refusing_manager_is_no_traceback(cluster, error):
    """A watch that is refused is tried again; until then the header says that nothing is live."""
    cluster.fail_next("Watch.Watch", error, times=2)
    async with running(cluster) as run:
        await run.shows("live")
        assert "12 nodes" in run.text
